package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

const examples = "../../examples"

var someReasons = reasonsOf{
	store:   {"Available", "InSync", "Creating", "InvalidSpec", "Deleting", "Paused", "AwsUnavailable"},
	binding: {"RoleAssumed", "RoleNotAssumable", "AwsUnavailable"},
}

type fields = map[string]any

// statusOf returns a status with conditions, each given as type, status and reason.
func statusOf(observed int, conditions ...[3]string) fields {
	var list []any
	for _, c := range conditions {
		list = append(list, fields{
			"type": c[0], "status": c[1], "reason": c[2], "message": "The reason is " + c[2] + ".",
			"observedGeneration": observed, "lastTransitionTime": "2026-01-02T03:04:05Z",
		})
	}
	return fields{"observedGeneration": observed, "conditions": list}
}

func ready() fields {
	return statusOf(2, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "True", "InSync"})
}

func stalled() fields {
	const why = "InvalidSpec"
	return statusOf(2, [3]string{"Ready", "False", why}, [3]string{"Synced", "False", why}, [3]string{"Stalled", "True", why})
}

func creating() fields {
	const why = "Creating"
	return statusOf(2, [3]string{"Ready", "False", why}, [3]string{"Synced", "False", why}, [3]string{"Reconciling", "True", why})
}

// entry parses a line of a recording. The operator is the owner of the status, unless metadata names another manager.
func entry(t *testing.T, number int, status fields, metadata fields) *version {
	t.Helper()
	all := fields{"name": "a", "namespace": "lab", "uid": "u", "generation": 2, "resourceVersion": number}
	maps.Copy(all, metadata)
	all["resourceVersion"] = string(rune('0' + number))
	object := fields{"apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore", "metadata": all, "status": status}
	line, err := json.Marshal(fields{"event": "MODIFIED", "object": object})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// bindingEntry is the same for an AccountBinding.
func bindingEntry(t *testing.T, number int, status fields) *version {
	t.Helper()
	version := entry(t, number, status, nil)
	version.object.SetKind(binding)
	version.object.SetNamespace("")
	return version
}

// findingsOf checks versions in order and returns the findings for the last one.
func findingsOf(t *testing.T, versions ...*version) []finding {
	t.Helper()
	checker, err := newChecker(someReasons, examples)
	if err != nil {
		t.Fatal(err)
	}
	var last result
	for _, v := range versions {
		last = checker.check(v)
	}
	return last.findings
}

func TestVersionsThatSatisfyTheContractPass(t *testing.T) {
	deleted := fields{"generation": 3, "deletionTimestamp": "2026-01-02T03:04:06Z"}
	for name, v := range map[string]*version{
		"unobserved":       entry(t, 1, fields{"observedGeneration": -1}, nil),
		"creating":         entry(t, 1, creating(), nil),
		"ready":            entry(t, 1, ready(), nil),
		"stalled":          entry(t, 1, stalled(), nil),
		"spec has changed": entry(t, 1, ready(), fields{"generation": 3}),
		"being deleted":    entry(t, 1, ready(), deleted),
		"paused unobserved": entry(t, 1, fields{
			"observedGeneration": -1,
			"conditions":         statusOf(2, [3]string{"Ready", "False", "Paused"}, [3]string{"Synced", "False", "Paused"})["conditions"],
		}, nil),
		"paused": entry(t, 1, statusOf(2, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "False", "Paused"}), nil),
	} {
		for _, finding := range findingsOf(t, v) {
			t.Errorf("%s: %+v", name, finding)
		}
	}
}

