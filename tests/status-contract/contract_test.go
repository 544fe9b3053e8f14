package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

const examples = "../../examples"

var someReasons = []string{"Available", "InSync", "Creating", "InvalidSpec", "Deleting", "Paused", "AwsUnavailable"}

type fields = map[string]any

// status makes a status out of its conditions: type, status, reason.
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

// entry is a line of a recording; a status is the operator's unless another manager is named.
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

// found judges versions one after the other and returns what is wrong with the last one.
func found(t *testing.T, versions ...*version) []finding {
	t.Helper()
	checker, err := newChecker(someReasons, examples)
	if err != nil {
		t.Fatal(err)
	}
	var last judgement
	for _, v := range versions {
		last = checker.check(v)
	}
	return last.findings
}

func TestGoodVersionsPass(t *testing.T) {
	deleted := fields{"generation": 3, "deletionTimestamp": "2026-01-02T03:04:06Z"}
	for name, v := range map[string]*version{
		"fresh":             entry(t, 1, fields{"observedGeneration": -1}, nil),
		"creating":          entry(t, 1, creating(), nil),
		"ready":             entry(t, 1, ready(), nil),
		"stalled":           entry(t, 1, stalled(), nil),
		"edited meanwhile":  entry(t, 1, ready(), fields{"generation": 3}),
		"deleted meanwhile": entry(t, 1, ready(), deleted),
		"paused unseen": entry(t, 1, fields{
			"observedGeneration": -1,
			"conditions":         statusOf(2, [3]string{"Ready", "False", "Paused"}, [3]string{"Synced", "False", "Paused"})["conditions"],
		}, nil),
		"paused": entry(t, 1, statusOf(2, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "False", "Paused"}), nil),
	} {
		for _, finding := range found(t, v) {
			t.Errorf("%s: %+v", name, finding)
		}
	}
}

// first changes the first condition, which is Ready.
func first(status fields, name string, value any) fields {
	status["conditions"].([]any)[0].(fields)[name] = value
	return status
}

func without(status fields, index int) fields {
	list := status["conditions"].([]any)
	status["conditions"] = append(list[:index:index], list[index+1:]...)
	return status
}

func and(status fields, condition [3]string) fields {
	more := statusOf(2, condition)["conditions"].([]any)
	status["conditions"] = append(status["conditions"].([]any), more...)
	return status
}

func TestBadVersionsFail(t *testing.T) {
	say := func(message string) fields { return first(ready(), "message", message) }
	for _, test := range []struct {
		name   string
		status fields
		rule   string
	}{
		{"no status at all", fields{}, "kstatus"},
		{"conditions without a generation", fields{"conditions": ready()["conditions"]}, "observedGeneration"},
		{"a generation to come", statusOf(3, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "True", "InSync"}), "observedGeneration"},
		{"conditions before any generation", statusOf(-1, [3]string{"Ready", "True", "Available"}, [3]string{"Synced", "True", "InSync"}), "observedGeneration"},
		{"no conditions", fields{"observedGeneration": 2}, "kstatus"},
		{"no Ready", without(stalled(), 0), "Flux"},
		{"no Synced", without(ready(), 1), "Synced"},
		{"Reconciling and Stalled", and(creating(), [3]string{"Stalled", "True", "Creating"}), "Flux"},
		{"Ready while Stalled", and(ready(), [3]string{"Stalled", "True", "Available"}), "Flux"},
		{"Ready while Reconciling", and(ready(), [3]string{"Reconciling", "True", "Available"}), "Flux"},
		{"Stalled that is not", and(ready(), [3]string{"Stalled", "False", "Available"}), "Stalled"},
		{"not ready, and nothing said of it", without(stalled(), 2), "progress"},
		{"another reason than Ready", and(without(stalled(), 2), [3]string{"Stalled", "True", "Creating"}), "Stalled"},
		{"Unknown", first(ready(), "status", "Unknown"), "conditions"},
		{"an unknown reason", first(ready(), "reason", "Wonderful"), "reason"},
		{"an unknown type", and(ready(), [3]string{"Healthy", "True", "Available"}), "conditions"},
		{"a type twice", and(ready(), [3]string{"Ready", "True", "Available"}), "conditions"},
		{"parts of a second", first(ready(), "lastTransitionTime", "2026-01-02T03:04:05.6Z"), "lastTransitionTime"},
		{"another offset", first(ready(), "lastTransitionTime", "2026-01-02T03:04:05+01:00"), "lastTransitionTime"},
		{"an older condition", first(ready(), "observedGeneration", 1), "Flux"},
		{"a condition without a generation", first(stalled(), "observedGeneration", nil), "generation"},
		{"no message", say(""), "message"},
		{"a date", say("Seen at 2026-01-02T03:04:05Z."), "message"},
		{"a time of day", say("Seen at 03:04:05."), "message"},
		{"a counter", say("GetSequenceStore fails, attempt 7."), "message"},
		{"another counter", say("It was tried 12 times."), "message"},
		{"a duration", say("It is tried again in 30s."), "message"},
		{"a request id", say("AWS fails (RequestId: 7)."), "message"},
		{"an id", say("AWS fails (0b5c6a0e-1111-2222-3333-444455556666)."), "message"},
	} {
		if !has(found(t, entry(t, 1, test.status, nil)), test.rule) {
			t.Errorf("%s: no FAIL of %s in %+v", test.name, test.rule, found(t, entry(t, 1, test.status, nil)))
		}
	}
}

