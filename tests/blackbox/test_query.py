"""GET and POST /db/query, as documented: where a body is compared whole, every byte counts."""

import re
import sqlite3
import threading

import pytest

from node import eventually
from tables import BAYS, INSERT_CREW, make_crew

MIRA = ('{"results":[{"columns":["id","name","rank"],"types":["integer","text","integer"],'
        '"values":[[1,"mira",7]]}]}')


# What clients of the API have always seen.

def test_select_by_post_and_by_get_and_as_text(client):
    make_crew(client, "mira")
    assert client.query(["SELECT * FROM crew"]).text == MIRA
    assert client.get_query("SELECT * FROM crew").text == MIRA
    assert client.query_text("SELECT * FROM crew").text == MIRA


def test_no_rows_means_no_values(client):
    make_crew(client, "mira")
    assert client.query([["SELECT * FROM crew WHERE name IN (?, ?)", "zed", "yun"]]).text == (
        '{"results":[{"columns":["id","name","rank"],"types":["integer","text","integer"]}]}')


def test_named_parameters(client):
    make_crew(client, "mira")
    client.must([INSERT_CREW, "odo", None])
    assert client.query([["SELECT * FROM crew WHERE name=:who", {"who": "odo"}]]).text == (
        '{"results":[{"columns":["id","name","rank"],"types":["integer","text","integer"],'
        '"values":[[2,"odo",null]]}]}')


def test_associative_rows(client):
    make_crew(client, "mira")
    client.must([INSERT_CREW, "odo", None])
    assert client.query(["SELECT * FROM crew"], "associative").text == (
        '{"results":[{"types":{"id":"integer","name":"text","rank":"integer"},'
        '"rows":[{"id":1,"name":"mira","rank":7},{"id":2,"name":"odo","rank":null}]}]}')


def test_associative_keys_are_sorted_and_the_last_duplicate_wins(client):
    assert client.query(["SELECT 1 AS b, 2 AS a, 'x' AS b"], "associative").text == (
        '{"results":[{"types":{"a":"integer","b":"text"},"rows":[{"a":2,"b":"x"}]}]}')


def test_associative_without_rows(client):
    make_crew(client)
    assert client.query(["SELECT name FROM crew"], "associative").text == (
        '{"results":[{"types":{"name":"text"},"rows":[]}]}')


def test_an_associative_error_has_rows_too(client):
    assert client.query(["SELECT * FROM ghosts"], "associative").text == (
        '{"results":[{"rows":[],"error":"no such table: ghosts"}]}')


def test_blobs_and_texts_of_a_blob_column(client):
    client.must("CREATE TABLE hold(id INTEGER PRIMARY KEY, data BLOB)",
                "INSERT INTO hold(data) VALUES('salt'), (x'0102ff')")
    head = '{"results":[{"columns":["data"],"types":["blob"],"values":'
    assert client.query(["SELECT data FROM hold"]).text == head + '[["salt"],["AQL/"]]}]}'
    assert client.query(["SELECT data FROM hold"], "blob_array").text == (
        head + '[["salt"],[[1,2,255]]]}]}')


def test_a_blob_expression_is_text(client):
    assert client.query(["SELECT x'6F6B'"]).text == (
        '{"results":[{"columns":["x\'6F6B\'"],"types":["text"],"values":[["ok"]]}]}')


def test_date_columns_are_rfc_3339(client):
    client.must("CREATE TABLE ev(d DATE, ts TIMESTAMP, dt DATETIME)",
                "INSERT INTO ev VALUES('2019-07-20', '2019-07-20 20:17:40', "
                "'2020-01-02 03:04:05.006')")
    assert client.query(["SELECT * FROM ev"]).text == (
        '{"results":[{"columns":["d","ts","dt"],"types":["date","timestamp","datetime"],'
        '"values":[["2019-07-20T00:00:00Z","2019-07-20T20:17:40Z",'
        '"2020-01-02T03:04:05.006Z"]]}]}')


def test_an_empty_text_or_statement_or_no_q_answers_no_result(client):
    assert client.query_text("").text == '{"results":[]}'
    assert client.query([""]).text == '{"results":[]}'
    assert client.send("GET", "/db/query").text == '{"results":[]}'


def test_several_statements_answer_in_order(client):
    make_crew(client, "mira")
    assert client.query(["SELECT COUNT(*) FROM crew", "SELECT name FROM crew"]).text == (
        '{"results":[{"columns":["COUNT(*)"],"types":["integer"],"values":[[1]]},'
        '{"columns":["name"],"types":["text"],"values":[["mira"]]}]}')


