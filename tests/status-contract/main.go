// Command status-contract checks every recorded version of every SequenceStore and AccountBinding with the code that other projects use to
// determine its health: kstatus (Helm, Flux), Flux's condition checks, Flux's health check expressions and Argo CD's Lua
// engine. It reads the recording and the examples, and prints a report.
//
//	status-contract -reasons Available,InSync,... -binding-reasons RoleAssumed,... -examples ../../examples RECORDING
//
// RECORDING has one line for each version: {"event": "ADDED"|"MODIFIED"|"DELETED", "object": {...}}.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	reasons := flag.String("reasons", "", "comma-separated list of all condition reasons of SequenceStores")
	ofBindings := flag.String("binding-reasons", "", "the same of AccountBindings")
	examples := flag.String("examples", "", "directory of the examples whose health checks the program runs")
	flag.Parse()
	if *reasons == "" || *ofBindings == "" || *examples == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ok, err := run(reasonsOf{store: strings.Split(*reasons, ","), binding: strings.Split(*ofBindings, ",")}, *examples, flag.Arg(0), os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "status-contract:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run checks a recording and prints the report. It returns false if a version breaks the contract.
func run(reasons reasonsOf, examples, recording string, out io.Writer) (bool, error) {
	checker, err := newChecker(reasons, examples)
	if err != nil {
		return false, err
	}
	file, err := os.Open(recording)
	if err != nil {
		return false, err
	}
	defer file.Close()
	report := newReport(reasons)
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			version, err := parse(line)
			if err != nil {
				return false, fmt.Errorf("line %d of %s: %w", number, recording, err)
			}
			report.add(version, checker.check(version))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
	}
	return report.print(out), nil
}
