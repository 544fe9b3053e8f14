package main

// verdicts is what the tools say of a version.
type verdicts struct {
	// Helm and Flux, by kstatus.
	kstatus string
	// Flux, by the expressions of the example.
	expression string
	// Argo CD, by the script of the example.
	script, message string
}

// expected is what the conditions mean, after the first that decides.
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

// agree: all tools say what the conditions mean, so that people see the same in each.
func agree(v *version, said verdicts) []finding {
	kstatus, health := expected(v)
	var findings []finding
	compare := func(tool, said, wanted string) {
		if said != wanted {
			findings = append(findings, fail(tool, "says %q, the conditions mean %q", said, wanted))
		}
	}
	if v.deleting() {
		compare("kstatus", said.kstatus, "Terminating")
	} else {
		compare("kstatus", said.kstatus, kstatus)
	}
	compare("healthCheckExprs", said.expression, kstatus)
	// Argo CD itself says Progressing of what is being deleted and does not run the script.
	if !v.deleting() {
		compare("health.lua", said.script, health)
	}
	if v.deleting() && (said.expression == "Current" || said.script == "Healthy") {
		findings = append(findings, fail("deletion", "an object that is being deleted counts as ready"))
	}
	if v.fresh() && (said.kstatus == "Current" || said.expression == "Current" || said.script == "Healthy") {
		findings = append(findings, fail("fresh", "an object that the operator has not seen counts as ready"))
	}
	if said.message == "" {
		findings = append(findings, fail("health.lua", "no message"))
	}
	return findings
}
