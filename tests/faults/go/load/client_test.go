package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faults/history"
)

// A client of a server that always answers like this.
func clientOf(t *testing.T, answer http.HandlerFunc) *client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return clientAt(t, strings.TrimPrefix(server.URL, "http://"))
}

func clientAt(t *testing.T, address string) *client {
	t.Helper()
	recorder, err := history.Create(filepath.Join(t.TempDir(), "history"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { recorder.Close() })
	crew := &crew{recorder: recorder, giveUp: 50 * time.Millisecond, stopping: make(chan struct{}), began: now()}
	crew.setNodes([]node{{"n1", address}})
	return newClient(crew, 0)
}

func always(status int, body string) http.HandlerFunc {
	return func(to http.ResponseWriter, _ *http.Request) {
		to.WriteHeader(status)
		to.Write([]byte(body))
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, test := range []struct {
		claim   string
		answer  http.HandlerFunc
		outcome string
	}{
		{"results", always(200, `{"results":[{"rows_affected":1}]}`), history.OK},
		{"no leader", always(503, "leader not found"), history.Failed},
		{"a full queue", always(503, "queue is full"), history.Failed},
		{"a bad request", always(400, "no statements"), history.Failed},
		{"not waited for any longer", always(408, "queue wait timeout"), history.Unknown},
		{"refused by one who does not lead", always(200, `{"results":[],"error":"not leader"}`), history.Failed},
		{"leadership was lost", always(200,
			`{"results":[],"error":"leadership lost while committing log"}`), history.Unknown},
		{"a full disk", always(200, `{"results":[],"error":"disk is full"}`), history.Unknown},
		{"a failure inside", always(500, "oh"), history.Unknown},
		{"no JSON", always(200, "oh"), history.Unknown},
		{"the connection ends", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			history.Unknown},
		{"nothing for too long", func(_ http.ResponseWriter, request *http.Request) {
			io.Copy(io.Discard, request.Body) // before that, Go does not notice that the client went away
			<-request.Context().Done()
		}, history.Unknown},
	} {
		t.Run(test.claim, func(t *testing.T) {
			reply := clientOf(t, test.answer).post("/db/execute", nil, statement{"x"})
			if reply.outcome != test.outcome {
				t.Errorf("%s (%s), not %s", reply.outcome, reply.why, test.outcome)
			}
			if reply.outcome != history.OK && reply.why == "" {
				t.Error("it does not say why")
			}
		})
	}
}

func TestARequestThatWasNeverSentFailed(t *testing.T) {
	server := httptest.NewServer(always(200, ""))
	address := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	if reply := clientAt(t, address).post("/db/execute", nil, statement{"x"}); reply.outcome != history.Failed {
		t.Error(reply.outcome, reply.why)
	}
}

// Go sends again what was sent over a connection that turned out to be closed. That is only right if
// nothing of it can have arrived.
func TestAWriteIsSentOnce(t *testing.T) {
	requests := 0
	c := clientOf(t, func(to http.ResponseWriter, _ *http.Request) {
		requests++
		if requests > 1 {
			panic(http.ErrAbortHandler)
		}
		to.Write([]byte(`{"results":[{}]}`))
	})
	c.post("/db/execute", nil, statement{"x"})
	if reply := c.post("/db/execute", nil, statement{"x"}); reply.outcome != history.Unknown || requests != 2 {
		t.Error(reply.outcome, requests)
	}
}

func TestOddAnswersAreNoted(t *testing.T) {
	for _, test := range []struct{ claim, body, noted string }{
		{"as many results as statements", `{"results":[{"last_insert_id":1,"rows_affected":1}]}`, ""},
		{"too many", `{"results":[{},{}]}`, "2 results for 1 statements"},
		{"none", `{"results":[]}`, "0 results for 1 statements"},
		{"an error that cannot be", `{"results":[{"error":"no such table: lines"}]}`, "a statement failed"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			c := clientOf(t, always(200, test.body))
			reply := c.post("/db/execute", nil, statement{"x"})
			op := c.begin(history.Plain)
			fine := reply.settle(&op, 1)
			if op.Outcome != history.OK || fine != (test.noted == "") || !strings.Contains(op.Error, test.noted) {
				t.Error(fine, op)
			}
		})
	}
}

func TestAKeyedWriteGoesToTheNextNodeUntilItIsAnswered(t *testing.T) {
	c := clientOf(t, always(503, "leader not found"))
	keys := map[string]bool{}
	good := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, request *http.Request) {
		keys[request.Header.Get("Idempotency-Key")] = true
		to.Write([]byte(`{"results":[{"last_insert_id":7},{"last_insert_id":8}]}`))
	}))
	defer good.Close()
	c.crew.setNodes([]node{c.crew.nodes[0], {"n2", strings.TrimPrefix(good.URL, "http://")}})
	insertKeyed(c)
	if len(keys) != 1 || keys[""] || c.home != 1 {
		t.Error(keys, c.home)
	}
}
