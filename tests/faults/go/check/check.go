// Package check finds what is wrong with a history.
package check

import (
	"fmt"
	"regexp"
	"sort"
	"time"

	"faults/history"
)

// A Report is what the checks found in one run.
type Report struct {
	Violations []string       `json:"violations"`
	Counts     map[string]int `json:"counts"`  // operations by kind and outcome
	Reasons    map[string]int `json:"reasons"` // and those that are not OK by what was told
}

// What differs from one time to the next does not make another reason: whom Go asked, and numbers.
var asked = regexp.MustCompile(`^(Post|Get) "[^"]*": `)
var varying = regexp.MustCompile(`[0-9]+`)

// All runs all checks. `rows` is the table of lines in the end.
func All(ops []history.Op, rows []Row, within time.Duration) Report {
	report := Report{
		Violations: []string{}, Counts: map[string]int{"rows": len(rows)}, Reasons: map[string]int{}}
	for i := range ops {
		what := ops[i].Kind + " " + ops[i].Outcome
		report.Counts[what]++
		if why := ops[i].Error; why != "" {
			report.Reasons[what+": "+varying.ReplaceAllString(asked.ReplaceAllString(why, ""), "#")]++
		}
	}
	for _, found := range [][]string{
		Registers(ops, within), Glances(ops), Inserts(ops, rows), Numbers(ops, rows), Verdicts(ops, rows),
		Oddities(ops)} {
		report.Violations = append(report.Violations, found...)
	}
	return report
}

// Oddities are answers that no client should ever get; it noted them as it went.
func Oddities(ops []history.Op) []string {
	var violations []string
	for i := range ops {
		if op := &ops[i]; op.Outcome == history.OK && op.Error != "" {
			violations = append(violations, fmt.Sprintf("%s: %s", describe(op), op.Error))
		}
	}
	return violations
}

func describe(op *history.Op) string {
	text := fmt.Sprintf("[client %d at %s, %.6f-%.6f: %s", op.Client, op.Node,
		float64(op.Call)/1e9, float64(op.Return)/1e9, op.Kind)
	switch op.Kind {
	case history.Read, history.Glance:
		text += fmt.Sprintf(" %s = %d (%s)", op.Register, op.Value, op.Level)
	case history.Write:
		text += fmt.Sprintf(" %s := %d", op.Register, op.Value)
	case history.Swap:
		text += fmt.Sprintf(" %s: %d -> %d", op.Register, op.Expected, op.Value)
		if op.Outcome == history.OK && !op.Swapped {
			text += " (it had another value)"
		}
	default:
		text += " " + op.Line
		if op.Number != 0 {
			text += fmt.Sprintf(" number %d", op.Number)
		}
		if op.State != "" {
			text += " " + op.State
		}
	}
	text += ", " + op.Outcome
	if op.Error != "" {
		text += ": " + op.Error
	}
	return text + "]"
}

func sorted(byName map[string][]*history.Op) []string {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
