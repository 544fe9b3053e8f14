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

// finding is a violation of a rule. A warning does not break the contract.
type finding struct {
	warning bool
	rule    string
	text    string
}

func fail(rule, format string, values ...any) finding {
	return finding{rule: rule, text: fmt.Sprintf(format, values...)}
}

// The kinds of the operator.
const (
	store   = "SequenceStore"
	binding = "AccountBinding"
)

// reasonsOf holds all condition reasons of each kind.
type reasonsOf map[string][]string

// checker checks versions in the order in which the watch delivered them.
type checker struct {
	reasons    reasonsOf
	script     string
	expression *cel.StatusEvaluator
	// Flux's rules for a final status, and for the status of an object whose reconciliation is in progress.
	final, inProgress *check.Checker
	// The previous version of each object, by uid.
	previous map[string]*version
}

// result holds what the tools and the rules say about one version.
type result struct {
	verdicts verdicts
	findings []finding
}

func newChecker(reasons reasonsOf, examples string) (*checker, error) {
	script, err := healthScript(examples)
	if err != nil {
		return nil, err
	}
	expression, err := healthCheck(examples)
	if err != nil {
		return nil, err
	}
	final := check.NewChecker(nil, &check.Conditions{NegativePolarity: []string{"Stalled", "Reconciling"}})
	inProgress := check.NewInProgressChecker(nil)
	for _, flux := range []*check.Checker{final, inProgress} {
		flux.DisableFetch = true
		flux.Stdout, flux.Stderr = io.Discard, io.Discard
	}
	return &checker{reasons, script, expression, final, inProgress, map[string]*version{}}, nil
}

// check checks a version by itself and against the previous version of the same object.
func (c *checker) check(v *version) result {
	uid := string(v.object.GetUID())
	previous := c.previous[uid]
	c.previous[uid] = v
	verdicts, findings := c.evaluate(v)
	if v.edited() {
		// The operator is not responsible for a status that a test has written.
		return result{verdicts, nil}
	}
	findings = append(findings, checkVerdicts(v, verdicts)...)
	findings = append(findings, c.checkStatus(v)...)
	findings = append(findings, c.checkFlux(v)...)
	if previous != nil && !previous.edited() {
		findings = append(findings, checkChange(previous, v)...)
	}
	return result{verdicts, findings}
}

// evaluate runs the health checks of all tools.
func (c *checker) evaluate(v *version) (verdicts, []finding) {
	var (
		all      verdicts
		findings []finding
	)
	if result, err := status.Compute(v.object.DeepCopy()); err != nil {
		findings = append(findings, fail("kstatus", "kstatus fails: %v", err))
	} else {
		all.kstatus = string(result.Status)
	}
	if result, err := c.expression.Evaluate(context.Background(), v.object.DeepCopy()); err != nil {
		findings = append(findings, fail("healthCheckExprs", "the evaluation fails: %v", err))
	} else {
		all.expression = string(result.Status)
	}
	if result, err := runLua(c.script, v.object); err != nil {
		findings = append(findings, fail("health.lua", "%v", err))
	} else {
		all.script, all.message = result.Status, result.Message
	}
	return all, findings
}

// checkFlux runs Flux's checkers. If the spec has changed since the operator wrote the status, the object must satisfy
// the rules for an object in progress, and the status must satisfy all rules for the generation it was written for.
func (c *checker) checkFlux(v *version) []finding {
	if v.unobserved() {
		return nil
	}
	object := v.object.DeepCopy()
	var findings []finding
	if v.stale() && *v.observed > 0 {
		findings = runFlux("Flux, in progress", c.inProgress, object)
		object = object.DeepCopy()
		object.SetGeneration(*v.observed)
	}
	return append(findings, runFlux("Flux", c.final, object)...)
}

func runFlux(rule string, flux *check.Checker, object *unstructured.Unstructured) []finding {
	failed, warned := flux.Check(context.Background(), conditions.UnstructuredGetter(object))
	var findings []finding
	if failed != nil {
		findings = append(findings, fail(rule, "%v", failed))
	}
	if warned != nil {
		findings = append(findings, finding{warning: true, rule: rule, text: warned.Error()})
	}
	return findings
}
