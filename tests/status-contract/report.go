package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// The maximum number of versions printed in full: further ones usually fail for the same reason.
const maxPrinted = 10

// report collects results.
type report struct {
	versions, edited, failures, warnings int
	objects                              map[string]bool
	// The number of versions by state and verdicts.
	states map[string]int
	failed []string
	warned map[string]int
	// The reasons that occur in no version.
	unusedReasons map[string]bool
}

func newReport(reasons reasonsOf) *report {
	unusedReasons := map[string]bool{}
	for kind, reasons := range reasons {
		for _, reason := range reasons {
			unusedReasons[kind+" "+reason] = true
		}
	}
	return &report{objects: map[string]bool{}, states: map[string]int{}, warned: map[string]int{}, unusedReasons: unusedReasons}
}

func (r *report) add(v *version, result result) {
	r.versions++
	r.objects[string(v.object.GetUID())] = true
	if v.edited() {
		r.edited++
	}
	for _, condition := range v.conditions {
		delete(r.unusedReasons, v.object.GetKind()+" "+condition.Reason)
	}
	tools := fmt.Sprintf("%s, %s, %s", result.verdicts.kstatus, result.verdicts.expression, result.verdicts.script)
	r.states[v.signature()+" -> "+tools]++
	var failures []string
	for _, finding := range result.findings {
		if finding.warning {
			r.warnings++
			r.warned[finding.rule+": "+finding.text+" ["+v.signature()+"]"]++
			continue
		}
		r.failures++
		failures = append(failures, "FAIL "+finding.rule+": "+finding.text)
	}
	if len(failures) > 0 && len(r.failed) < maxPrinted {
		object := v.object.DeepCopy()
		object.SetManagedFields(nil)
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			text = []byte(err.Error())
		}
		r.failed = append(r.failed, strings.Join(failures, "\n")+"\n"+v.event+"\n"+string(text))
	}
}

// print prints the report and returns whether all versions satisfy the contract. An empty recording does not.
func (r *report) print(out io.Writer) bool {
	fmt.Fprintln(out, "versions  state -> kstatus (Helm, Flux), healthCheckExprs (Flux), health.lua (Argo CD)")
	for _, state := range slices.Sorted(maps.Keys(r.states)) {
		fmt.Fprintf(out, "%8d  %s\n", r.states[state], state)
	}
	for _, warning := range slices.Sorted(maps.Keys(r.warned)) {
		fmt.Fprintf(out, "%8d  WARN %s\n", r.warned[warning], warning)
	}
	for _, failure := range r.failed {
		fmt.Fprintf(out, "\n%s", failure)
	}
	if len(r.unusedReasons) > 0 {
		fmt.Fprintln(out, "reasons that occur in no version:", strings.Join(slices.Sorted(maps.Keys(r.unusedReasons)), ", "))
	}
	fmt.Fprintf(out, "%d versions of %d objects in %d states; %d edited by tests and not checked; %d FAIL, %d WARN\n",
		r.versions, len(r.objects), len(r.states), r.edited, r.failures, r.warnings)
	if r.versions == 0 {
		fmt.Fprintln(out, "FAIL the recording is empty")
	}
	return r.failures == 0 && r.versions > 0
}
