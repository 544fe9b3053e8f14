package main

import (
	"regexp"
	"slices"
)

var (
	kinds        = []string{"Ready", "Synced", "Reconciling", "Stalled"}
	wholeSeconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	// What moves on by itself has no place in a message: every repetition would be another status.
	moving = []struct {
		what    string
		pattern *regexp.Regexp
	}{
		{"a date", regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:`)},
		{"a time of day", regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`)},
		{"a request id", regexp.MustCompile(`(?i)request.?id|x-amz`)},
		{"a counter", regexp.MustCompile(`(?i)\b(attempt|try|retry|failure)s?\W{0,2}\d|\b\d+ (times|attempts|tries|retries|failures)\b`)},
		{"a duration", regexp.MustCompile(`(?i)\b\d+(\.\d+)? ?(ms|s|secs?|seconds|min|minutes|hours)\b`)},
	}
	uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	// The uid of an object stays what it is.
	uidOfAnObject = regexp.MustCompile(`(?:uid |take-over: ")` + uuid.String())
)

// rules holds one version to the contract of the status.
func (c *checker) rules(v *version) []finding {
	var findings []finding
	wrong := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, format, values...))
	}
	if v.observed == nil {
		wrong("observedGeneration", "the status has none")
		return findings
	}
	if *v.observed > v.object.GetGeneration() {
		wrong("observedGeneration", "%d is ahead of generation %d", *v.observed, v.object.GetGeneration())
	}
	if v.fresh() {
		return findings
	}
	if *v.observed < 1 && !v.pausedUnseen() {
		wrong("observedGeneration", "conditions for generation %d", *v.observed)
	}
	for _, kind := range []string{"Ready", "Synced"} {
		if v.condition(kind) == nil {
			wrong(kind, "the condition is missing")
		}
	}
	seen := map[string]bool{}
	for _, condition := range v.conditions {
		if seen[condition.Type] {
			wrong("conditions", "%s is there twice", condition.Type)
		}
		seen[condition.Type] = true
		findings = append(findings, c.one(v, condition)...)
	}
	return append(findings, progress(v)...)
}

// one holds a condition to what holds for each.
func (c *checker) one(v *version, is condition) []finding {
	var findings []finding
	wrong := func(rule, format string, values ...any) {
		findings = append(findings, fail(rule, is.Type+": "+format, values...))
	}
	if !slices.Contains(kinds, is.Type) {
		wrong("conditions", "a type that the contract does not have")
	}
	if is.Status != "True" && is.Status != "False" {
		wrong("conditions", "the status %q", is.Status)
	}
	if !c.reasons[is.Reason] {
		wrong("reason", "%q is not one of the operator's", is.Reason)
	}
	if !wholeSeconds.MatchString(is.LastTransitionTime) {
		wrong("lastTransitionTime", "%q is not in whole seconds", is.LastTransitionTime)
	}
	if is.ObservedGeneration == nil {
		wrong("generation", "there is none")
	} else if *is.ObservedGeneration != *v.observed && !v.pausedUnseen() {
		wrong("generation", "%d, and the status is for %d", *is.ObservedGeneration, *v.observed)
	}
	if is.Message == "" {
		wrong("message", "there is none")
	}
	for _, moves := range moving {
		if found := moves.pattern.FindString(is.Message); found != "" {
			wrong("message", "%s, %q, in %q", moves.what, found, is.Message)
		}
	}
	if found := uuid.FindString(uidOfAnObject.ReplaceAllString(is.Message, "")); found != "" {
		wrong("message", "an id, %s, in %q", found, is.Message)
	}
	return findings
}

// progress: Reconciling or Stalled exactly while the object is not ready, and saying the same as Ready.
func progress(v *version) []finding {
	var findings []finding
	ready := v.condition("Ready")
	both := 0
	for _, kind := range []string{"Reconciling", "Stalled"} {
		is := v.condition(kind)
		if is == nil {
			continue
		}
		both++
		if is.Status != "True" {
			findings = append(findings, fail(kind, "is %s instead of absent", is.Status))
		}
		if ready != nil && ready.Status != "False" {
			findings = append(findings, fail(kind, "is there while Ready is %s", ready.Status))
		}
		if ready != nil && (ready.Reason != is.Reason || ready.Message != is.Message) {
			findings = append(findings, fail(kind, "does not say what Ready says"))
		}
	}
	if both == 2 {
		findings = append(findings, fail("progress", "both Reconciling and Stalled"))
	}
	if both == 0 && ready != nil && ready.Status != "True" && !v.pausedUnseen() {
		findings = append(findings, fail("progress", "Ready is %s, and neither Reconciling nor Stalled", ready.Status))
	}
	return findings
}
