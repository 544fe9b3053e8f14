// Program metrics-lint checks a page of metrics as `promtool check metrics` does, and that no series is there twice.
//
// It reads the page from standard input, prints each problem on a line, and ends with status 1 if there is one.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func main() {
	page, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	problems, series := check(page)
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d series\n", series)
}

// check returns what is wrong with the page, and how many series it has.
func check(page []byte) (problems []string, series int) {
	found, err := promlint.New(bytes.NewReader(page)).Lint()
	if err != nil {
		return []string{err.Error()}, 0
	}
	for _, problem := range found {
		problems = append(problems, problem.Metric+": "+problem.Text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		return append(problems, err.Error()), 0
	}
	seen := map[string]bool{}
	for name, family := range families {
		if family.GetType() == dto.MetricType_UNTYPED {
			problems = append(problems, name+": no type")
		}
		for _, metric := range family.GetMetric() {
			id := name + labels(metric)
			if seen[id] {
				problems = append(problems, id+": twice")
			}
			seen[id] = true
			series++
		}
	}
	sort.Strings(problems)
	return problems, series
}

func labels(metric *dto.Metric) string {
	var pairs []string
	for _, pair := range metric.GetLabel() {
		pairs = append(pairs, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
	}
	sort.Strings(pairs)
	return "{" + strings.Join(pairs, ",") + "}"
}
