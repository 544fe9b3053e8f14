package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The field manager under which the operator writes.
const operator = "sequencestore-operator"

// version is one version of one object, as the watch brought it.
type version struct {
	event      string
	object     *unstructured.Unstructured
	conditions []condition
	// The generation in the status; nil when there is none.
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
	// Not json.Unmarshal: the tools want integers as int64.
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(entry.Object); err != nil {
		return nil, err
	}
	if object.GetUID() == "" {
		return nil, errors.New("an object without a uid")
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

// stale: the status was made for another generation.
func (v *version) stale() bool {
	return v.observed != nil && *v.observed != v.object.GetGeneration()
}

func (v *version) deleting() bool { return v.object.GetDeletionTimestamp() != nil }

// fresh: the operator has not written the status yet.
func (v *version) fresh() bool {
	return len(v.conditions) == 0 && v.observed != nil && *v.observed == -1
}

// pausedUnseen: paused before the operator ever acted on it. Conditions are there, a generation acted on is not.
func (v *version) pausedUnseen() bool {
	synced := v.condition("Synced")
	return v.observed != nil && *v.observed == -1 && synced != nil && synced.Reason == "Paused"
}

// edited: somebody else has written a part of the status; some tests do, to see what the operator makes of it.
func (v *version) edited() bool {
	for _, entry := range v.object.GetManagedFields() {
		if entry.Subresource == "status" && entry.Manager != operator {
			return true
		}
	}
	return false
}

// signature names the state of the version as a person would.
func (v *version) signature() string {
	var words []string
	switch {
	case v.edited():
		words = append(words, "edited")
	case v.fresh():
		words = append(words, "fresh")
	case v.pausedUnseen():
		words = append(words, "unseen")
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
