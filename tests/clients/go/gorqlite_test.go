package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rqlite/gorqlite"
)

func connect(t *testing.T, options ...string) *gorqlite.Connection {
	t.Helper()
	conn, err := gorqlite.Open(openURL(options...))
	must(t, err)
	t.Cleanup(conn.Close)
	return conn
}

func statement(query string, arguments ...interface{}) gorqlite.ParameterizedStatement {
	return gorqlite.ParameterizedStatement{Query: query, Arguments: arguments}
}

// write executes one statement, which has to succeed.
func write(t *testing.T, conn *gorqlite.Connection, query string, arguments ...interface{}) gorqlite.WriteResult {
	t.Helper()
	result, err := conn.WriteOneParameterized(statement(query, arguments...))
	must(t, err)
	return result
}

// query selects rows, which has to succeed.
func query(t *testing.T, conn *gorqlite.Connection, sql string, arguments ...interface{}) *gorqlite.QueryResult {
	t.Helper()
	rows, err := conn.QueryOneParameterized(statement(sql, arguments...))
	must(t, err)
	return &rows
}

// scan reads the one row of a query.
func scan(t *testing.T, rows *gorqlite.QueryResult, into ...interface{}) {
	t.Helper()
	wantEqual(t, rows.NumRows(), 1)
	if rows.Next() {
		must(t, rows.Scan(into...))
	}
}

func count(t *testing.T, conn *gorqlite.Connection, table string) (n int64) {
	t.Helper()
	scan(t, query(t, conn, "SELECT COUNT(*) FROM "+table), &n)
	return n
}

func newTable(t *testing.T, conn *gorqlite.Connection, columns string) string {
	t.Helper()
	name := newName()
	write(t, conn, "CREATE TABLE "+name+" ("+columns+")")
	return name
}

const agents = "id INTEGER PRIMARY KEY, hero_name TEXT, abbrev TEXT"

// What its README shows.

func TestWritesAndQueriesOfItsReadme(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, agents)
	results, err := conn.Write([]string{
		"INSERT INTO " + table + "(id, hero_name, abbrev) VALUES (125718, 'Speed Gibson', 'Speed')",
		"INSERT INTO " + table + "(id, hero_name, abbrev) VALUES (209166, 'Clint Barlow', 'Clint')",
		"INSERT INTO " + table + "(id, hero_name, abbrev) VALUES (44107, 'Barney Dunlap', 'Barney')",
	})
	must(t, err)
	wantEqual(t, len(results), 3)
	for _, result := range results {
		wantEqual(t, result.RowsAffected, 1)
	}
	wantEqual(t, results[1].LastInsertID, 209166)

	rows := query(t, conn, "SELECT id, hero_name FROM "+table+" WHERE id > 500 ORDER BY id")
	wantEqual(t, strings.Join(rows.Columns(), " "), "id hero_name")
	wantEqual(t, strings.Join(rows.Types(), " "), "integer text")
	wantEqual(t, rows.NumRows(), 3)
	var names []string
	for rows.Next() {
		var id int64
		var name string
		must(t, rows.Scan(&id, &name))
		mapped, err := rows.Map()
		must(t, err)
		wantEqual(t, mapped["id"].(float64), float64(id))
		wantEqual(t, mapped["hero_name"].(string), name)
		names = append(names, name)
	}
	wantEqual(t, strings.Join(names, ", "), "Barney Dunlap, Speed Gibson, Clint Barlow")
}

func TestParametersOfItsReadme(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "id INTEGER, name TEXT, secret TEXT")
	wantEqual(t, write(t, conn, "INSERT INTO "+table+" VALUES(?, ?, ?)", 7, "James Bond", "not-a-secret").RowsAffected, 1)
	var id int64
	var name string
	scan(t, query(t, conn, "SELECT id, name FROM "+table+" WHERE id > ?", 3), &id, &name)
	wantEqual(t, name, "James Bond")
	// By name: an argument may be a map.
	scan(t, query(t, conn, "SELECT id, name FROM "+table+" WHERE name = :name",
		map[string]interface{}{"name": "James Bond"}), &id, &name)
	wantEqual(t, id, 7)
}

func TestUnifiedEndpointOfItsReadme(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "id INTEGER PRIMARY KEY, name TEXT")
	results, err := conn.Request([]string{
		"INSERT INTO " + table + "(id, name) VALUES (8, 'Felix')",
		"SELECT COUNT(*) FROM " + table,
		"SELECT name FROM " + table + " WHERE id = 9",
	})
	must(t, err)
	wantEqual(t, results[0].Write.LastInsertID, 8)
	var n int64
	scan(t, results[1].Query, &n)
	wantEqual(t, n, 1)
	wantEqual(t, results[2].Query.NumRows(), 0)
}

