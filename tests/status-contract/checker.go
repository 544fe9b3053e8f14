package main

import (
	"context"
	"fmt"
	"io"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// finding says what is wrong with a version. A warning does not break the contract.
type finding struct {
	warning bool
	rule    string
	text    string
}

func fail(rule, format string, values ...any) finding {
	return finding{rule: rule, text: fmt.Sprintf(format, values...)}
}

// checker judges versions in the order in which they came.
type checker struct {
	reasons    map[string]bool
	script     string
	expression *cel.StatusEvaluator
	// Flux's rules for a status that is final, and for one on its way.
	final, midway *check.Checker
	// The version before, by uid.
	before map[string]*version
}

// judgement is all that is said of one version.
type judgement struct {
	verdicts verdicts
	findings []finding
}

func newChecker(reasons []string, examples string) (*checker, error) {
	script, err := healthScript(examples)
	if err != nil {
		return nil, err
	}
	expression, err := healthCheck(examples)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, reason := range reasons {
		known[reason] = true
	}
	final := check.NewChecker(nil, &check.Conditions{NegativePolarity: []string{"Stalled", "Reconciling"}})
	midway := check.NewInProgressChecker(nil)
	for _, flux := range []*check.Checker{final, midway} {
		flux.DisableFetch = true
		flux.Stdout, flux.Stderr = io.Discard, io.Discard
	}
	return &checker{known, script, expression, final, midway, map[string]*version{}}, nil
}

// check judges a version, and how it follows the one before.
func (c *checker) check(v *version) judgement {
	uid := string(v.object.GetUID())
	before := c.before[uid]
	c.before[uid] = v
	verdicts, findings := c.ask(v)
	if v.edited() {
		// What the tools make of somebody else's status is not the operator's doing.
		return judgement{verdicts, nil}
	}
	findings = append(findings, agree(v, verdicts)...)
	findings = append(findings, c.rules(v)...)
	findings = append(findings, c.flux(v)...)
	if before != nil && !before.edited() {
		findings = append(findings, follows(before, v)...)
	}
	return judgement{verdicts, findings}
}

// ask asks every tool.
func (c *checker) ask(v *version) (verdicts, []finding) {
	var (
		said     verdicts
		findings []finding
	)
	if result, err := status.Compute(v.object.DeepCopy()); err != nil {
		findings = append(findings, fail("kstatus", "does not understand it: %v", err))
	} else {
		said.kstatus = string(result.Status)
	}
	if result, err := c.expression.Evaluate(context.Background(), v.object.DeepCopy()); err != nil {
		findings = append(findings, fail("healthCheckExprs", "an error: %v", err))
	} else {
		said.expression = string(result.Status)
	}
	if result, err := runLua(c.script, v.object); err != nil {
		findings = append(findings, fail("health.lua", "%v", err))
	} else {
		said.script, said.message = result.Status, result.Message
	}
	return said, findings
}

// flux asks Flux's checkers. A status is held to all rules for the generation it was made for; where the object has
// moved on since, which is nobody's fault, the object as it is must be fit for a status on its way.
func (c *checker) flux(v *version) []finding {
	if v.fresh() {
		return nil
	}
	object := v.object.DeepCopy()
	var findings []finding
	if v.stale() && *v.observed > 0 {
		findings = result("Flux, in progress", c.midway, object)
		object = object.DeepCopy()
		object.SetGeneration(*v.observed)
	}
	return append(findings, result("Flux", c.final, object)...)
}

func result(name string, flux *check.Checker, object *unstructured.Unstructured) []finding {
	failed, warned := flux.Check(context.Background(), conditions.UnstructuredGetter(object))
	var findings []finding
	if failed != nil {
		findings = append(findings, fail(name, "%v", failed))
	}
	if warned != nil {
		findings = append(findings, finding{warning: true, rule: name, text: warned.Error()})
	}
	return findings
}