def test_html_characters_are_escaped_everywhere(client):
    client.must("CREATE TABLE docs(body TEXT)", ["INSERT INTO docs VALUES(?)", '{"k":"v"}'])
    assert client.query(["SELECT body->>'k' FROM docs"]).text == (
        '{"results":[{"columns":["body-\\u003e\\u003e\'k\'"],"types":["text"],'
        '"values":[["v"]]}]}')
    assert client.query(["SELECT '<&>' AS a"]).text == (
        '{"results":[{"columns":["a"],"types":["text"],"values":[["\\u003c\\u0026\\u003e"]]}]}')
    assert client.query(["SELECT * FROM \"<\""]).text == (
        '{"results":[{"error":"no such table: \\u003c"}]}')
    assert client.query(["SELECT 1 AS '<&>'"], "associative").text == (
        '{"results":[{"types":{"\\u003c\\u0026\\u003e":"integer"},'
        '"rows":[{"\\u003c\\u0026\\u003e":1}]}]}')


def test_pretty_rows(client):
    make_crew(client, "mira")
    assert client.query(["SELECT id, name FROM crew"], "pretty").text == """{
    "results": [
        {
            "columns": [
                "id",
                "name"
            ],
            "types": [
                "integer",
                "text"
            ],
            "values": [
                [
                    1,
                    "mira"
                ]
            ]
        }
    ]
}"""


def test_pretty_keeps_empty_lists_and_objects_on_a_line(client):
    assert client.query([""], "pretty").text == '{\n    "results": []\n}'
    assert client.query([";"], "pretty").text == '{\n    "results": [\n        {}\n    ]\n}'


def test_a_flag_is_on_whatever_its_value(client):
    assert client.send("GET", "/db/query?q=SELECT%201&pretty=false").text.startswith("{\n")


def test_timings_of_a_query(client):
    reply = client.query(["SELECT 1", "SELECT bogus"], "timings")
    assert re.fullmatch(r'\{"results":\[\{"columns":\["1"\],"types":\["integer"\],'
                        r'"values":\[\[1\]\],"time":[\d.e-]+\},\{"error":"no such column: bogus"\}'
                        r'\],"time":[\d.e-]+\}', reply.text)


