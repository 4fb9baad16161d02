package main

import (
	"fmt"
	"net/url"
	"time"

	"faults/history"
)

// What a client of each kind does, once.
var behaviours = map[string]func(*client){
	"register": useRegister,
	"glance":   glance,
	"plain":    insertPlain,
	"queued":   insertQueued,
	"curious":  insertAndAsk,
	"keyed":    insertKeyed,
}

// Some registers, and after a while others: the time to check a register grows with its history.
const (
	registersAtATime = 4
	registersEnd     = 15 * time.Second
)

// How many times others have taken their place.
func (c *client) period() int64 { return (now() - c.crew.began) / int64(registersEnd) }

func registersOf(period int64) []string {
	names := make([]string, registersAtATime)
	for i := range names {
		names[i] = fmt.Sprintf("r%d-%d", period, i)
	}
	return names
}

func (c *client) register() string {
	return registersOf(c.period())[c.chance.Intn(registersAtATime)]
}

const (
	readSQL  = "SELECT value FROM registers WHERE name = ?"
	writeSQL = "INSERT INTO registers(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
	swapSQL  = "UPDATE registers SET value = ? WHERE name = ? AND value = ?"
)

func useRegister(c *client) {
	name := c.register()
	switch c.chance.Intn(6) {
	case 0:
		c.readRegister(name, "linearizable")
	case 1:
		c.readRegister(name, "strong")
	case 2:
		c.writeRegister(name, "/db/execute")
	case 3:
		c.writeRegister(name, "/db/request")
	case 4:
		c.swapRegister(name)
	default:
		c.swapAndRead(name)
	}
}

func glance(c *client) {
	name := c.register()
	c.readRegister(name, []string{"none", "weak"}[c.chance.Intn(2)])
}

func (c *client) readRegister(name, level string) {
	kind := history.Read
	if level == "none" || level == "weak" {
		kind = history.Glance
	}
	op := c.begin(kind)
	op.Register, op.Level = name, level
	reply := c.post("/db/query?level="+url.QueryEscape(level), nil, statement{readSQL, name})
	if reply.settle(&op, 1) {
		value, err := reply.Results[0].integer()
		if err != nil {
			op.Error = err.Error()
		}
		op.Value = value
		c.seen[name] = value
	} else if op.Outcome == history.OK {
		op.Outcome = history.Unknown // it has found nothing that could be checked
	}
	c.crew.recorder.Add(op)
}

func (c *client) writeRegister(name, path string) {
	op := c.begin(history.Write)
	op.Register, op.Value = name, c.unique()
	reply := c.post(path, nil, statement{writeSQL, name, op.Value})
	if reply.settle(&op, 1) {
		if changed := reply.Results[0].RowsAffected; changed != 1 {
			op.Error = fmt.Sprintf("a write changed %d rows", changed)
		}
		c.seen[name] = op.Value
	}
	c.crew.recorder.Add(op)
}

// Compare and set by what SQL offers; whether it did is told by the number of rows.
func (c *client) swapRegister(name string) {
	if c.seen[name] == 0 {
		c.readRegister(name, "linearizable")
		return
	}
	op := c.begin(history.Swap)
	op.Register, op.Expected, op.Value = name, c.seen[name], c.unique()
	reply := c.post("/db/execute", nil, statement{swapSQL, op.Value, name, op.Expected})
	if reply.settle(&op, 1) {
		op.Swapped = reply.Results[0].RowsAffected == 1
		if op.Swapped {
			c.seen[name] = op.Value
		} else {
			delete(c.seen, name)
		}
	}
	c.crew.recorder.Add(op)
}

// The same, and in the same transaction asks what is there now.
func (c *client) swapAndRead(name string) {
	if c.seen[name] == 0 {
		c.readRegister(name, "strong")
		return
	}
	op := c.begin(history.Swap)
	op.Register, op.Expected, op.Value = name, c.seen[name], c.unique()
	reply := c.post("/db/request?transaction", nil,
		statement{swapSQL, op.Value, name, op.Expected}, statement{readSQL, name})
	if reply.settle(&op, 2) {
		op.Swapped = reply.Results[0].RowsAffected == 1
		value, err := reply.Results[1].integer()
		switch {
		case err != nil:
			op.Error = err.Error()
		case op.Swapped && value != op.Value:
			op.Error = fmt.Sprintf("a swap left %d", value)
		case !op.Swapped:
			op.Found = &value
		}
		c.seen[name] = value
	}
	c.crew.recorder.Add(op)
}