func TestQueuedWritesOfItsReadme(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "id INTEGER PRIMARY KEY, name TEXT")
	first, err := conn.QueueOne("INSERT INTO " + table + "(name) VALUES ('Q')")
	must(t, err)
	second, err := conn.QueueParameterized([]gorqlite.ParameterizedStatement{
		statement("INSERT INTO "+table+"(name) VALUES (?)", "M"),
		statement("INSERT INTO "+table+"(name) VALUES (?)", "R"),
	})
	must(t, err)
	if second <= first {
		t.Errorf("the number %d came after %d", second, first)
	}
	// The client cannot wait, so ask until all are there; the test's own time limit ends it.
	for count(t, conn, table) < 3 {
		time.Sleep(time.Millisecond)
	}
	rows := query(t, conn, "SELECT name FROM "+table+" ORDER BY id")
	names := ""
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		names += name
	}
	wantEqual(t, names, "QMR")
}

func TestNullableTypesOfItsReadme(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "t TEXT, i INTEGER, r REAL, d DATETIME")
	var text gorqlite.NullString
	var integer gorqlite.NullInt64
	var real gorqlite.NullFloat64
	var moment gorqlite.NullTime
	write(t, conn, "INSERT INTO "+table+" VALUES(?, ?, ?, ?)", nil, nil, nil, nil)
	scan(t, query(t, conn, "SELECT * FROM "+table), &text, &integer, &real, &moment)
	wantEqual(t, text.Valid || integer.Valid || real.Valid || moment.Valid, false)

	write(t, conn, "UPDATE "+table+" SET t = ?, i = ?, r = ?, d = ?", "x", 7, 0.5, "2004-02-14 07:15:00")
	scan(t, query(t, conn, "SELECT * FROM "+table), &text, &integer, &real, &moment)
	wantEqual(t, text, gorqlite.NullString{String: "x", Valid: true})
	wantEqual(t, integer, gorqlite.NullInt64{Int64: 7, Valid: true})
	wantEqual(t, real, gorqlite.NullFloat64{Float64: 0.5, Valid: true})
	wantEqual(t, moment, gorqlite.NullTime{Time: time.Date(2004, 2, 14, 7, 15, 0, 0, time.UTC), Valid: true})
}

func TestTracingOfItsReadme(t *testing.T) {
	var trace bytes.Buffer
	gorqlite.TraceOn(&trace)
	defer gorqlite.TraceOff()
	query(t, connect(t), "SELECT 1")
	if !strings.Contains(trace.String(), "client.Do() OK") {
		t.Errorf("nothing was traced: %q", trace.String())
	}
}

// Discovery: /status names the leader, and /nodes where its API is.

func TestDiscoveryFindsTheNodeItself(t *testing.T) {
	conn, err := gorqlite.Open("http://" + openAddress)
	must(t, err)
	defer conn.Close()
	leader, err := conn.Leader()
	must(t, err)
	wantEqual(t, leader, openAddress)
	peers, err := conn.Peers()
	must(t, err)
	wantEqual(t, strings.Join(peers, " "), openAddress)
	wantEqual(t, query(t, conn, "SELECT 1").NumRows(), 1)
}

func TestWithoutDiscoveryItKnowsWhatItWasTold(t *testing.T) {
	leader, err := connect(t).Leader()
	must(t, err)
	wantEqual(t, leader, openAddress)
}

// Values.

func TestTextsComeBackAsTheyWere(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "v TEXT")
	for _, text := range texts {
		write(t, conn, "DELETE FROM "+table)
		write(t, conn, "INSERT INTO "+table+" VALUES(?)", text)
		var stored string
		scan(t, query(t, conn, "SELECT v FROM "+table+" WHERE v = ?", text), &stored)
		wantEqual(t, stored, text)
	}
}

func TestRealsComeBackToTheLastBit(t *testing.T) {
	conn := connect(t)
	for _, real := range []float64{0.5, -2.25, 0.1, 1e-7, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		var stored float64
		scan(t, query(t, conn, "SELECT ?", real), &stored)
		wantEqual(t, stored, real)
	}
}

