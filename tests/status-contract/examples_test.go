package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Argo CD runs the same test for its resource_customizations.
func TestHealthScriptReturnsTheExpectedHealthForEachExample(t *testing.T) {
	directory := filepath.Join(examples, customization)
	script, err := healthScript(examples)
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Tests []struct {
			InputPath    string `json:"inputPath"`
			HealthStatus health `json:"healthStatus"`
		} `json:"tests"`
	}
	decode(t, filepath.Join(directory, "health_test.yaml"), nil, &table)
	used := map[string]bool{}
	for _, test := range table.Tests {
		used[filepath.Base(test.InputPath)] = true
		object := &unstructured.Unstructured{}
		decode(t, filepath.Join(directory, test.InputPath), nil, &object.Object)
		result, err := runLua(script, object)
		if err != nil || result != test.HealthStatus {
			t.Errorf("%s: got %+v, want %+v (%v)", test.InputPath, result, test.HealthStatus, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(directory, "testdata"))
	if err != nil || len(entries) < 9 {
		t.Fatalf("only %d files in testdata (%v)", len(entries), err)
	}
	for _, entry := range entries {
		if !used[entry.Name()] {
			t.Errorf("%s is not in health_test.yaml", entry.Name())
		}
	}
}

func TestArgoCDConfigMapContainsTheHealthScript(t *testing.T) {
	script, err := healthScript(examples)
	if err != nil {
		t.Fatal(err)
	}
	var config corev1.ConfigMap
	decode(t, filepath.Join(examples, "argo-cd/argocd-cm.yaml"), nil, &config)
	if config.Name != "argocd-cm" || len(config.Data) != 2 {
		t.Errorf("%s has %d keys", config.Name, len(config.Data))
	}
	for _, kind := range []string{store, binding} {
		if key := "resource.customizations.health.healthomics.dev_" + kind; config.Data[key] != script {
			t.Errorf("%s differs from health.lua", key)
		}
	}
}

func TestFluxExamplesHaveOnlyFieldsOfTheFluxTypes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "flux/*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%v %v", files, err)
	}
	kinds := map[string]int{}
	for _, file := range files {
		found, err := documents(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range found {
			var object unstructured.Unstructured
			decode(t, file, document, &object.Object)
			kind := object.GetAPIVersion() + " " + object.GetKind()
			kinds[kind]++
			switch kind {
			case sourcev1.GroupVersion.String() + " GitRepository":
				decode(t, file, document, &sourcev1.GitRepository{})
			case kustomizev1.GroupVersion.String() + " Kustomization":
				decode(t, file, document, &kustomizev1.Kustomization{})
			case helmv2.GroupVersion.String() + " HelmRelease":
				decode(t, file, document, &helmv2.HelmRelease{})
			default:
				t.Errorf("%s: %s is not a Flux type", file, kind)
			}
		}
	}
	if len(kinds) < 3 {
		t.Errorf("the examples contain only %v", kinds)
	}
}

// decode decodes YAML into a value and fails on fields that the type does not have. It reads the file if text is nil.
func decode(t *testing.T, file string, text []byte, into any) {
	t.Helper()
	if text == nil {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

func TestScriptsThatArgoCDDoesNotAcceptAreErrors(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"kind": "SequenceStore"}}
	for script, message := range map[string]string{
		`return "Healthy"`:                 "instead of a table",
		`return {status = "Ready"}`:        "does not know",
		`return os.time()`:                 "index",
		`while true do end`:                "deadline",
		`return {status = obj.kind.x.y.z}`: "index",
	} {
		if _, err := runLua(script, object); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