func TestAccountBindingsHaveConditionsOfTheirOwn(t *testing.T) {
	assumed := func() fields { return statusOf(2, [3]string{"Ready", "True", "RoleAssumed"}) }
	denied := statusOf(2, [3]string{"Ready", "False", "RoleNotAssumable"}, [3]string{"Stalled", "True", "RoleNotAssumable"})
	for _, status := range []fields{{"observedGeneration": -1}, assumed(), denied} {
		for _, finding := range findingsOf(t, bindingEntry(t, 1, status)) {
			t.Errorf("%v: %+v", status, finding)
		}
	}
	for rule, status := range map[string]fields{
		"conditions": with(assumed(), [3]string{"Synced", "True", "RoleAssumed"}),
		"reason":     statusOf(2, [3]string{"Ready", "True", "Available"}),
		"Ready":      statusOf(2, [3]string{"Stalled", "True", "RoleNotAssumable"}),
	} {
		if found := findingsOf(t, bindingEntry(t, 1, status)); !has(found, rule) {
			t.Errorf("rule %s has no failure in %+v", rule, found)
		}
	}
	if found := findingsOf(t, entry(t, 1, statusOf(2, [3]string{"Ready", "True", "RoleAssumed"}), nil)); !has(found, "reason") {
		t.Errorf("a SequenceStore may have the reason of a binding: %+v", found)
	}
}

// withReady sets a field of the first condition, which is Ready.
func withReady(status fields, name string, value any) fields {
	status["conditions"].([]any)[0].(fields)[name] = value
	return status
}

func without(status fields, index int) fields {
	list := status["conditions"].([]any)
	status["conditions"] = append(list[:index:index], list[index+1:]...)
	return status
}

func with(status fields, condition [3]string) fields {
	more := statusOf(2, condition)["conditions"].([]any)
	status["conditions"] = append(status["conditions"].([]any), more...)
	return status
}

func TestVersionsThatBreakARuleFail(t *testing.T) {
	readyWithMessage := func(message string) fields { return withReady(ready(), "message", message) }
	for _, test := range []struct {
		name   string
		status fields
		rule   string
	}{
		{"an empty status", fields{}, "kstatus"},
		{"conditions without an observedGeneration of the status", fields{"conditions": ready()["conditions"]}, "observedGeneration"},
		{"an observedGeneration greater than the generation", statusOf(3, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "True", "InSync"}), "observedGeneration"},
		{"conditions with observedGeneration -1", statusOf(-1, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "True", "InSync"}), "observedGeneration"},
		{"no conditions", fields{"observedGeneration": 2}, "kstatus"},
		{"no Ready", without(stalled(), 0), "Flux"},
		{"no Synced", without(ready(), 1), "Synced"},
		{"Reconciling and Stalled", with(creating(), [3]string{"Stalled", "True", "Creating"}), "Flux"},
		{"Ready while Stalled", with(ready(), [3]string{"Stalled", "True", "Available"}), "Flux"},
		{"Ready while Reconciling", with(ready(), [3]string{"Reconciling", "True", "Available"}), "Flux"},
		{"Stalled with status False", with(ready(), [3]string{"Stalled", "False", "Available"}), "Stalled"},
		{"neither Ready nor Reconciling nor Stalled", without(stalled(), 2), "progress"},
		{"Stalled with another reason than Ready", with(without(stalled(), 2), [3]string{"Stalled", "True", "Creating"}), "Stalled"},
		{"Ready with status Unknown", withReady(ready(), "status", "Unknown"), "conditions"},
		{"an unknown reason", withReady(ready(), "reason", "Wonderful"), "reason"},
		{"an unknown type", with(ready(), [3]string{"Healthy", "True", "Available"}), "conditions"},
		{"a type twice", with(ready(), [3]string{"Ready", "True", "Available"}), "conditions"},
		{"a time with fractions of a second", withReady(ready(), "lastTransitionTime", "2026-01-02T03:04:05.6Z"), "lastTransitionTime"},
		{"a time that is not in UTC", withReady(ready(), "lastTransitionTime", "2026-01-02T03:04:05+01:00"), "lastTransitionTime"},
		{"a condition with an older observedGeneration", withReady(ready(), "observedGeneration", 1), "Flux"},
		{"a condition without an observedGeneration", withReady(stalled(), "observedGeneration", nil), "generation"},
		{"no message", readyWithMessage(""), "message"},
		{"a date in the message", readyWithMessage("Seen at 2026-01-02T03:04:05Z."), "message"},
		{"a time of day in the message", readyWithMessage("Seen at 03:04:05."), "message"},
		{"a counter in the message", readyWithMessage("GetSequenceStore fails, attempt 7."), "message"},
		{"a number of attempts in the message", readyWithMessage("It was tried 12 times."), "message"},
		{"a duration in the message", readyWithMessage("It is tried again in 30s."), "message"},
		{"a request id in the message", readyWithMessage("AWS fails (RequestId: 7)."), "message"},
		{"a UUID in the message", readyWithMessage("AWS fails (0b5c6a0e-1111-2222-3333-444455556666)."), "message"},
	} {
		if !has(findingsOf(t, entry(t, 1, test.status, nil)), test.rule) {
			t.Errorf("%s: rule %s has no failure in %+v", test.name, test.rule, findingsOf(t, entry(t, 1, test.status, nil)))
		}
	}
}