def test_table_info_has_types_of_its_first_row(client):
    client.must("CREATE TABLE pets(id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
    assert client.query(["PRAGMA table_info(pets)"]).text == (
        '{"results":[{"columns":["cid","name","type","notnull","dflt_value","pk"],'
        '"types":["integer","text","text","integer","","integer"],'
        '"values":[[0,"id","INTEGER",1,null,1],[1,"name","TEXT",0,null,0]]}]}')


def test_qualified_columns_carry_the_real_table_name(client):
    client.must("CREATE TABLE crew(id INTEGER, name TEXT)", "INSERT INTO crew VALUES(1, 'mira')",
                "CREATE TABLE berths(id INTEGER, crew_id INTEGER)", "INSERT INTO berths VALUES(1, 1)")
    for sql in ("SELECT * FROM crew JOIN berths ON crew.id = berths.crew_id",
                "SELECT * FROM crew AS c JOIN berths ON c.id = berths.crew_id"):
        assert client.query([sql], "qualify_columns").text == (
            '{"results":[{"columns":["crew.id","crew.name","berths.id","berths.crew_id"],'
            '"types":["integer","text","integer","integer"],"values":[[1,"mira",1,1]]}]}')


# A query does not write.

@pytest.mark.parametrize("sql", [
    "INSERT INTO bays(tag) VALUES('x')",
    "INSERT INTO bays(tag) VALUES('x') RETURNING id",
    "UPDATE bays SET tag='x'",
    "DELETE FROM bays",
    "CREATE TABLE t(n)",
    "CREATE TEMP TABLE t(n)",
    "VACUUM",
    "ANALYZE",
    "DROP TABLE bays",
    "CREATE INDEX i ON bays(tag)",
    "WITH w AS (SELECT 1) DELETE FROM bays",
    "PRAGMA user_version=1",
])
def test_a_query_that_would_write_is_an_error(client, sql):
    client.must(BAYS, "INSERT INTO bays VALUES(1, 'a')")
    assert client.query([sql, "SELECT 1 AS one"], "associative", level="strong").results == [
        {"rows": [], "error": "attempt to change database via query operation"},
        {"types": {"one": "integer"}, "rows": [{"one": 1}]}]
    assert client.query([sql], "transaction").results == [
        {"error": "attempt to change database via query operation"}]
    assert client.query([sql]).text == (
        '{"results":[{"error":"attempt to change database via query operation"}]}')
    assert client.rows("SELECT * FROM bays") == [[1, "a"]]


def test_a_query_leaves_no_copy_behind(client, home):
    copy = home / "copy"
    for send in (client.query, client.request):
        assert send([f"SELECT 1; VACUUM INTO '{copy}'"]).results == [
            {"error": "attempt to change database via query operation"}]
    for before in ("", ";", "SELECT 1;;"):
        assert client.query([f"{before}VACUUM INTO '{copy}'"]).results == [
            {"error": "attempt to change database via query operation"}]
    assert not copy.exists()


@pytest.mark.parametrize("sql", ["DROP TABLE IF EXISTS nope", "CREATE TABLE IF NOT EXISTS bays(n)",
                                 "PRAGMA foreign_keys=ON"])
def test_what_changes_nothing_is_no_error(client, sql):
    client.must(BAYS)
    assert client.value("SELECT count(*) FROM bays") == 0
    assert client.query([sql]).text == '{"results":[{}]}'


def test_explaining_a_write_is_a_read(client):
    client.must(BAYS)
    reply = client.query(["EXPLAIN QUERY PLAN INSERT INTO bays(tag) VALUES('x')"])
    assert reply.results[0]["columns"] == ["id", "parent", "notused", "detail"]


# Several statements in one text: the last one answers.

@pytest.mark.parametrize("sql, values", [
    ("SELECT 1; SELECT 2", [[2]]),
    ("SELECT 1;", [[1]]),
    ("SELECT 1 ; \n", [[1]]),
    ("INSERT INTO bays VALUES(5, 'a'); SELECT 2", [[2]]),
])
def test_only_the_last_statement_of_a_text_is_run(client, sql, values):
    client.must(BAYS)
    assert client.query([sql]).results[0]["values"] == values
    assert client.column("SELECT count(*) FROM bays") == [0]


@pytest.mark.parametrize("sql", ["SELECT 1;;", "SELECT 1; -- c", "SELECT 1; /* c */", "-----",
                                 "/* c */", ";", " "])
def test_a_text_that_ends_empty_answers_an_empty_result(client, sql):
    assert client.query([sql]).text == '{"results":[{}]}'


def test_an_earlier_statement_of_a_text_must_be_right(client):
    assert client.query(["SELECT * FROM nope; SELECT 2"]).results == [
        {"error": "no such table: nope"}]


def test_a_missing_parameter_is_an_error(client):
    assert client.query(["SELECT ?", ["SELECT ?, ?", 1]]).results == [
        {"error": "not enough args to execute query: want 1 got 0"},
        {"error": "not enough args to execute query: want 2 got 1"}]


def test_errors_do_not_stop_a_read_transaction(client):
    reply = client.query(["SELECT 1 AS one", "SELECT nope", "SELECT 2 AS two"], "transaction")
    assert [result.get("values") for result in reply.results] == [[[1]], None, [[2]]]


# Freshness of what is read.

@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong", "auto", "STRONG",
                                   "nonsense"])
def test_every_level_reads_what_was_acknowledged(client, level):
    make_crew(client)
    for n in range(1, 6):
        client.must([INSERT_CREW, "kim", n])
        reply = client.query(["SELECT count(*) AS n FROM crew"], level=level)
        assert reply.text == ('{"results":[{"columns":["n"],"types":["integer"],'
                              f'"values":[[{n}]]}}]}}')


def test_a_strong_read_has_an_index_and_others_have_none(client):
    make_crew(client)
    assert client.query(["SELECT 1"], "raft_index", level="strong").json["raft_index"] > 0
    assert "raft_index" not in client.query(["SELECT 1"], "raft_index", level="none").json
    assert "raft_index" not in client.query(["SELECT 1"], "raft_index").json


def test_reads_see_the_schema_as_it_is_now(node):
    clients = [node.new_client() for _ in range(4)]
    clients[0].must(BAYS, "INSERT INTO bays VALUES(1, 'a')")
    for client in clients:
        assert client.query(["SELECT * FROM bays"]).results[0]["columns"] == ["id", "tag"]
    clients[0].must("ALTER TABLE bays ADD COLUMN size INTEGER DEFAULT 3")
    for client in clients:
        assert client.query(["SELECT * FROM bays"]).results == [{
            "columns": ["id", "tag", "size"], "types": ["integer", "text", "integer"],
            "values": [[1, "a", 3]]}]
    clients[0].must("DROP TABLE bays", "CREATE TABLE bays(data BLOB)",
                    "INSERT INTO bays VALUES(x'0102ff')")
    for client in clients:
        assert client.query(["SELECT * FROM bays"]).results == [{
            "columns": ["data"], "types": ["blob"], "values": [["AQL/"]]}]


