package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"faults/history"
)

// Operations on the register x, in microseconds.
func op(kind string, call, end, value int64) history.Op {
	return history.Op{Kind: kind, Register: "x", Call: call * 1000, Return: end * 1000, Value: value,
		Outcome: history.OK, Swapped: kind == history.Swap}
}

func read(call, end, value int64) history.Op  { return op(history.Read, call, end, value) }
func write(call, end, value int64) history.Op { return op(history.Write, call, end, value) }

func swap(call, end, expected, value int64) history.Op {
	o := op(history.Swap, call, end, value)
	o.Expected = expected
	return o
}

// A swap that found another value than was expected; `found` is that value, if it was told.
func missed(call, end, expected, value int64, found ...int64) history.Op {
	o := swap(call, end, expected, value)
	o.Swapped = false
	if len(found) > 0 {
		o.Found = &found[0]
	}
	return o
}

func with(outcome string, o history.Op) history.Op {
	o.Outcome = outcome
	o.Swapped = false
	return o
}

func maybe(o history.Op) history.Op   { return with(history.Unknown, o) }
func refused(o history.Op) history.Op { return with(history.Failed, o) }

func TestRegisters(t *testing.T) {
	for _, test := range []struct {
		claim string
		ops   []history.Op
		wrong string // part of what is found; "": nothing is
	}{
		{"nothing happened", nil, ""},
		{"an unwritten register is 0",
			[]history.Op{read(0, 1, 0)}, ""},
		{"a read finds what was written",
			[]history.Op{write(0, 1, 1), read(2, 3, 1)}, ""},
		{"a read after a write does not find the value before it",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)}, "not linearizable"},
		{"a read after a write does not find nothing",
			[]history.Op{write(0, 1, 1), read(2, 3, 0)}, "not linearizable"},
		{"a read during a write finds either",
			[]history.Op{write(0, 10, 1), read(1, 2, 0), read(3, 4, 1)}, ""},
		{"a read during a write does not find the old value after another found the new one",
			[]history.Op{write(0, 10, 1), read(1, 2, 1), read(3, 4, 0)}, "not linearizable"},
		{"two writes at once happen in one order for all",
			[]history.Op{write(0, 10, 1), write(0, 10, 2), read(11, 12, 1), read(13, 14, 2)}, "not linearizable"},
		{"a value that nobody wrote",
			[]history.Op{write(0, 1, 1), read(2, 3, 7)}, "which nobody wrote"},
		{"a value before it was written",
			[]history.Op{read(0, 1, 1), write(2, 3, 1)}, "not linearizable"},
		{"another register's value",
			[]history.Op{write(0, 1, 1), {Kind: history.Read, Register: "y", Call: 2, Return: 3, Value: 1,
				Outcome: history.OK}}, "register y"},

		{"a refused write is not seen",
			[]history.Op{refused(write(0, 1, 1)), read(2, 3, 0)}, ""},
		{"a refused write that is seen",
			[]history.Op{refused(write(0, 1, 1)), read(2, 3, 1)}, "was refused"},
		{"a write of unknown outcome happened",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), read(4, 5, 2)}, ""},
		{"a write of unknown outcome did not happen",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), read(4, 5, 1)}, ""},
		{"a write of unknown outcome happens later",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), read(4, 5, 1), read(6, 7, 2)}, ""},
		{"a write of unknown outcome happens twice",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), read(4, 5, 2), write(6, 7, 3), read(8, 9, 2)},
			"not linearizable"},
		{"a write of unknown outcome is undone",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), read(4, 5, 2), read(6, 7, 1)}, "not linearizable"},
		{"a write of unknown outcome is seen before it was called",
			[]history.Op{read(0, 1, 2), maybe(write(2, 3, 2))}, "not linearizable"},
		{"an acknowledged write happens twice",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)}, "not linearizable"},
		{"a read of unknown outcome says nothing",
			[]history.Op{write(0, 1, 1), maybe(read(2, 3, 0))}, ""},

		{"a swap",
			[]history.Op{write(0, 1, 1), swap(2, 3, 1, 2), read(4, 5, 2)}, ""},
		{"a swap of a value that is not there",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), swap(4, 5, 1, 3)}, "not linearizable"},
		{"two swaps of one value",
			[]history.Op{write(0, 1, 1), swap(2, 9, 1, 2), swap(2, 9, 1, 3)}, "not linearizable"},
		{"a swap that misses although the value is there",
			[]history.Op{write(0, 1, 1), missed(2, 3, 1, 2)}, "not linearizable"},
		{"a swap that misses changes nothing",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), missed(4, 5, 1, 3), read(6, 7, 2)}, ""},
		{"a swap that misses and is seen",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), missed(4, 5, 1, 3), read(6, 7, 3)}, "was refused"},
		{"a swap that misses says what is there",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), missed(4, 5, 1, 3, 2)}, ""},
		{"a swap that misses says what was there once",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), write(4, 5, 3), missed(6, 7, 1, 4, 2)}, "not linearizable"},
		{"a swap misses for a write of unknown outcome that nobody sees",
			[]history.Op{write(0, 1, 1), maybe(write(2, 3, 2)), missed(4, 5, 1, 3)}, ""},
		{"a swap misses for a write that comes only afterwards",
			[]history.Op{write(0, 1, 1), missed(2, 3, 1, 3), maybe(write(4, 5, 2))}, "not linearizable"},
		{"a swap of unknown outcome happened",
			[]history.Op{write(0, 1, 1), maybe(swap(2, 3, 1, 2)), read(4, 5, 2)}, ""},
		{"a swap of unknown outcome happened although it could not",
			[]history.Op{write(0, 1, 1), write(2, 3, 2), maybe(swap(4, 5, 1, 3)), read(6, 7, 3)}, "not linearizable"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			expect(t, Registers(test.ops, time.Minute), test.wrong)
		})
	}
}

