package main

import (
	"strings"
	"testing"
)

const good = `# HELP a_requests_total Requests.
# TYPE a_requests_total counter
a_requests_total{code="200"} 1
a_requests_total{code="500"} 2
`

func TestAGoodPageHasNoProblems(t *testing.T) {
	if problems, series := check([]byte(good)); len(problems) > 0 || series != 2 {
		t.Errorf("%d series, %q", series, problems)
	}
}

func TestEachKindOfBadPageIsFound(t *testing.T) {
	for name, bad := range map[string]string{
		"a counter without its suffix": "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests 1\n",
		"no help":                      "# TYPE a_depth gauge\na_depth 1\n",
		"no type":                      "# HELP a_depth Depth.\na_depth 1\n",
		"OpenMetrics":                  "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total 1\n# EOF\n",
		"a unit that is no base unit":  "# HELP a_wait_milliseconds Wait.\n# TYPE a_wait_milliseconds gauge\na_wait_milliseconds 1\n",
		"a series that is there twice": good + `a_requests_total{code="200"} 3` + "\n",
		"no page":                      "<html>",
	} {
		if problems, _ := check([]byte(bad)); len(problems) == 0 {
			t.Errorf("%s: not found in %q", name, strings.Split(bad, "\n"))
		}
	}
}
