package check

import (
	"strings"
	"testing"
	"time"

	"faults/history"
)

// Inserts of one line each, "a/0" for the line "a", unless `rows` says otherwise.
func insert(line, outcome string) history.Op {
	return history.Op{Kind: history.Plain, Node: "n1", Line: line, Rows: 1, Outcome: outcome}
}

func several(o history.Op, rows int) history.Op {
	o.Rows = rows
	return o
}

func rowsOf(lines string) []Row {
	var rows []Row
	for i, line := range strings.Fields(lines) {
		rows = append(rows, Row{ID: int64(i + 1), Line: line})
	}
	return rows
}

func TestInserts(t *testing.T) {
	acknowledged := insert("a", history.OK)
	told := acknowledged
	told.LastID = 1
	doomed := several(insert("a", history.Unknown), 2)
	doomed.Doomed = true
	for _, test := range []struct {
		claim string
		op    history.Op
		rows  string
		wrong string
	}{
		{"acknowledged and there", acknowledged, "a/0", ""},
		{"acknowledged and lost", acknowledged, "", "are lost"},
		{"acknowledged and there twice", acknowledged, "a/0 a/0", "is there twice"},
		{"failed", insert("a", history.Failed), "", ""},
		{"failed and there", insert("a", history.Failed), "a/0", "failed, but"},
		{"unknown and not there", insert("a", history.Unknown), "", ""},
		{"unknown and there", insert("a", history.Unknown), "a/0", ""},
		{"unknown and there twice", insert("a", history.Unknown), "a/0 a/0", "is there twice"},
		{"sent by nobody", acknowledged, "a/0 b/0", "was sent by nobody"},
		{"all of it is there", several(acknowledged, 3), "a/0 a/1 a/2", ""},
		{"a part of it is lost", several(acknowledged, 3), "a/0 a/2", "1 of its 3 rows are lost"},
		{"unknown and there in part", several(insert("a", history.Unknown), 2), "a/0", "in part"},
		{"doomed", doomed, "", ""},
		{"doomed and there", doomed, "a/0 a/1", "cannot succeed"},
		{"the row that was told", told, "a/0", ""},
		{"another row than was told", told, "b/0 a/0", "last row is 1, but that is 2"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			ops := []history.Op{test.op}
			if strings.Contains(test.rows, "b/0") && test.wrong != "was sent by nobody" {
				ops = append(ops, insert("b", history.OK))
			}
			expect(t, Inserts(ops, rowsOf(test.rows)), test.wrong)
		})
	}
}

func TestNumbers(t *testing.T) {
	queued := func(line string, number, call, end int64) history.Op {
		return history.Op{Kind: history.Queued, Node: "n1", Line: line, Rows: 1, Number: number,
			Call: call, Return: end, Outcome: history.Unknown}
	}
	elsewhere := queued("b", 1, 2, 3)
	elsewhere.Node = "n2"
	for _, test := range []struct {
		claim string
		ops   []history.Op
		rows  string
		wrong string
	}{
		{"in order", []history.Op{queued("a", 1, 0, 1), queued("b", 2, 2, 3)}, "a/0 b/0", ""},
		{"noted in another order", []history.Op{queued("b", 2, 2, 3), queued("a", 1, 0, 1)}, "a/0 b/0", ""},
		{"one that is not there", []history.Op{queued("a", 1, 0, 1), queued("b", 2, 2, 3)}, "b/0", ""},
		{"executed in another order", []history.Op{queued("a", 1, 0, 1), queued("b", 2, 2, 3)}, "b/0 a/0",
			"before one with a lower number"},
		{"sent at once, numbered either way", []history.Op{queued("a", 2, 0, 5), queued("b", 1, 1, 5)}, "b/0 a/0", ""},
		{"numbers go back", []history.Op{queued("a", 2, 0, 1), queued("b", 1, 2, 3)}, "b/0 a/0", "has a lower number"},
		{"one number twice", []history.Op{queued("a", 1, 0, 1), queued("b", 1, 2, 3)}, "a/0 b/0", "gave the number 1 twice"},
		{"one number at two nodes", []history.Op{queued("a", 1, 0, 1), elsewhere}, "b/0 a/0", ""},
	} {
		t.Run(test.claim, func(t *testing.T) { expect(t, Numbers(test.ops, rowsOf(test.rows)), test.wrong) })
	}
}

func TestVerdicts(t *testing.T) {
	verdict := func(state string) history.Op {
		return history.Op{Kind: history.Verdict, Node: "n1", Line: "a", Rows: 1, Number: 1, State: state,
			Outcome: history.OK}
	}
	doomed := verdict("applied")
	doomed.Doomed = true
	for _, test := range []struct {
		claim string
		op    history.Op
		rows  string
		wrong string
	}{
		{"applied", verdict("applied"), "a/0", ""},
		{"applied and not there", verdict("applied"), "", "says of 1"},
		{"failed", verdict("failed"), "", ""},
		{"failed and there", verdict("failed"), "a/0", "says of 1"},
		{"unknown and there", verdict("unknown"), "a/0", ""},
		{"unknown and not there", verdict("unknown"), "", ""},
		{"applied, and it cannot be", doomed, "", "says of 1"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			expect(t, Verdicts([]history.Op{test.op}, rowsOf(test.rows)), test.wrong)
		})
	}
}

func TestAnOddAnswerIsAViolation(t *testing.T) {
	odd := insert("a", history.OK)
	odd.Error = "two results for one statement"
	report := All([]history.Op{odd}, rowsOf("a/0"), time.Minute)
	expect(t, report.Violations, "two results")
	if report.Counts["plain ok"] != 1 || report.Counts["rows"] != 1 {
		t.Error(report.Counts)
	}
}
