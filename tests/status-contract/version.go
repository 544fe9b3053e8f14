package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The field manager of the operator.
const operator = "sequencestore-operator"

// version is one version of one object, as the watch delivered it.
type version struct {
	event      string
	object     *unstructured.Unstructured
	conditions []condition
	// status.observedGeneration; nil if the field is absent.
	observed *int64
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	LastTransitionTime string `json:"lastTransitionTime"`
	ObservedGeneration *int64 `json:"observedGeneration"`
}

func parse(line []byte) (*version, error) {
	var entry struct {
		Event  string          `json:"event"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(line, &entry); err != nil {
		return nil, err
	}
	// The tools require integers as int64, and json.Unmarshal would decode them as float64.
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(entry.Object); err != nil {
		return nil, err
	}
	if object.GetUID() == "" {
		return nil, errors.New("the object has no uid")
	}
	var plain struct {
		Status struct {
			ObservedGeneration *int64      `json:"observedGeneration"`
			Conditions         []condition `json:"conditions"`
		} `json:"status"`
	}
	if err := json.Unmarshal(entry.Object, &plain); err != nil {
		return nil, err
	}
	return &version{entry.Event, object, plain.Status.Conditions, plain.Status.ObservedGeneration}, nil
}

func (v *version) condition(kind string) *condition {
	for i := range v.conditions {
		if v.conditions[i].Type == kind {
			return &v.conditions[i]
		}
	}
	return nil
}

func (v *version) isTrue(kind string) bool {
	c := v.condition(kind)
	return c != nil && c.Status == "True"
}

// stale reports whether the operator wrote the status for another generation.
func (v *version) stale() bool {
	return v.observed != nil && *v.observed != v.object.GetGeneration()
}

func (v *version) deleting() bool { return v.object.GetDeletionTimestamp() != nil }

// unobserved reports whether the status still has the defaults of the CRD: the operator has not written it yet.
func (v *version) unobserved() bool {
	return len(v.conditions) == 0 && v.observed != nil && *v.observed == -1
}

// pausedUnobserved reports whether the object was paused before its first reconciliation. The operator then writes
// conditions, but leaves observedGeneration at -1.
func (v *version) pausedUnobserved() bool {
	synced := v.condition("Synced")
	return v.observed != nil && *v.observed == -1 && synced != nil && synced.Reason == "Paused"
}

// edited reports whether another field manager has written a part of the status. Some tests do that.
func (v *version) edited() bool {
	for _, entry := range v.object.GetManagedFields() {
		if entry.Subresource == "status" && entry.Manager != operator {
			return true
		}
	}
	return false
}

// signature summarises the state of the version for the report.
func (v *version) signature() string {
	words := []string{v.object.GetKind()}
	switch {
	case v.edited():
		words = append(words, "edited")
	case v.unobserved():
		words = append(words, "unobserved")
	case v.pausedUnobserved():
		words = append(words, "paused unobserved")
	case v.stale():
		words = append(words, "stale")
	default:
		words = append(words, "current")
	}
	if v.deleting() {
		words = append(words, "deleting")
	}
	for _, c := range v.conditions {
		words = append(words, fmt.Sprintf("%s=%s(%s)", c.Type, c.Status, c.Reason))
	}
	return strings.Join(words, " ")
}
