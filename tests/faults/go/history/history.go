// Package history is what clients did and what they were told: one line of JSON for each operation.
package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// What an operation is.
const (
	Read    = "read"    // of a register
	Write   = "write"   // of a register
	Swap    = "swap"    // of a register, if it has the value that is expected: compare and set
	Glance  = "glance"  // a read of a register that may be old
	Plain   = "plain"   // an insert of lines
	Queued  = "queued"  // the same through the write queue
	Keyed   = "keyed"   // the same under an idempotency key
	Verdict = "verdict" // what a node says afterwards of a queued write
)

// What became of an operation.
const (
	OK      = "ok"      // it took effect, once
	Failed  = "failed"  // it has no effect, now and later
	Unknown = "unknown" // once or not at all
)

// An Op is one operation. Times are nanoseconds of CLOCK_MONOTONIC.
type Op struct {
	Client  int    `json:"client"`
	Node    string `json:"node"` // the one that was asked (first)
	Kind    string `json:"kind"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"` // why it is not OK, or what is odd about it

	// Registers: a name, and values of which each is written at most once. 0: never written.
	Register string `json:"register,omitempty"`
	Level    string `json:"level,omitempty"`
	Value    int64  `json:"value,omitempty"`    // found by a read; left by a write or a swap
	Expected int64  `json:"expected,omitempty"` // by a swap
	Swapped  bool   `json:"swapped,omitempty"`  // whether a swap that is OK changed the value
	Found    *int64 `json:"found,omitempty"`    // what was there after a swap, if that was asked

	// Inserts: Rows lines, which are Line with "/0", "/1" ... behind it; all of them or none.
	Line   string `json:"line,omitempty"`
	Rows   int    `json:"rows,omitempty"`
	LastID int64  `json:"last_id,omitempty"` // the last one's, if the reply had it
	Doomed bool   `json:"doomed,omitempty"`  // one of its statements cannot succeed
	Number int64  `json:"number,omitempty"`  // of a queued write that was accepted
	State  string `json:"state,omitempty"`   // of a queued write, as last told
	Tries  int    `json:"tries,omitempty"`   // of a keyed write
}

// Lines that an insert adds, in order.
func (op *Op) Lines() []string {
	lines := make([]string, op.Rows)
	for i := range lines {
		lines[i] = fmt.Sprintf("%s/%d", op.Line, i)
	}
	return lines
}

// A Recorder writes a history to a file. Safe for use by many goroutines.
type Recorder struct {
	mutex sync.Mutex
	file  *os.File
	out   *bufio.Writer
}

// Create starts a history in a new file.
func Create(path string) (*Recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Recorder{file: file, out: bufio.NewWriter(file)}, nil
}

// Add appends an operation that has ended.
func (r *Recorder) Add(op Op) {
	line, err := json.Marshal(op)
	if err != nil {
		panic(err) // it is made of numbers and strings
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.out.Write(append(line, '\n')) // an error stays until Flush or Close
}

// Flush makes what was added readable for others.
func (r *Recorder) Flush() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.out.Flush()
}

// Close ends the file. Without error, it has everything.
func (r *Recorder) Close() error {
	if err := r.Flush(); err != nil {
		return err
	}
	return r.file.Close()
}

// Parse reads a history.
func Parse(in io.Reader) ([]Op, error) {
	var ops []Op
	decoder := json.NewDecoder(in)
	for {
		var op Op
		switch err := decoder.Decode(&op); err {
		case nil:
			ops = append(ops, op)
		case io.EOF:
			return ops, nil
		default:
			return nil, fmt.Errorf("operation %d: %w", len(ops)+1, err)
		}
	}
}
