package main

import (
	"reflect"
	"regexp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Numbers and hexadecimal ids in a message.
var numbers = regexp.MustCompile(`[0-9a-f-]*\d[0-9a-f-]*`)

// checkChange checks a version against the previous version of the same object.
func checkChange(previous, v *version) []finding {
	var findings []finding
	report := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, format, values...))
	}
	if v.event != "DELETED" && reflect.DeepEqual(withoutServerFields(previous), withoutServerFields(v)) {
		report("writes", "the version does not differ from the previous one")
	}
	// If a test has wiped the status, the operator starts from the defaults of the CRD.
	if v.unobserved() || previous.unobserved() || previous.observed == nil || v.observed == nil {
		return findings
	}
	if *v.observed < *previous.observed {
		report("observedGeneration", "decreases from %d to %d", *previous.observed, *v.observed)
	}
	for _, is := range v.conditions {
		was := previous.condition(is.Type)
		if was == nil {
			continue
		}
		if was.Status == is.Status && was.LastTransitionTime != is.LastTransitionTime {
			report("lastTransitionTime", "the time of %s changes although its status stays %s", is.Type, is.Status)
		}
		if was.Status != is.Status && is.LastTransitionTime < was.LastTransitionTime {
			report("lastTransitionTime", "the time of %s decreases", is.Type)
		}
		messageChanged := was.Reason == is.Reason && was.Message != is.Message
		if messageChanged && onlyConditionsDiffer(previous, v) && shape(was.Message) == shape(is.Message) {
			report("message", "the message of %s differs only in a number: %q, then %q", is.Type, was.Message, is.Message)
		}
	}
	return findings
}

// withoutServerFields returns the object without the fields that the API server changes with every write.
func withoutServerFields(v *version) map[string]any {
	object := v.object.DeepCopy().Object
	unstructured.RemoveNestedField(object, "metadata", "resourceVersion")
	unstructured.RemoveNestedField(object, "metadata", "managedFields")
	return object
}

// onlyConditionsDiffer reports whether the versions differ in nothing but their conditions.
func onlyConditionsDiffer(previous, v *version) bool {
	first, second := withoutServerFields(previous), withoutServerFields(v)
	unstructured.RemoveNestedField(first, "status", "conditions")
	unstructured.RemoveNestedField(second, "status", "conditions")
	return reflect.DeepEqual(first, second)
}

// shape returns the message with every number replaced by the same character.
func shape(message string) string { return numbers.ReplaceAllString(message, "#") }
