package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"time"

	"faults/history"
)

// A client sends one request at a time to its node.
type client struct {
	crew   *crew
	number int
	home   int // which of the nodes it asks
	chance *rand.Rand
	http   *http.Client
	count  int64            // of the values that it made up
	seen   map[string]int64 // the last value it knows of each register
}

func newClient(crew *crew, number int) *client {
	return &client{
		crew: crew, number: number, home: number,
		chance: rand.New(rand.NewSource(crew.seed*1000 + int64(number))),
		http: &http.Client{
			Timeout:   crew.giveUp,
			Transport: &http.Transport{MaxIdleConnsPerHost: 1, MaxConnsPerHost: 4},
			// A redirect would be a new request, whose outcome says nothing of the first.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		seen: map[string]int64{},
	}
}

func (c *client) pause() {
	time.Sleep(time.Duration(c.chance.Float64() * 2 * float64(c.crew.think)))
}

// Values and names that nobody else uses.
func (c *client) unique() int64 {
	c.count++
	return int64(c.number+1)*1_000_000_000 + c.count
}

func (c *client) begin(kind string) history.Op {
	return history.Op{Client: c.number, Node: c.crew.node(c.home).id, Kind: kind, Call: now()}
}

// A reply as far as it is of interest here.
type reply struct {
	outcome string
	why     string // if it is not OK
	status  int
	body    []byte
	headers http.Header
	Results []result `json:"results"`
	Error   string   `json:"error"`
	Number  int64    `json:"sequence_number"`
	State   string   `json:"state"`
}

type result struct {
	LastInsertID int64               `json:"last_insert_id"`
	RowsAffected int64               `json:"rows_affected"`
	Values       [][]json.RawMessage `json:"values"`
	Error        string              `json:"error"`
}

// The integer of a result that is one row with one column; 0 if there is no row.
func (r *result) integer() (value int64, err error) {
	if len(r.Values) > 0 {
		err = json.Unmarshal(r.Values[0][0], &value)
	}
	return value, err
}

// A statement is its text and its parameters.
type statement []interface{}

// Sends statements to the client's node.
func (c *client) post(path string, headers map[string]string, statements ...statement) reply {
	body, err := json.Marshal(statements)
	if err != nil {
		panic(err) // they are strings and numbers
	}
	return c.send("POST", c.crew.node(c.home).address, path, headers, body)
}

func (c *client) send(method, address, path string, headers map[string]string, body []byte) reply {
	request, err := http.NewRequest(method, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{outcome: fate(err), why: err.Error()}
	}
	defer response.Body.Close()
	answer := reply{status: response.StatusCode, headers: response.Header}
	if answer.body, err = io.ReadAll(response.Body); err != nil {
		answer.outcome, answer.why = history.Unknown, err.Error()
		return answer
	}
	answer.judge()
	return answer
}

// What became of a request that was not answered: nothing, if there never was a connection.
func fate(err error) string {
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "dial" {
		return history.Failed
	}
	return history.Unknown
}

// Errors of a whole request that promise that it has no effect. Any other one may come too late.
var refusals = []string{"not leader", "leader not found", "store not open", "leadership transfer in progress"}

func (r *reply) judge() {
	switch {
	case r.status == http.StatusOK:
		if err := json.Unmarshal(r.body, r); err != nil {
			r.outcome, r.why = history.Unknown, fmt.Sprintf("unreadable: %s: %.200s", err, r.body)
			return
		}
		r.outcome = history.OK
		if r.Error != "" {
			r.outcome, r.why = history.Unknown, r.Error
			for _, refusal := range refusals {
				if r.Error == refusal {
					r.outcome = history.Failed
				}
			}
		}
	case r.status == http.StatusRequestTimeout:
		r.outcome, r.why = history.Unknown, r.text()
	case r.status == http.StatusServiceUnavailable || r.status == http.StatusUnprocessableEntity ||
		r.status >= 300 && r.status < 500:
		r.outcome, r.why = history.Failed, r.text()
	default:
		r.outcome, r.why = history.Unknown, r.text()
	}
}

func (r *reply) text() string {
	return fmt.Sprintf("%d %.200s", r.status, strings.TrimSpace(string(r.body)))
}

// The first error of a statement.
func (r *reply) statementError() string {
	for i := range r.Results {
		if r.Results[i].Error != "" {
			return r.Results[i].Error
		}
	}
	return ""
}

// Makes an operation of the reply: as it is, unless there are not as many results as there have to
// be, or one of them is an error that there cannot be.
func (r *reply) settle(op *history.Op, results int) bool {
	op.Return = now()
	op.Outcome, op.Error = r.outcome, r.why
	if r.outcome != history.OK {
		return false
	}
	if failed := r.statementError(); failed != "" {
		op.Error = "a statement failed: " + failed
		return false
	}
	if len(r.Results) != results {
		op.Error = fmt.Sprintf("%d results for %d statements: %.200s", len(r.Results), results, r.body)
		return false
	}
	return true
}