func TestANameThatLooksLikeADurationPasses(t *testing.T) {
	status := withReady(ready(), "message", "The AccountBinding e2e-9992s-cxw5m is about the namespace e2e-9992s.")
	if has(findingsOf(t, entry(t, 1, status, nil)), "message") {
		t.Errorf("%+v", findingsOf(t, entry(t, 1, status, nil)))
	}
}

func TestChangesThatBreakARuleFail(t *testing.T) {
	later := func(status fields) fields { return withReady(status, "lastTransitionTime", "2026-01-02T03:04:06Z") }
	seven := withReady(ready(), "message", "The number is 7.")
	eight := withReady(ready(), "message", "The number is 8.")
	edited := fields{"generation": 3}
	for _, test := range []struct {
		name              string
		previous, current *version
		rule              string
	}{
		{"a write that changes nothing", entry(t, 1, ready(), nil), entry(t, 2, ready(), nil), "writes"},
		{"a new time without a new status", entry(t, 1, ready(), nil), entry(t, 2, later(ready()), nil), "lastTransitionTime"},
		{"a time that decreases", entry(t, 1, later(ready()), nil), entry(t, 2, stalled(), nil), "lastTransitionTime"},
		{"a message that differs only in a number", entry(t, 1, seven, nil), entry(t, 2, eight, nil), "message"},
		{"an observedGeneration that decreases", entry(t, 1, statusOf(3, [3]string{"Ready", "True", "Available"}), edited), entry(t, 2, ready(), edited), "observedGeneration"},
	} {
		if !has(findingsOf(t, test.previous, test.current), test.rule) {
			t.Errorf("%s: rule %s has no failure in %+v", test.name, test.rule, findingsOf(t, test.previous, test.current))
		}
	}
}

func has(findings []finding, rule string) bool {
	for _, finding := range findings {
		if !finding.warning && finding.rule == rule {
			return true
		}
	}
	return false
}

func TestStatusesWrittenByOthersAreNotChecked(t *testing.T) {
	managers := []any{fields{"manager": "somebody", "operation": "Update", "subresource": "status"}}
	if wrong := findingsOf(t, entry(t, 1, fields{}, fields{"managedFields": managers})); len(wrong) > 0 {
		t.Errorf("a status of another field manager is checked: %+v", wrong)
	}
	managers[0].(fields)["manager"] = operator
	if wrong := findingsOf(t, entry(t, 1, fields{}, fields{"managedFields": managers})); len(wrong) == 0 {
		t.Error("a status of the operator is not checked")
	}
}

func TestReportFailsForAFailureAndForAnEmptyRecording(t *testing.T) {
	var text strings.Builder
	report := newReport(someReasons)
	if report.print(&text) {
		t.Error("the report passes for an empty recording")
	}
	bad := entry(t, 1, stalled(), nil)
	report.add(bad, result{findings: []finding{{warning: true, rule: "r", text: "t"}}})
	if !report.print(&text) {
		t.Error("the report fails for a warning")
	}
	report.add(bad, result{findings: []finding{fail("r", "broken")}})
	if report.print(&text) || !strings.Contains(text.String(), "FAIL r: broken") || !strings.Contains(text.String(), "uid: u") {
		t.Errorf("the report does not contain the failure and its object:\n%s", text.String())
	}
}
