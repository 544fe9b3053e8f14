package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Objects printed in full; more of the same kind tell nothing new.
const printed = 10

// report gathers judgements.
type report struct {
	versions, edited, failures, warnings int
	objects                              map[string]bool
	// How often which state got which verdicts.
	states map[string]int
	failed []string
	warned map[string]int
	// Reasons that no version had.
	unseen map[string]bool
}

func newReport(reasons []string) *report {
	unseen := map[string]bool{}
	for _, reason := range reasons {
		unseen[reason] = true
	}
	return &report{objects: map[string]bool{}, states: map[string]int{}, warned: map[string]int{}, unseen: unseen}
}

func (r *report) add(v *version, j judgement) {
	r.versions++
	r.objects[string(v.object.GetUID())] = true
	if v.edited() {
		r.edited++
	}
	for _, condition := range v.conditions {
		delete(r.unseen, condition.Reason)
	}
	tools := fmt.Sprintf("%s, %s, %s", j.verdicts.kstatus, j.verdicts.expression, j.verdicts.script)
	r.states[v.signature()+" -> "+tools]++
	var wrong []string
	for _, finding := range j.findings {
		if finding.warning {
			r.warnings++
			r.warned[finding.rule+": "+finding.text+" ["+v.signature()+"]"]++
			continue
		}
		r.failures++
		wrong = append(wrong, "FAIL "+finding.rule+": "+finding.text)
	}
	if len(wrong) > 0 && len(r.failed) < printed {
		object := v.object.DeepCopy()
		object.SetManagedFields(nil)
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			text = []byte(err.Error())
		}
		r.failed = append(r.failed, strings.Join(wrong, "\n")+"\n"+v.event+"\n"+string(text))
	}
}

// print returns whether the contract holds.
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
	if len(r.unseen) > 0 {
		fmt.Fprintln(out, "never seen:", strings.Join(slices.Sorted(maps.Keys(r.unseen)), ", "))
	}
	fmt.Fprintf(out, "%d versions of %d objects in %d states; %d edited by tests and not judged; %d FAIL, %d WARN\n",
		r.versions, len(r.objects), len(r.states), r.edited, r.failures, r.warnings)
	if r.versions == 0 {
		fmt.Fprintln(out, "FAIL nothing was recorded")
	}
	return r.failures == 0 && r.versions > 0
}
