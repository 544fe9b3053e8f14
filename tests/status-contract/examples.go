package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Paths under the directory of the examples.
const (
	customization = "argo-cd/resource_customizations/healthomics.dev/SequenceStore"
	fluxStores    = "flux/stores.yaml"
)

// documents splits a YAML file into its documents.
func documents(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var found [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, document)
	}
}

// healthScript reads the health script of the Argo CD example.
func healthScript(examples string) (string, error) {
	text, err := os.ReadFile(filepath.Join(examples, customization, "health.lua"))
	return string(text), err
}

// healthCheck creates Flux's evaluator for the healthCheckExprs of the SequenceStore in the Flux example.
func healthCheck(examples string) (*cel.StatusEvaluator, error) {
	path := filepath.Join(examples, fluxStores)
	found, err := documents(path)
	if err != nil {
		return nil, err
	}
	for _, document := range found {
		var kustomization kustomizev1.Kustomization
		if err := yaml.Unmarshal(document, &kustomization); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, check := range kustomization.Spec.HealthCheckExprs {
			if check.APIVersion == "healthomics.dev/v1alpha1" && check.Kind == "SequenceStore" {
				return cel.NewStatusEvaluator(&check.HealthCheckExpressions)
			}
		}
	}
	return nil, fmt.Errorf("%s has no healthCheckExprs for a SequenceStore", path)
}
