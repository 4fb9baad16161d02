package main

import (
	"fmt"
	"strconv"
	"time"

	"faults/history"
)

const lineSQL = "INSERT INTO lines(line) VALUES(?)"

// An insert of one line or a few, in one transaction then.
func (c *client) newInsert(kind string) (op history.Op, statements []statement, flags string) {
	op = c.begin(kind)
	op.Line = fmt.Sprintf("%d-%d", c.number, c.unique()%1_000_000_000)
	op.Rows = 1
	if c.chance.Intn(4) == 0 {
		op.Rows = 2 + c.chance.Intn(3)
		flags = "&transaction"
	}
	for _, line := range op.Lines() {
		statements = append(statements, statement{lineSQL, line})
	}
	return op, statements, flags
}

func insertPlain(c *client) {
	op, statements, flags := c.newInsert(history.Plain)
	path := []string{"/db/execute?", "/db/request?"}[c.chance.Intn(2)]
	reply := c.post(path+flags, nil, statements...)
	if reply.settle(&op, op.Rows) {
		op.LastID = reply.Results[op.Rows-1].LastInsertID
	}
	c.crew.recorder.Add(op)
}

// Makes some of the inserts such that they fail.
func (c *client) doom(op *history.Op, statements []statement, flags string) ([]statement, string) {
	if c.chance.Intn(10) == 0 {
		op.Doomed = true
		return append(statements, statement{"INSERT INTO ghosts VALUES(1)"}), "&transaction"
	}
	return statements, flags
}

// Goes through the queue and waits until it is executed.
func insertQueued(c *client) {
	op, statements, flags := c.newInsert(history.Queued)
	statements, flags = c.doom(&op, statements, flags)
	reply := c.post("/db/execute?queue&wait"+flags, nil, statements...)
	c.settleQueued(&op, &reply)
	if op.Outcome == history.OK {
		failed := reply.statementError()
		switch {
		case op.Doomed && failed != "":
			op.Outcome = history.Failed
		case op.Doomed:
			op.Error = "it cannot succeed, and did"
		case failed != "":
			op.Error = "a statement failed: " + failed
		case len(reply.Results) != 0:
			op.Error = fmt.Sprintf("unasked results: %.200s", reply.body)
		}
	}
	c.keep(op)
}

// Goes through the queue without waiting, and asks later what became of it.
func insertAndAsk(c *client) {
	op, statements, flags := c.newInsert(history.Queued)
	statements, flags = c.doom(&op, statements, flags)
	reply := c.post("/db/execute?queue"+flags, nil, statements...)
	c.settleQueued(&op, &reply)
	if op.Outcome == history.OK {
		op.Outcome = history.Unknown // so far it is only accepted
		if op.State = c.follow(op); op.State == "failed" {
			op.Outcome = history.Failed
		} else if (op.State == "persisted" && !op.Doomed) || op.State == "applied" {
			op.Outcome = history.OK
		}
	}
	c.keep(op)
}

// A queued write is over for its client; others may be asked about it in the end.
func (c *client) keep(op history.Op) {
	c.crew.recorder.Add(op)
	if op.Number != 0 {
		c.crew.noteAccepted(op)
	}
}

func (c *client) settleQueued(op *history.Op, reply *reply) {
	op.Return = now()
	op.Outcome, op.Error = reply.outcome, reply.why
	op.Number = reply.Number
	if number := reply.headers.Get("X-Rqlite-Sequence-Number"); op.Number == 0 && number != "" {
		op.Number, _ = strconv.ParseInt(number, 10, 64) // a 408 has it there
	}
	if op.Number == 0 && op.Outcome == history.OK {
		op.Error = fmt.Sprintf("accepted without a number: %.200s", reply.body)
	}
}

// Asks until there is more to tell of an accepted write than that it is queued, or for as long as
// its answer would have been waited for.
func (c *client) follow(op history.Op) string {
	state := "unknown"
	for until := time.Now().Add(c.crew.giveUp); time.Now().Before(until); {
		if told, known := c.ask(op.Number, op.Node); known {
			if state = told; state != "queued" {
				return state
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return state
}

// What the client's node says of a write that was queued at the node `id`.
func (c *client) ask(number int64, id string) (state string, known bool) {
	path := fmt.Sprintf("/db/queue?sequence_number=%d", number)
	at := c.crew.node(c.home)
	if at.id != id {
		path += "&node=" + id
	}
	reply := c.send("GET", at.address, path, nil, nil)
	return reply.State, reply.outcome == history.OK
}

func (c *client) askVerdict(accepted history.Op) {
	op := c.begin(history.Verdict)
	op.Line, op.Rows, op.Number, op.Doomed = accepted.Line, accepted.Rows, accepted.Number, accepted.Doomed
	op.Outcome = history.Unknown
	state, known := c.ask(accepted.Number, accepted.Node)
	if known {
		op.Outcome, op.State = history.OK, state
	}
	op.Return = now()
	c.crew.recorder.Add(op)
}

// Keyed writes are tried at one node after the other until there is an answer; for so long even
// when the run is over.
const keyedPatience = 30 * time.Second

func insertKeyed(c *client) {
	op, statements, flags := c.newInsert(history.Keyed)
	queued := c.chance.Intn(2) == 0
	path := "/db/execute?"
	if queued {
		path = "/db/execute?queue&wait&results"
	}
	headers := map[string]string{"Idempotency-Key": "key-" + op.Line}
	for until := (time.Time{}); ; {
		op.Tries++
		reply := c.post(path+flags, headers, statements...)
		if reply.settle(&op, op.Rows) {
			op.LastID = reply.Results[op.Rows-1].LastInsertID
			break
		}
		if op.Outcome == history.OK {
			break // an odd answer
		}
		if reply.status == 422 || reply.status == 400 {
			op.Outcome = history.OK
			op.Error = "a keyed write was refused: " + reply.text()
			break
		}
		// One try failed, but what of the ones before it?
		if op.Outcome == history.Failed && op.Tries > 1 {
			op.Outcome = history.Unknown
		}
		if c.crew.stopped() {
			if until.IsZero() {
				until = time.Now().Add(keyedPatience)
			} else if time.Now().After(until) {
				break
			}
		}
		c.home++ // another one, and it stays there
		time.Sleep(20 * time.Millisecond)
	}
	c.crew.recorder.Add(op)
}