func TestBadSuccessionsFail(t *testing.T) {
	later := func(status fields) fields { return first(status, "lastTransitionTime", "2026-01-02T03:04:06Z") }
	seven := first(ready(), "message", "The number is 7.")
	eight := first(ready(), "message", "The number is 8.")
	edited := fields{"generation": 3}
	for _, test := range []struct {
		name          string
		before, after *version
		rule          string
	}{
		{"a write of nothing", entry(t, 1, ready(), nil), entry(t, 2, ready(), nil), "writes"},
		{"a time that moves", entry(t, 1, ready(), nil), entry(t, 2, later(ready()), nil), "lastTransitionTime"},
		{"a time that goes back", entry(t, 1, later(ready()), nil), entry(t, 2, stalled(), nil), "lastTransitionTime"},
		{"a number that moves", entry(t, 1, seven, nil), entry(t, 2, eight, nil), "message"},
		{"an older generation", entry(t, 1, statusOf(3, [3]string{"Ready", "True", "Available"}), edited), entry(t, 2, ready(), edited), "observedGeneration"},
	} {
		if !has(found(t, test.before, test.after), test.rule) {
			t.Errorf("%s: no FAIL of %s in %+v", test.name, test.rule, found(t, test.before, test.after))
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

func TestAStatusEditedByOthersIsNotJudged(t *testing.T) {
	managers := []any{fields{"manager": "somebody", "operation": "Update", "subresource": "status"}}
	if wrong := found(t, entry(t, 1, fields{}, fields{"managedFields": managers})); len(wrong) > 0 {
		t.Errorf("judged: %+v", wrong)
	}
	managers[0].(fields)["manager"] = operator
	if wrong := found(t, entry(t, 1, fields{}, fields{"managedFields": managers})); len(wrong) == 0 {
		t.Error("the operator's own is not judged")
	}
}

func TestTheReportFailsOnFindingsAndOnNothing(t *testing.T) {
	var text strings.Builder
	report := newReport(someReasons)
	if report.print(&text) {
		t.Error("an empty recording passes")
	}
	bad := entry(t, 1, stalled(), nil)
	report.add(bad, judgement{findings: []finding{{warning: true, rule: "r", text: "t"}}})
	if !report.print(&text) {
		t.Error("a warning fails")
	}
	report.add(bad, judgement{findings: []finding{fail("r", "broken")}})
	if report.print(&text) || !strings.Contains(text.String(), "FAIL r: broken") || !strings.Contains(text.String(), "uid: u") {
		t.Errorf("the failure and its object are not printed:\n%s", text.String())
	}
}