func expect(t *testing.T, found []string, wrong string) {
	t.Helper()
	switch {
	case wrong == "" && len(found) > 0:
		t.Errorf("found %q, and nothing is wrong", found)
	case wrong != "" && len(found) == 0:
		t.Errorf("found nothing, and there is %q", wrong)
	case wrong != "" && !strings.Contains(strings.Join(found, "\n"), wrong):
		t.Errorf("found %q and not %q", found, wrong)
	}
}

// Thousands of writes whose outcome nobody knows do not make the search long, seen or not.
func TestManyUnknownOutcomes(t *testing.T) {
	var ops []history.Op
	for i := int64(0); i < 2000; i++ {
		at := i * 10
		ops = append(ops, maybe(write(at, at+1, 2*i+1)), maybe(write(at, at+1, 2*i+2)), read(at+2, at+3, 2*i+1))
	}
	began := time.Now()
	expect(t, Registers(ops, time.Minute), "")
	t.Logf("%d operations in %s", len(ops), time.Since(began))
	ops = append(ops, read(30000, 30001, 1))
	expect(t, Registers(ops, time.Minute), "not linearizable")
}

func TestASearchThatTakesTooLongIsAViolation(t *testing.T) {
	var ops []history.Op
	for i := int64(0); i < 40; i++ {
		ops = append(ops, write(0, 100, i+1))
	}
	ops = append(ops, read(200, 201, 1), read(202, 203, 2))
	expect(t, Registers(ops, time.Millisecond), "could not be checked")
}

func TestGlances(t *testing.T) {
	glance := func(call, end, value int64) history.Op { return op(history.Glance, call, end, value) }
	for _, test := range []struct {
		claim string
		ops   []history.Op
		wrong string
	}{
		{"an old value", []history.Op{write(0, 1, 1), write(2, 3, 2), glance(4, 5, 1)}, ""},
		{"nothing", []history.Op{write(0, 1, 1), glance(4, 5, 0)}, ""},
		{"a value of unknown outcome", []history.Op{maybe(write(0, 1, 1)), glance(4, 5, 1)}, ""},
		{"a value during its write", []history.Op{write(0, 9, 1), glance(4, 5, 1)}, ""},
		{"the future", []history.Op{glance(0, 1, 1), write(2, 3, 1)}, "nobody had written"},
		{"a refused write", []history.Op{refused(write(0, 1, 1)), glance(2, 3, 1)}, "nobody had written"},
		{"a made up value", []history.Op{glance(0, 1, 1)}, "nobody had written"},
	} {
		t.Run(test.claim, func(t *testing.T) { expect(t, Glances(test.ops), test.wrong) })
	}
}

func ExampleRegisters() {
	fmt.Println(Registers([]history.Op{write(0, 1, 1), read(2, 3, 0)}, time.Minute)[0])
	// Output: register x is not linearizable: an order was found for 1 of 2 operations, the last of them [client 0 at , 0.000000-0.000001: write x := 1, ok]; no place for [client 0 at , 0.000002-0.000003: read x = 0 (), ok]
}
