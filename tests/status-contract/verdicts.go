package main

// verdicts holds the health of a version according to each tool.
type verdicts struct {
	// kstatus, used by Helm and Flux.
	kstatus string
	// Flux, with the healthCheckExprs of the example.
	expression string
	// Argo CD, with the health.lua of the example.
	script, message string
}

// expected returns the health that the conditions express: the first condition in this order decides.
func expected(v *version) (kstatus, health string) {
	switch {
	case v.observed == nil || v.stale():
		return "InProgress", "Progressing"
	case v.isTrue("Reconciling"):
		return "InProgress", "Progressing"
	case v.isTrue("Stalled"):
		return "Failed", "Degraded"
	case v.isTrue("Ready"):
		return "Current", "Healthy"
	default:
		return "InProgress", "Progressing"
	}
}

// checkVerdicts checks that every tool reports the health that the conditions express, so that users see the same
// health in all of them.
func checkVerdicts(v *version, actual verdicts) []finding {
	kstatus, health := expected(v)
	var findings []finding
	compare := func(tool, got, want string) {
		if got != want {
			findings = append(findings, fail(tool, "reports %q, but the conditions mean %q", got, want))
		}
	}
	if v.deleting() {
		compare("kstatus", actual.kstatus, "Terminating")
	} else {
		compare("kstatus", actual.kstatus, kstatus)
	}
	compare("healthCheckExprs", actual.expression, kstatus)
	// Argo CD itself reports Progressing for an object that is being deleted, without running the script.
	if !v.deleting() {
		compare("health.lua", actual.script, health)
	}
	if v.deleting() && (actual.expression == "Current" || actual.script == "Healthy") {
		findings = append(findings, fail("deletion", "a tool reports an object as ready while it is being deleted"))
	}
	if v.unobserved() && (actual.kstatus == "Current" || actual.expression == "Current" || actual.script == "Healthy") {
		findings = append(findings, fail("unobserved", "a tool reports an object as ready before the operator has written its status"))
	}
	if actual.message == "" {
		findings = append(findings, fail("health.lua", "the script returns no message"))
	}
	return findings
}
