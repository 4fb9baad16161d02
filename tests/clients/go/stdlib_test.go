package clients

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"

	_ "github.com/rqlite/gorqlite/stdlib"
)

// Package database/sql with gorqlite's driver.

func openDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("rqlite", openURL())
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string, arguments ...interface{}) sql.Result {
	t.Helper()
	result, err := db.Exec(query, arguments...)
	must(t, err)
	return result
}

func users(t *testing.T, db *sql.DB) string {
	t.Helper()
	name := newName()
	exec(t, db, "CREATE TABLE "+name+" (id INTEGER PRIMARY KEY, name TEXT UNIQUE, wallet REAL, born DATETIME)")
	return name
}

func TestDatabaseSqlStoresAndReads(t *testing.T) {
	db := openDB(t)
	must(t, db.Ping())
	table := users(t, db)
	born := time.Date(1980, 5, 17, 8, 30, 0, 0, time.UTC)
	result := exec(t, db, "INSERT INTO "+table+"(name, wallet, born) VALUES(?, ?, ?)", "Ürsula", 123.456, born)
	id, err := result.LastInsertId()
	must(t, err)
	wantEqual(t, id, 1)
	affected, err := result.RowsAffected()
	must(t, err)
	wantEqual(t, affected, 1)

	var name string
	var wallet float64
	var stored time.Time
	row := db.QueryRow("SELECT id, name, wallet, born FROM "+table+" WHERE name = ?", "Ürsula")
	must(t, row.Scan(&id, &name, &wallet, &stored))
	wantEqual(t, name, "Ürsula")
	wantEqual(t, wallet, 123.456)
	wantEqual(t, stored, born)
}

func TestDatabaseSqlIteratesRows(t *testing.T) {
	db := openDB(t)
	table := users(t, db)
	exec(t, db, "INSERT INTO "+table+"(name) VALUES('a'), ('b'), (NULL)")
	rows, err := db.Query("SELECT id, name FROM " + table + " ORDER BY id")
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	wantEqual(t, len(columns), 2)
	var names []sql.NullString
	for rows.Next() {
		var id int
		var name sql.NullString
		must(t, rows.Scan(&id, &name))
		names = append(names, name)
	}
	must(t, rows.Err())
	wantEqual(t, len(names), 3)
	wantEqual(t, names[0], sql.NullString{String: "a", Valid: true})
	wantEqual(t, names[2], sql.NullString{})
}

func TestDatabaseSqlWithoutRows(t *testing.T) {
	db := openDB(t)
	table := users(t, db)
	var id int
	if err := db.QueryRow("SELECT id FROM " + table).Scan(&id); err != sql.ErrNoRows {
		t.Errorf("got error %v", err)
	}
}

func TestDatabaseSqlPreparedStatements(t *testing.T) {
	db := openDB(t)
	table := users(t, db)
	insert, err := db.Prepare("INSERT INTO " + table + "(name) VALUES(?)")
	must(t, err)
	defer insert.Close()
	for _, name := range []string{"a", "b", "c"} {
		_, err := insert.Exec(name)
		must(t, err)
	}
	find, err := db.Prepare("SELECT id FROM " + table + " WHERE name = ?")
	must(t, err)
	defer find.Close()
	var id int
	must(t, find.QueryRow("b").Scan(&id))
	wantEqual(t, id, 2)
}

func TestDatabaseSqlErrors(t *testing.T) {
	db := openDB(t)
	table := users(t, db)
	_, err := db.Exec("INSERT INTO " + table + "(name) VALUES('a'), ('a')")
	wantError(t, err, "UNIQUE constraint failed: "+table+".name")
	_, err = db.Query("SELECT * FROM nowhere")
	wantError(t, err, "no such table: nowhere")
	_, err = db.Exec("INSERT INTO "+table+"(name) VALUES(:name)", sql.Named("name", "a"))
	wantError(t, err, "does not support named parameters")
}

// The driver's transactions do nothing: each statement is committed when it is answered.
func TestDatabaseSqlRollsNothingBack(t *testing.T) {
	db := openDB(t)
	table := users(t, db)
	transaction, err := db.Begin()
	must(t, err)
	_, err = transaction.Exec("INSERT INTO " + table + "(name) VALUES('kept')")
	must(t, err)
	must(t, transaction.Rollback())
	var n int
	must(t, db.QueryRow("SELECT COUNT(*) FROM "+table).Scan(&n))
	wantEqual(t, n, 1)
}

func TestDatabaseSqlContextEndsAQuery(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := openDB(t).QueryContext(ctx, slow)
	wantError(t, err, "context deadline exceeded")
}

func TestDatabaseSqlALargeResultArrivesWhole(t *testing.T) {
	rows, err := openDB(t).Query(manyRows)
	must(t, err)
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	wantEqual(t, n, many)
}

func TestDatabaseSqlWithAPassword(t *testing.T) {
	eachLocked(t, func(t *testing.T, node url.URL) {
		db, err := sql.Open("rqlite", urlAs(node, "mary", "secret2"))
		must(t, err)
		defer db.Close()
		users(t, db)
		wrong, err := sql.Open("rqlite", urlAs(node, "mary", "wrong"))
		must(t, err)
		defer wrong.Close()
		_, err = wrong.Query("SELECT 1")
		wantError(t, err, "401 Unauthorized")
	})
}
