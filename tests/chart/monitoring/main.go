// Reads objects of the Prometheus Operator as YAML from standard input, with the operator's own types, and prints how many there are.
// A field that the types do not have is an error. Other objects are skipped.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func main() {
	count := 0
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := documents.Read()
		if err == io.EOF {
			break
		}
		is, err := check(document, err)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if is {
			count++
		}
	}
	fmt.Println(count)
}

func check(document []byte, err error) (bool, error) {
	var kind metav1.TypeMeta
	if err == nil {
		err = strict.Unmarshal(document, &kind)
	}
	if err != nil || kind.APIVersion != "monitoring.coreos.com/v1" {
		return false, err
	}
	var object any
	switch kind.Kind {
	case monitoring.ServiceMonitorsKind:
		object = &monitoring.ServiceMonitor{}
	case monitoring.PodMonitorsKind:
		object = &monitoring.PodMonitor{}
	case monitoring.PrometheusRuleKind:
		object = &monitoring.PrometheusRule{}
	default:
		return false, fmt.Errorf("the Prometheus Operator has no kind %s", kind.Kind)
	}
	if err := strict.UnmarshalStrict(document, object); err != nil {
		return false, fmt.Errorf("%s: %w", kind.Kind, err)
	}
	return true, nil
}
