package check

import (
	"fmt"
	"sort"

	"faults/history"
)

// A Row of the table of lines, as a replica has it in the end.
type Row struct {
	ID   int64
	Line string
}

// Inserts compares what was told of inserts with the rows that are there: what was acknowledged is
// there, what failed is not, nothing is there twice or in part, nothing is there that nobody sent,
// and where the answer named the row, it is that row.
func Inserts(ops []history.Op, rows []Row) []string {
	var violations []string
	found := map[string]int64{}
	for _, row := range rows {
		if first, twice := found[row.Line]; twice {
			violations = append(violations,
				fmt.Sprintf("line %s is there twice: rows %d and %d", row.Line, first, row.ID))
		}
		found[row.Line] = row.ID
	}
	sent := map[string]bool{}
	for i := range ops {
		op := &ops[i]
		if !isInsert(op) {
			continue
		}
		lines := op.Lines()
		present := 0
		for _, line := range lines {
			sent[line] = true
			if _, there := found[line]; there {
				present++
			}
		}
		switch {
		case op.Outcome == history.OK && present < op.Rows:
			violations = append(violations,
				fmt.Sprintf("%s was acknowledged, but %d of its %d rows are lost", describe(op), op.Rows-present, op.Rows))
		case op.Outcome == history.Failed && present > 0:
			violations = append(violations,
				fmt.Sprintf("%s failed, but %d of its rows are there", describe(op), present))
		case op.Doomed && present > 0:
			violations = append(violations,
				fmt.Sprintf("%s cannot succeed, but %d of its rows are there", describe(op), present))
		case present != 0 && present != op.Rows:
			violations = append(violations,
				fmt.Sprintf("%s is there in part: %d of %d rows", describe(op), present, op.Rows))
		case op.Outcome == history.OK && op.LastID != 0 && found[lines[op.Rows-1]] != op.LastID:
			violations = append(violations, fmt.Sprintf("%s was told that its last row is %d, but that is %d",
				describe(op), op.LastID, found[lines[op.Rows-1]]))
		}
	}
	for _, row := range rows {
		if !sent[row.Line] {
			violations = append(violations, fmt.Sprintf("line %s, row %d, was sent by nobody", row.Line, row.ID))
		}
	}
	return violations
}

func isInsert(op *history.Op) bool {
	return op.Kind == history.Plain || op.Kind == history.Queued || op.Kind == history.Keyed
}

// Numbers looks at the sequence numbers of queued writes, node by node: none is given twice, they
// grow with time, and their order is the order of execution.
func Numbers(ops []history.Op, rows []Row) []string {
	place := map[string]int64{}
	for _, row := range rows {
		place[row.Line] = row.ID
	}
	byNode := map[string][]*history.Op{}
	for i := range ops {
		if op := &ops[i]; isInsert(op) && op.Number != 0 {
			byNode[op.Node] = append(byNode[op.Node], op)
		}
	}
	var violations []string
	for _, node := range sorted(byNode) {
		accepted := byNode[node]
		sort.SliceStable(accepted, func(i, j int) bool { return accepted[i].Number < accepted[j].Number })
		var before *history.Op
		lastCalled := accepted[0] // the latest call among those with lower numbers
		var lastRow int64
		for _, op := range accepted {
			if before != nil && before.Number == op.Number {
				violations = append(violations, fmt.Sprintf("node %s gave the number %d twice: to %s and %s",
					node, op.Number, describe(before), describe(op)))
			}
			if op.Return < lastCalled.Call {
				violations = append(violations, fmt.Sprintf(
					"node %s: %s has a lower number than %s, which was sent only afterwards",
					node, describe(lastCalled), describe(op)))
			}
			if op.Call > lastCalled.Call {
				lastCalled = op
			}
			if row, there := place[op.Line+"/0"]; there {
				if row < lastRow {
					violations = append(violations, fmt.Sprintf(
						"node %s executed %s, row %d, before one with a lower number, row %d",
						node, describe(op), row, lastRow))
				}
				lastRow = row
			}
			before = op
		}
	}
	return violations
}

// Verdicts compares what nodes said afterwards of queued writes with the rows that are there.
func Verdicts(ops []history.Op, rows []Row) []string {
	there := map[string]bool{}
	for _, row := range rows {
		there[row.Line] = true
	}
	var violations []string
	for i := range ops {
		op := &ops[i]
		if op.Kind != history.Verdict || op.Outcome != history.OK {
			continue
		}
		present := there[op.Line+"/0"]
		switch {
		case op.State == "applied" && (!present || op.Doomed), op.State == "failed" && present:
			violations = append(violations, fmt.Sprintf("node %s says of %d (line %s) that it %s, and its rows are there: %t",
				op.Node, op.Number, op.Line, op.State, present))
		}
	}
	return violations
}