func TestIntegersAreExactInTheDatabaseWhileTheClientReadsThemAsDoubles(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "v INTEGER")
	for _, integer := range []int64{0, -1, 1 << 31, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
		write(t, conn, "DELETE FROM "+table)
		write(t, conn, "INSERT INTO "+table+" VALUES(?)", integer)
		wantEqual(t, query(t, conn, "SELECT v FROM "+table+" WHERE v = ?", integer).NumRows(), 1)
		// As text it arrives whole; Scan() of a text makes an integer of it.
		var stored int64
		scan(t, query(t, conn, "SELECT CAST(v AS TEXT) FROM "+table), &stored)
		wantEqual(t, stored, integer)
		if -(1<<53) <= integer && integer <= 1<<53 {
			scan(t, query(t, conn, "SELECT v FROM "+table), &stored)
			wantEqual(t, stored, integer)
		}
	}
}

func TestBytesGoInAndOutInBase64OrAsHex(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "v BLOB")
	blob := []byte{0, 255, 128}
	// Go's JSON makes base64 text of bytes, which the node can only take for text.
	write(t, conn, "INSERT INTO "+table+" VALUES(?)", blob)
	var kind, text string
	scan(t, query(t, conn, "SELECT typeof(v), v FROM "+table), &kind, &text)
	wantEqual(t, kind+" "+text, "text "+base64.StdEncoding.EncodeToString(blob))
	write(t, conn, "UPDATE "+table+" SET v = ?", "x'00ff80'")
	scan(t, query(t, conn, "SELECT typeof(v), v FROM "+table), &kind, &text)
	wantEqual(t, kind+" "+text, "blob "+base64.StdEncoding.EncodeToString(blob))
}

func TestMomentsAreTimes(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "d DATE, t DATETIME, s TIMESTAMP")
	moment := time.Date(2004, 2, 14, 7, 15, 0, 250000000, time.UTC)
	write(t, conn, "INSERT INTO "+table+" VALUES(?, ?, ?)", "2004-02-14", moment, moment.Unix())
	var day, datetime, timestamp time.Time
	scan(t, query(t, conn, "SELECT * FROM "+table), &day, &datetime, &timestamp)
	wantEqual(t, day, time.Date(2004, 2, 14, 0, 0, 0, 0, time.UTC))
	wantEqual(t, datetime, moment)
	wantEqual(t, timestamp, moment.Truncate(time.Second))
	rows := query(t, conn, "SELECT d, t FROM "+table)
	rows.Next()
	mapped, err := rows.Map()
	must(t, err)
	wantEqual(t, mapped["t"].(time.Time), moment)
}

// A fault of the client: true and false are what the API sends for a column declared so.
func TestBooleansAreReadAsTheyAreForScanTakesOnlyNumbers(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "b BOOLEAN")
	write(t, conn, "INSERT INTO "+table+" VALUES(?)", true)
	rows := query(t, conn, "SELECT b, b + 0 FROM "+table)
	rows.Next()
	slice, err := rows.Slice()
	must(t, err)
	wantEqual(t, slice[0].(bool), true)
	var b, number bool
	wantError(t, rows.Scan(&b, &number), "invalid bool")
	scan(t, query(t, conn, "SELECT b + 0 FROM "+table), &number)
	wantEqual(t, number, true)
}

func TestALargeResultArrivesWhole(t *testing.T) {
	rows := query(t, connect(t), manyRows)
	wantEqual(t, rows.NumRows(), many)
}

// Errors and transactions.

func TestWhatSqliteSaysReachesTheCaller(t *testing.T) {
	conn := connect(t)
	_, err := conn.QueryOne("SELECT * FROM nowhere")
	wantError(t, err, "no such table: nowhere")
	_, err = conn.WriteOne("bogus")
	wantError(t, err, `near "bogus": syntax error`)
	_, err = conn.QueryOneParameterized(statement("SELECT ?, ?", 1))
	wantError(t, err, "not enough args to execute query: want 2 got 1")
	_, err = conn.QueryOne("PRAGMA journal_mode=DELETE")
	wantError(t, err, "disallowed pragma")
	_, err = conn.Request([]string{"SELECT * FROM nowhere"})
	wantError(t, err, "no such table: nowhere")
	_, err = conn.Write([]string{})
	wantError(t, err, "no statements")
}

func TestWritesAreOneTransaction(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, agents)
	insert := func(id string) string { return "INSERT INTO " + table + "(id) VALUES(" + id + ")" }
	results, err := conn.Write([]string{insert("1"), insert("1"), insert("2")})
	wantError(t, err, "UNIQUE constraint failed")
	wantEqual(t, len(results), 2)
	wantEqual(t, count(t, conn, table), 0)

	must(t, conn.SetExecutionWithTransaction(false))
	results, err = conn.Write([]string{insert("1"), insert("1"), insert("2")})
	wantError(t, err, "UNIQUE constraint failed")
	wantEqual(t, len(results), 3)
	wantEqual(t, count(t, conn, table), 2)
}

