"""last_insert_id and rows_affected: what SQLite's connection says after each statement."""

import pytest

from tables import BAYS, make_crew

def test_an_update_repeats_the_last_rowid(client):
    make_crew(client, "mira", "odo")
    assert client.must("UPDATE crew SET rank=1") == [{"last_insert_id": 2, "rows_affected": 2}]
    assert client.must("UPDATE crew SET rank=1 WHERE id=99") == [{"last_insert_id": 2}]


def test_statements_that_change_no_data_repeat_both_counts(client):
    make_crew(client, "mira")
    stale = {"last_insert_id": 1, "rows_affected": 1}
    assert client.must("SELECT * FROM crew", "CREATE TABLE t(n)", "PRAGMA user_version",
                       "EXPLAIN SELECT 1") == [stale] * 4


def test_a_failed_insert_sets_the_count_to_zero_for_later(client):
    client.must(BAYS, "INSERT INTO bays VALUES(1, 'a')")
    client.execute(["INSERT INTO bays VALUES(1, 'a')"])
    assert client.must("CREATE TABLE t(n)") == [{"last_insert_id": 1}]


def test_a_transaction_text_after_a_failed_insert_repeats_the_rowid(client):
    client.must(BAYS, "INSERT INTO bays VALUES(1, 'a')")
    client.execute(["INSERT INTO bays VALUES(1, 'a')"])
    assert client.execute(["BEGIN TRANSACTION; COMMIT;"]).text == (
        '{"results":[{"last_insert_id":1}]}')


def test_insert_or_ignore_that_did_nothing_keeps_the_rowid(client):
    client.must(BAYS, "INSERT INTO bays VALUES(7, 'a')")
    assert client.must("INSERT OR IGNORE INTO bays VALUES(7, 'b')") == [{"last_insert_id": 7}]


def test_several_rows_of_one_insert_count(client):
    client.must(BAYS)
    assert client.must("INSERT INTO bays VALUES(1, 'a'), (2, 'b'), (3, 'c')") == [
        {"last_insert_id": 3, "rows_affected": 3}]


# On a fresh connection, what each statement answers: the rowid of the last insert, and how many
# rows the last change counted. None: it fails.
HISTORIES = {
    "no past": [
        ("SELECT 1", 0, 0), ("PRAGMA user_version", 0, 0), ("BEGIN; COMMIT", 0, 0)],
    "a replaced row": [
        ("INSERT INTO bays VALUES(4, 'a')", 4, 1), ("REPLACE INTO bays VALUES(4, 'b')", 4, 1)],
    "an upsert": [
        ("INSERT INTO bays VALUES(4, 'a'), (9, 'b')", 9, 2),
        ("INSERT INTO bays VALUES(4, 'c') ON CONFLICT(id) DO UPDATE SET tag = 'c'", 9, 1),
        ("INSERT INTO bays VALUES(4, 'c') ON CONFLICT DO NOTHING", 9, 0)],
    "a table without rowids": [
        ("CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID", 0, 0),
        ("INSERT INTO bays VALUES(4, 'a')", 4, 1), ("INSERT INTO w VALUES(1), (2), (3)", 4, 3)],
    "statements that change nothing": [
        ("INSERT INTO bays VALUES(4, 'a'), (5, 'b')", 5, 2),
        ("UPDATE bays SET tag = 'x' WHERE id = 4", 5, 1), ("CREATE TABLE t(n)", 5, 1),
        ("SELECT * FROM bays", 5, 1), ("EXPLAIN QUERY PLAN SELECT 1", 5, 1),
        ("DROP TABLE t", 5, 1), ("PRAGMA user_version=7", 5, 1), ("SAVEPOINT s; RELEASE s", 5, 1),
        ("ANALYZE", 5, 1), ("DELETE FROM bays WHERE id = 99", 5, 0), ("SELECT 1", 5, 0)],
    "an explained change": [
        ("INSERT INTO bays VALUES(4, 'a'), (5, 'b')", 5, 2), ("EXPLAIN DELETE FROM bays", 5, 0)],
    "what does not compile": [
        ("INSERT INTO bays VALUES(4, 'a'), (5, 'b')", 5, 2), ("nonsense", None, None),
        ("SELECT 1", 5, 2)],
    "a constraint": [
        ("INSERT INTO bays VALUES(4, 'a'), (5, 'b')", 5, 2),
        ("INSERT INTO bays VALUES(4, 'b')", None, None), ("SELECT 1", 5, 0)],
    "triggers": [
        ("CREATE TABLE log(n)", 0, 0),
        ("CREATE TRIGGER g AFTER INSERT ON bays BEGIN INSERT INTO log VALUES(1), (2); END", 0, 0),
        ("INSERT INTO bays VALUES(7, 'a')", 7, 1), ("SELECT 1", 7, 1)],
    "a view": [
        ("CREATE VIEW v AS SELECT * FROM bays", 0, 0),
        ("CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN "
         "INSERT INTO bays VALUES(new.id, new.tag); END", 0, 0),
        ("INSERT INTO bays VALUES(3, 'a')", 3, 1), ("INSERT INTO v VALUES(8, 'b')", 3, 0)],
    "row 0": [
        ("INSERT INTO bays VALUES(3, 'a')", 3, 1), ("INSERT INTO bays VALUES(0, 'b')", 0, 1)],
    "a negative row": [("INSERT INTO bays VALUES(-3, 'a')", -3, 1)],
    # SQLite itself would leave the rowid of one of its own rows there.
    "VACUUM": [
        ("INSERT INTO bays VALUES(3, 'a'), (4, 'b')", 4, 2), ("VACUUM", 4, 2), ("SELECT 1", 4, 2)],
}


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("history", HISTORIES)
def test_counts_of_each_statement(client, history, apart):
    client.must(BAYS)
    texts = [sql for sql, _, _ in HISTORIES[history]]
    results = ([client.execute([sql]).results[0] for sql in texts] if apart
               else client.execute(texts).results)
    for (sql, rowid, changes), each in zip(HISTORIES[history], results, strict=True):
        if rowid is None:
            assert list(each) == ["error"], sql
        else:
            counts = [("last_insert_id", rowid), ("rows_affected", changes)]
            assert list(each.items()) == [pair for pair in counts if pair[1] != 0], sql


def test_a_load_takes_the_counts_away(client):
    client.must(BAYS, "INSERT INTO bays VALUES(3, 'a')")
    whole = client.send("GET", "/db/backup").body
    assert client.must("SELECT 1") == [{"last_insert_id": 3, "rows_affected": 1}]
    assert client.send("POST", "/db/load", whole).text == '{"results":[]}'
    assert client.must("SELECT 1") == [{}]
