package main

import (
	"reflect"
	"regexp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var changing = regexp.MustCompile(`[0-9a-f-]*\d[0-9a-f-]*`)

// follows holds a version to what the one before it of the same object was.
func follows(before, v *version) []finding {
	var findings []finding
	wrong := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, format, values...))
	}
	if v.event != "DELETED" && reflect.DeepEqual(settled(before), settled(v)) {
		wrong("writes", "nothing is different from the version before")
	}
	// A status that was wiped starts over.
	if v.fresh() || before.fresh() || before.observed == nil || v.observed == nil {
		return findings
	}
	if *v.observed < *before.observed {
		wrong("observedGeneration", "goes back from %d to %d", *before.observed, *v.observed)
	}
	for _, is := range v.conditions {
		was := before.condition(is.Type)
		if was == nil {
			continue
		}
		if was.Status == is.Status && was.LastTransitionTime != is.LastTransitionTime {
			wrong("lastTransitionTime", "%s moves and the condition stays %s", is.Type, is.Status)
		}
		if was.Status != is.Status && is.LastTransitionTime < was.LastTransitionTime {
			wrong("lastTransitionTime", "%s goes back", is.Type)
		}
		same := was.Reason == is.Reason && was.Message != is.Message
		if same && onlyConditions(before, v) && shape(was.Message) == shape(is.Message) {
			wrong("message", "%s says the same with another number: %q, then %q", is.Type, was.Message, is.Message)
		}
	}
	return findings
}

// settled is the object without what the API server writes for every version.
func settled(v *version) map[string]any {
	object := v.object.DeepCopy().Object
	unstructured.RemoveNestedField(object, "metadata", "resourceVersion")
	unstructured.RemoveNestedField(object, "metadata", "managedFields")
	return object
}

// onlyConditions: the two differ in nothing but conditions.
func onlyConditions(before, v *version) bool {
	one, other := settled(before), settled(v)
	unstructured.RemoveNestedField(one, "status", "conditions")
	unstructured.RemoveNestedField(other, "status", "conditions")
	return reflect.DeepEqual(one, other)
}

func shape(message string) string { return changing.ReplaceAllString(message, "#") }