func TestAUnifiedRequestIsOneTransactionToo(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, agents)
	results, err := conn.Request([]string{
		"INSERT INTO " + table + "(id) VALUES(1)", "SELECT * FROM " + table,
		"INSERT INTO " + table + "(id) VALUES(1)", "INSERT INTO " + table + "(id) VALUES(2)"})
	wantError(t, err, "UNIQUE constraint failed")
	wantEqual(t, len(results), 3)
	wantEqual(t, results[1].Query.NumRows(), 1)
	wantEqual(t, count(t, conn, table), 0)
}

func TestQueriesOfOneRequestSeeOneState(t *testing.T) {
	conn := connect(t)
	results, err := conn.Query([]string{"SELECT COUNT(*) FROM sqlite_master", "SELECT 'x'"})
	must(t, err)
	wantEqual(t, len(results), 2)
}

// How it is asked.

func TestEveryLevelOfConsistencySeesWhatWasWritten(t *testing.T) {
	for _, level := range []string{"none", "weak", "linearizable", "strong"} {
		conn := connect(t, "level="+level)
		got, err := conn.ConsistencyLevel()
		must(t, err)
		wantEqual(t, got, level)
		table := newTable(t, conn, agents)
		write(t, conn, "INSERT INTO "+table+"(id) VALUES(7)")
		wantEqual(t, count(t, conn, table), 1)
	}
}

func TestTimingsAreThere(t *testing.T) {
	if timing := query(t, connect(t), "SELECT 1").Timing; timing <= 0 {
		t.Errorf("the query took %v", timing)
	}
}

func TestAClientThatTakesNoRedirectsNeedsNone(t *testing.T) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	conn, err := gorqlite.OpenWithClient(openURL(), client)
	must(t, err)
	newTable(t, conn, agents)
	query(t, conn, "SELECT 1")
}

func TestAContextEndsAQuery(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := connect(t).QueryOneContext(ctx, slow)
	wantError(t, err, "context deadline exceeded")
}

func TestNobodyListens(t *testing.T) {
	conn, err := gorqlite.Open("http://" + deadAddress + "/?" + noDiscovery)
	must(t, err)
	_, err = conn.QueryOne("SELECT 1")
	wantError(t, err, "connection refused")
	_, err = gorqlite.Open("http://" + deadAddress)
	wantError(t, err, "connection refused")
}

func TestAClosedConnectionSaysSo(t *testing.T) {
	conn := connect(t)
	conn.Close()
	_, err := conn.QueryOne("SELECT 1")
	if err != gorqlite.ErrClosed {
		t.Errorf("got error %v", err)
	}
}

func TestManyGoroutinesShareAConnection(t *testing.T) {
	conn := connect(t)
	table := newTable(t, conn, "n INTEGER")
	errors := make(chan error)
	for n := 0; n < 50; n++ {
		go func(n int) {
			_, err := conn.WriteOneParameterized(statement("INSERT INTO "+table+" VALUES(?)", n))
			errors <- err
		}(n)
	}
	for n := 0; n < 50; n++ {
		must(t, <-errors)
	}
	wantEqual(t, count(t, conn, table), 50)
}

func TestWhoHasThePasswordMayDoWhatIsPermitted(t *testing.T) {
	eachLocked(t, func(t *testing.T, node url.URL) {
		mary, err := gorqlite.Open(urlAs(node, "mary", "secret2"))
		must(t, err)
		table := newTable(t, mary, agents)
		write(t, mary, "INSERT INTO "+table+"(id) VALUES(7)")
		eve, err := gorqlite.Open(urlAs(node, "eve", "s3/@ü"))
		must(t, err)
		wantEqual(t, count(t, eve, table), 1)
		_, err = eve.WriteOne("DELETE FROM " + table)
		wantError(t, err, "401 Unauthorized")
	})
}

func TestWhoHasNotMayDoNothing(t *testing.T) {
	eachLocked(t, func(t *testing.T, node url.URL) {
		for _, who := range [][2]string{{"mary", "wrong"}, {"nobody", "secret2"}, {"", ""}} {
			conn, err := gorqlite.Open(urlAs(node, who[0], who[1]))
			must(t, err)
			_, err = conn.QueryOne("SELECT 1")
			wantError(t, err, "401 Unauthorized")
		}
	})
}
