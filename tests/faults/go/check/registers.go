package check

import (
	"fmt"
	"sort"
	"time"

	"faults/history"

	"github.com/anishathalye/porcupine"
)

// A register as the sequential specification has it: its state is an int64, at first 0.
var model = porcupine.Model{
	Init: func() interface{} { return int64(0) },
	Step: func(state, input, _ interface{}) (bool, interface{}) {
		value, op := state.(int64), input.(*history.Op)
		switch {
		case op.Kind == history.Read:
			return value == op.Value, value
		case op.Kind == history.Write:
			return true, op.Value
		case op.Swapped:
			return value == op.Expected, op.Value
		default:
			return value != op.Expected && (op.Found == nil || *op.Found == value), value
		}
	},
}

// Registers finds those that are not linearizable. `within` bounds the search of each; one that
// takes longer counts as a violation, for nothing is known of it.
func Registers(ops []history.Op, within time.Duration) []string {
	byName := map[string][]*history.Op{}
	for i := range ops {
		switch ops[i].Kind {
		case history.Read, history.Write, history.Swap:
			byName[ops[i].Register] = append(byName[ops[i].Register], &ops[i])
		}
	}
	var violations []string
	for _, name := range sorted(byName) {
		found := values(name, byName[name])
		if len(found) == 0 {
			found = linearizable(name, byName[name], within)
		}
		violations = append(violations, found...)
	}
	return violations
}

// What a completed operation shows that a register held.
func observed(op *history.Op) (int64, bool) {
	switch {
	case op.Outcome != history.OK:
		return 0, false
	case op.Kind == history.Read:
		return op.Value, true
	case op.Kind == history.Swap && op.Swapped:
		return op.Expected, true
	case op.Kind == history.Swap && op.Found != nil:
		return *op.Found, true
	}
	return 0, false
}

// Values that nobody wrote, or whose write was refused. What is wrong with the order in which values
// came is found by linearizable(), but these can be named.
func values(name string, ops []*history.Op) []string {
	writers := map[int64]*history.Op{}
	for _, op := range ops {
		if op.Kind != history.Read {
			writers[op.Value] = op
		}
	}
	var violations []string
	for _, op := range ops {
		value, known := observed(op)
		if !known || value == 0 {
			continue
		}
		writer := writers[value]
		switch {
		case writer == nil:
			violations = append(violations,
				fmt.Sprintf("register %s: %s found %d, which nobody wrote", name, describe(op), value))
		case writer.Outcome == history.Failed,
			writer.Kind == history.Swap && writer.Outcome == history.OK && !writer.Swapped:
			violations = append(violations, fmt.Sprintf(
				"register %s: %s found %d, but %s was refused", name, describe(op), value, describe(writer)))
		}
	}
	return violations
}

func linearizable(name string, ops []*history.Op, within time.Duration) []string {
	operations := toOperations(ops)
	switch porcupine.CheckOperationsTimeout(model, operations, within) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return []string{fmt.Sprintf("register %s: %d operations could not be checked within %s",
			name, len(operations), within)}
	}
	// Once more, for how far it comes; that takes more time and memory.
	_, info := porcupine.CheckOperationsVerbose(model, operations, within)
	return []string{fmt.Sprintf("register %s is not linearizable: %s", name, stuck(operations, info))}
}

// Where the longest order that could be found ends, and what surrounds that place.
func stuck(operations []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, each := range partition {
			if len(each) > len(longest) {
				longest = each
			}
		}
	}
	done := map[*history.Op]bool{}
	for _, each := range longest {
		done[each.Input.(*history.Op)] = true
	}
	text := fmt.Sprintf("an order was found for %d of %d operations", len(longest), len(operations))
	if len(longest) > 0 {
		text += ", the last of them " + describe(longest[len(longest)-1].Input.(*history.Op))
	}
	left := 0
	for _, each := range operations {
		op := each.Input.(*history.Op)
		if done[op] {
			continue
		}
		if left++; left > 4 {
			break
		}
		text += "; no place for " + describe(op)
	}
	return text
}

// What the search is given. Operations of which nobody knows the end make it long, since each may
// have happened at any time afterwards, so:
//
// Of a write with an unknown outcome whose value was observed it is known that it happened before
// the first of those who saw it ended, and as what.
//
// One whose value was never observed is left out. That changes nothing: values are unique, so in an
// order with it, nothing between it and the next write depends on the value it left, and in an order
// without it, it may stand at the end. Only a failed swap that did not say what it found instead
// could have met that value, and is left out too where that is possible.
func toOperations(ops []*history.Op) []porcupine.Operation {
	firstSeen := map[int64]int64{} // value -> the end of the first operation that saw it
	for _, op := range ops {
		if value, known := observed(op); known {
			if end, seen := firstSeen[value]; !seen || op.Return < end {
				firstSeen[value] = op.Return
			}
		}
	}
	leftOut := int64(1<<63 - 1) // when the first one that is left out was called
	for _, op := range ops {
		if op.Kind != history.Read && op.Outcome == history.Unknown {
			if _, seen := firstSeen[op.Value]; !seen && op.Call < leftOut {
				leftOut = op.Call
			}
		}
	}
	var operations []porcupine.Operation
	for _, op := range ops {
		end := op.Return
		switch {
		case op.Outcome == history.Failed:
			continue
		case op.Outcome == history.Unknown && op.Kind == history.Read:
			continue
		case op.Outcome == history.Unknown:
			seen, known := firstSeen[op.Value]
			if !known {
				continue
			}
			took := *op
			took.Swapped = true
			op, end = &took, seen
			if end < op.Call {
				end = op.Call // seen before it was called: no order will be found
			}
		case op.Kind == history.Swap && !op.Swapped && op.Found == nil && leftOut <= op.Return:
			continue
		}
		operations = append(operations, porcupine.Operation{
			ClientId: op.Client, Input: op, Call: op.Call, Output: nil, Return: end})
	}
	sort.SliceStable(operations, func(i, j int) bool { return operations[i].Call < operations[j].Call })
	return operations
}

// Glances finds values that were read before anybody wrote them: a read may be old, but no node
// knows the future or makes values up.
func Glances(ops []history.Op) []string {
	type place struct {
		register string
		value    int64
	}
	called := map[place]int64{}
	for i := range ops {
		if op := &ops[i]; (op.Kind == history.Write || op.Kind == history.Swap) && op.Outcome != history.Failed {
			called[place{op.Register, op.Value}] = op.Call
		}
	}
	var violations []string
	for i := range ops {
		op := &ops[i]
		if op.Kind != history.Glance || op.Outcome != history.OK || op.Value == 0 {
			continue
		}
		if call, written := called[place{op.Register, op.Value}]; !written || call > op.Return {
			violations = append(violations, fmt.Sprintf("%s found %d, which nobody had written", describe(op), op.Value))
		}
	}
	return violations
}
