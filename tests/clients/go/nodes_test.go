// Package clients tests Go clients of rqlite against nodes that with_nodes.py started.
package clients

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

var (
	openAddress   = os.Getenv("RQLITE_ADDRESS")
	lockedAddress = os.Getenv("RQLITE_LOCKED_ADDRESS")
	tlsAddress    = os.Getenv("RQLITE_TLS_ADDRESS")
	deadAddress   = os.Getenv("RQLITE_DEAD_ADDRESS")
)

// Discovery asks /nodes for the leader, so without that route a client needs to be told not to.
const noDiscovery = "disableClusterDiscovery=true"

// openURL is the URL of the open node, with options.
func openURL(options ...string) string {
	return "http://" + openAddress + "/?" + strings.Join(append(options, noDiscovery), "&")
}

// eachLocked runs a test with each of the locked nodes: one speaks HTTP, the other one HTTPS.
func eachLocked(t *testing.T, test func(t *testing.T, node url.URL)) {
	t.Helper()
	for _, node := range []url.URL{{Scheme: "http", Host: lockedAddress},
		{Scheme: "https", Host: tlsAddress}} {
		t.Run(node.Scheme, func(t *testing.T) { test(t, node) })
	}
}

// urlAs is the URL of a locked node as one user sees it.
func urlAs(node url.URL, user, password string) string {
	u := url.URL{Scheme: node.Scheme, Host: node.Host, Path: "/", RawQuery: noDiscovery}
	if user != "" {
		u.User = url.UserPassword(user, password)
	}
	return u.String()
}

var tables int64

// newName is the name of a table that no other test has.
func newName() string {
	return fmt.Sprintf("go%d_%d", os.Getpid(), atomic.AddInt64(&tables, 1))
}

// slow is a query that runs for a tenth of a second at least.
const slow = "SELECT max(n) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c " +
	"WHERE n < 1500000) SELECT n FROM c)"

// many is how many rows manyRows selects: more than the node sends in one piece.
const many = 5000

const manyRows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) " +
	"SELECT n, 'a text that takes some room, for row ' || n FROM c"

var texts = []string{
	"", "plain", "it's \"quoted\"", "back\\slash /", "tab\tline\nreturn\r", "<b>&amp;</b>",
	"ünïcödé", "e\u0301", "日本語", "😀", "\u2028\u2029", "\x01\x7f", "NULL",
}

// wantEqual fails the test unless both are the same.
func wantEqual[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// wantError fails the test unless there is an error that says so.
func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got error %v, want one with %q", err, text)
	}
}

// must fails the test now if there is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