INTROSPECTION = [
    "PRAGMA index_list(bays)",
    "PRAGMA index_info(bays_tag)",
    "PRAGMA foreign_key_list(bays)",
    "PRAGMA foreign_key_check",
    "PRAGMA table_info(bays)",
    "SELECT name FROM pragma_index_list('bays')",
    "EXPLAIN QUERY PLAN SELECT id FROM hull WHERE tag = 'x'",
    "SELECT 1; PRAGMA index_list(bays)",
    ";PRAGMA index_list(bays)",
]


# SQLite answers these when it prepares them, by the schema that the connection has seen last.
@pytest.mark.parametrize("sql", INTROSPECTION)
@pytest.mark.parametrize("path", ["/db/query", "/db/request"])
def test_introspection_sees_the_schema_as_it_is_now(client, path, sql):
    def ask():
        return client.send("POST", path, [sql]).results[0].get("values", [])

    client.must("CREATE TABLE hull (id INTEGER PRIMARY KEY, tag TEXT)")
    before = ask()
    client.must("CREATE TABLE bays (tag TEXT REFERENCES hull(tag))", "CREATE INDEX bays_tag ON bays(tag)",
                "INSERT INTO hull VALUES(1, 'x')", "INSERT INTO bays VALUES('y')",
                "CREATE UNIQUE INDEX hull_tag ON hull(tag)")
    after = ask()
    assert after != before
    client.must("DROP INDEX hull_tag", "DROP TABLE bays")
    assert ask() == before


def test_returning_sees_the_schema_as_it_is_now(client):
    client.must(BAYS)
    insert = "INSERT INTO bays(tag) VALUES('a') RETURNING *"
    assert client.must(insert)[0]["columns"] == ["id", "tag"]
    client.must("ALTER TABLE bays ADD COLUMN size")
    assert client.must(insert)[0]["columns"] == ["id", "tag", "size"]


@pytest.mark.parametrize("sql", ["BEGIN", "SAVEPOINT s", "BEGIN; SELECT * FROM crew"])
def test_a_transaction_begun_by_a_query_ends_with_it(client, sql):
    make_crew(client, "mira")
    assert client.query([sql, "SELECT count(*) FROM crew"]).status == 200
    client.must([INSERT_CREW, "odo", 1])
    for _ in range(3):
        assert client.value("SELECT count(*) FROM crew") == 2
    assert client.query(["SELECT 1 AS one"], "transaction").results[0]["values"] == [[1]]
    assert client.send("POST", "/snapshot").status in (200, 204)


def test_a_transaction_reads_one_state(node):
    make_crew(node.client, "mira")
    slow = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000000) "
            "SELECT count(*) FROM n")
    count = "SELECT count(*) AS n FROM crew"
    replies = []
    reader = threading.Thread(target=lambda: replies.append(
        node.new_client().query([count, slow, slow, slow, count], "transaction")))
    reader.start()
    while reader.is_alive():
        node.client.must([INSERT_CREW, "odo", 1])
    reader.join()
    first, *_, last = replies[0].results
    assert first == last
    assert node.client.value(count) > 2


# Odd texts.

def test_get_decodes_its_sql(client):
    assert client.send("GET", "/db/query?q=SELECT+%27a%20%2B%26%27+AS+v").results[0]["values"] == [
        ["a +&"]]


def test_sql_ends_at_the_first_nul(client):
    assert client.query(["SELECT 1 AS a\0, 2 AS b"]).results[0]["columns"] == ["a"]


def test_texts_that_are_no_utf8_are_answered(client):
    reply = client.query_text(b"SELECT '\xff' AS v")
    assert reply.status == 200
    assert reply.results[0]["values"] == [["\ufffd"]]


def test_a_wide_and_a_long_result(client):
    sql = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000) "
           "SELECT i, i * 1.5, 'row ' || i FROM n")
    reply = client.query([sql])
    expected = sqlite3.connect(":memory:").execute(sql).fetchall()
    assert reply.results[0]["values"] == [list(row) for row in expected]


def test_a_client_that_goes_away_leaves_nothing_behind(node):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"
    impatient = node.new_client(timeout=0.05)
    with pytest.raises(TimeoutError):
        impatient.query([endless])
    readers = "store.sqlite3.conn_pool_stats.ro.in_use"
    eventually(lambda: node.client.status(readers) == 1)
    eventually(lambda: node.client.status(readers) == 0)
