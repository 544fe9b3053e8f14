package main

import (
	"regexp"
	"slices"
)

var (
	// The condition types of each kind that are always present, and those that are present only while they are true.
	always       = map[string][]string{store: {"Ready", "Synced"}, binding: {"Ready"}}
	onlyTrue     = []string{"Reconciling", "Stalled"}
	wholeSeconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	// A message must not contain values that change without a change of the state: each reconciliation would write the
	// status again.
	volatile = []struct {
		name    string
		pattern *regexp.Regexp
	}{
		{"a date", regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:`)},
		{"a time of day", regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`)},
		{"a request id", regexp.MustCompile(`(?i)request.?id|x-amz`)},
		{"a counter", regexp.MustCompile(`(?i)\b(attempt|try|retry|failure)s?\W{0,2}\d|\b\d+ (times|attempts|tries|retries|failures)\b`)},
		// Part of a name, as that of a namespace which the API server has made up, is none.
		{"a duration", regexp.MustCompile(`(?i)(?:^|[^-.\w])\d+(\.\d+)? ?(ms|s|secs?|seconds|min|minutes|hours)(?:[^-\w]|$)`)},
	}
	uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	// The uid of an object and the ARN of a key never change, so a message may contain them.
	lastingID = regexp.MustCompile(`(?:uid |take-over: "|:key/)` + uuid.String())
)

// checkStatus checks one version against the status contract of the operator.
func (c *checker) checkStatus(v *version) []finding {
	var findings []finding
	report := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, format, values...))
	}
	if v.observed == nil {
		report("observedGeneration", "the status has no observedGeneration")
		return findings
	}
	if *v.observed > v.object.GetGeneration() {
		report("observedGeneration", "%d is greater than the generation %d", *v.observed, v.object.GetGeneration())
	}
	if v.unobserved() {
		return findings
	}
	if *v.observed < 1 && !v.pausedUnobserved() {
		report("observedGeneration", "the status has conditions, but observedGeneration is %d", *v.observed)
	}
	for _, conditionType := range always[v.object.GetKind()] {
		if v.condition(conditionType) == nil {
			report(conditionType, "the condition is missing")
		}
	}
	seen := map[string]bool{}
	for _, condition := range v.conditions {
		if seen[condition.Type] {
			report("conditions", "%s occurs twice", condition.Type)
		}
		seen[condition.Type] = true
		findings = append(findings, c.checkCondition(v, condition)...)
	}
	return append(findings, checkProgress(v)...)
}

// checkCondition checks the rules that apply to every condition.
func (c *checker) checkCondition(v *version, condition condition) []finding {
	var findings []finding
	report := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, condition.Type+": "+format, values...))
	}
	kind := v.object.GetKind()
	if !slices.Contains(always[kind], condition.Type) && !slices.Contains(onlyTrue, condition.Type) {
		report("conditions", "the contract has no such condition type")
	}
	if condition.Status != "True" && condition.Status != "False" {
		report("conditions", "the status is %q instead of True or False", condition.Status)
	}
	if !slices.Contains(c.reasons[kind], condition.Reason) {
		report("reason", "the operator has no reason %q", condition.Reason)
	}
	if !wholeSeconds.MatchString(condition.LastTransitionTime) {
		report("lastTransitionTime", "%q is not in whole seconds", condition.LastTransitionTime)
	}
	if condition.ObservedGeneration == nil {
		report("generation", "the condition has no observedGeneration")
	} else if *condition.ObservedGeneration != *v.observed && !v.pausedUnobserved() {
		report("generation", "observedGeneration is %d, but that of the status is %d", *condition.ObservedGeneration, *v.observed)
	}
	if condition.Message == "" {
		report("message", "the message is empty")
	}
	for _, value := range volatile {
		if found := value.pattern.FindString(condition.Message); found != "" {
			report("message", "the message contains %s, %q: %q", value.name, found, condition.Message)
		}
	}
	if found := uuid.FindString(lastingID.ReplaceAllString(condition.Message, "")); found != "" {
		report("message", "the message contains an id, %s: %q", found, condition.Message)
	}
	return findings
}

// checkProgress checks that a version that is not ready has either Reconciling or Stalled, with the same reason and
// message as Ready, and that a ready version has neither.
func checkProgress(v *version) []finding {
	var findings []finding
	ready := v.condition("Ready")
	present := 0
	for _, conditionType := range onlyTrue {
		condition := v.condition(conditionType)
		if condition == nil {
			continue
		}
		present++
		if condition.Status != "True" {
			findings = append(findings, fail(conditionType, "the condition is %s instead of absent", condition.Status))
		}
		if ready != nil && ready.Status != "False" {
			findings = append(findings, fail(conditionType, "the condition is present although Ready is %s", ready.Status))
		}
		if ready != nil && (ready.Reason != condition.Reason || ready.Message != condition.Message) {
			findings = append(findings, fail(conditionType, "reason or message differ from those of Ready"))
		}
	}
	if present == 2 {
		findings = append(findings, fail("progress", "both Reconciling and Stalled are present"))
	}
	if present == 0 && ready != nil && ready.Status != "True" && !v.pausedUnobserved() {
		findings = append(findings, fail("progress", "Ready is %s, but neither Reconciling nor Stalled is present", ready.Status))
	}
	return findings
}
