"""POST /db/execute, as documented: where a body is compared whole, every byte of it counts."""

import re

import pytest

from tables import BAYS, CREW, INSERT_CREW, make_crew


# What clients of the API have always seen.

def test_create_table_answers_an_empty_result(client):
    assert client.execute([CREW]).text == '{"results":[{}]}'


def test_an_insert_answers_its_rowid_and_count(client):
    make_crew(client)
    reply = client.execute([[INSERT_CREW, "mira", 7]])
    assert reply.text == '{"results":[{"last_insert_id":1,"rows_affected":1}]}'


def test_an_associative_write_has_rows_null(client):
    make_crew(client)
    reply = client.execute(["INSERT INTO crew(id, name) VALUES(99, 'lena')"], "associative")
    assert reply.text == '{"results":[{"last_insert_id":99,"rows_affected":1,"rows":null}]}'


def test_returning_answers_rows(client):
    make_crew(client, "mira")
    reply = client.execute(["INSERT INTO crew(name, rank) VALUES('odo', 3) RETURNING *",
                            "INSERT INTO crew(name, rank) VALUES('kim', 4)"])
    assert reply.text == (
        '{"results":[{"columns":["id","name","rank"],"types":["integer","text","integer"],'
        '"values":[[2,"odo",3]]},{"last_insert_id":3,"rows_affected":1}]}')


def test_returning_without_a_row_still_describes_columns(client):
    make_crew(client, "mira")
    reply = client.execute(["UPDATE crew SET name='ash' WHERE name='nobody' RETURNING name"],
                           "associative")
    assert reply.text == '{"results":[{"types":{"name":"text"},"rows":[]}]}'


@pytest.mark.parametrize("before", ["", "-- a\n", ";", " ; ;"])
@pytest.mark.parametrize("clause", ["RETURNING\nid", "returning\tid", "RETURNING(id)"])
def test_returning_is_recognised_however_it_is_written(client, before, clause):
    make_crew(client)
    insert = f"{before}INSERT INTO crew(name) VALUES('odo') {clause}"
    assert client.must(insert, f"SELECT 1;{insert}") == [
        {"columns": ["id"], "types": ["integer"], "values": [[n]]} for n in (1, 2)]


def test_the_word_returning_in_a_string_returns_nothing(client):
    make_crew(client)
    assert client.must("INSERT INTO crew(name) VALUES('returning id')") == [
        {"last_insert_id": 1, "rows_affected": 1}]


@pytest.mark.parametrize("function", ["random()", "hex(randomblob(4))", "datetime('now')"])
def test_returning_answers_rows_where_time_or_chance_is_written(client, function):
    make_crew(client, "mira")
    for sql in (f"UPDATE crew SET name = {function} RETURNING id, name",
                f"INSERT INTO crew(name) VALUES({function}) RETURNING id, name"):
        (number, name), = client.must(sql)[0]["values"]
        assert client.value("SELECT name FROM crew WHERE id=?", number) == name


def test_returning_runs_to_its_end(client):
    make_crew(client, "mira", "odo", "kim")
    assert client.must("DELETE FROM crew RETURNING name")[0]["values"] == [
        ["mira"], ["odo"], ["kim"]]
    assert client.column("SELECT name FROM crew") == []


def test_each_statement_reports_its_own_error(client):
    reply = client.execute(["INSERT INTO ghosts(n) VALUES(1)", "INSERT bogus bogus"])
    assert reply.text == ('{"results":[{"error":"no such table: ghosts"},'
                          '{"error":"near \\"bogus\\": syntax error"}]}')


def test_a_failing_statement_does_not_stop_the_others(client):
    client.must(BAYS)
    reply = client.execute([f"INSERT INTO bays(id) VALUES({n})" for n in (1, 2, 1, 4)])
    assert reply.text == (
        '{"results":[{"last_insert_id":1,"rows_affected":1},'
        '{"last_insert_id":2,"rows_affected":1},{"error":"UNIQUE constraint failed: bays.id"},'
        '{"last_insert_id":4,"rows_affected":1}]}')
    assert client.column("SELECT id FROM bays ORDER BY id") == [1, 2, 4]


def test_the_same_statement_again_runs_again(client):
    client.must(BAYS)
    insert = "INSERT INTO bays(tag) VALUES('a')"
    assert [result["last_insert_id"] for result in client.must(*[insert] * 3)] == [1, 2, 3]
    assert client.execute(["SELECT 1", "SELECT 1", ["SELECT 1"]]).results == [
        {"last_insert_id": 3, "rows_affected": 1}] * 3
    assert len(client.query(["SELECT 1", "SELECT 1"]).results) == 2


def test_a_transaction_ends_with_the_first_error_and_keeps_nothing(client):
    client.must(BAYS)
    reply = client.execute([f"INSERT INTO bays(id) VALUES({n})" for n in (1, 2, 1, 4)],
                           "transaction")
    assert reply.text == (
        '{"results":[{"last_insert_id":1,"rows_affected":1},'
        '{"last_insert_id":2,"rows_affected":1},{"error":"UNIQUE constraint failed: bays.id"}]}')
    assert client.column("SELECT id FROM bays") == []


@pytest.mark.parametrize("sql, error", [("INSERT INTO ghosts VALUES(1)", "no such table: ghosts"),
                                        ("nonsense", 'near "nonsense": syntax error')])
def test_a_statement_that_does_not_compile_ends_a_transaction_too(client, sql, error):
    client.must(BAYS)
    insert = "INSERT INTO bays(tag) VALUES('x')"
    assert client.execute([insert, sql, insert], "transaction").results == [
        {"last_insert_id": 1, "rows_affected": 1}, {"error": error}]
    assert client.column("SELECT id FROM bays") == []


def test_a_transaction_is_one_whatever_the_value_of_the_flag(client):
    client.must(BAYS)
    body = ["INSERT INTO bays(id) VALUES(1)", "nonsense", "INSERT INTO bays(id) VALUES(2)"]
    for send in (client.execute, client.queue):
        assert len(send(body, "wait", transaction="false").results) == 2
    assert client.column("SELECT id FROM bays") == []


def test_a_transaction_without_an_error_keeps_everything(client):
    client.must(BAYS)
    client.execute(["INSERT INTO bays(id) VALUES(1)", "INSERT INTO bays(id) VALUES(2)"],
                   "transaction")
    assert client.column("SELECT id FROM bays") == [1, 2]


def test_dropping_a_table_repeats_the_counts_of_the_insert_before(client):
    make_crew(client, "mira")
    assert client.execute(["DROP TABLE crew"]).text == (
        '{"results":[{"last_insert_id":1,"rows_affected":1}]}')


def test_a_parameter_is_never_sql(client):
    make_crew(client)
    assert client.execute([["DELETE FROM crew WHERE name=?", 'x";DROP TABLE crew']]).text == (
        '{"results":[{}]}')
    assert client.column("SELECT count(*) FROM crew") == [0]


def test_raft_index_grows(client):
    make_crew(client)
    replies = [client.execute(["INSERT INTO crew(name) VALUES('kim')"], "raft_index")
               for _ in range(2)]
    shape = r'\{"results":\[\{"last_insert_id":\d,"rows_affected":1\}\],"raft_index":(\d+)\}'
    first, second = (int(re.fullmatch(shape, reply.text)[1]) for reply in replies)
    assert 0 < first < second


def test_timings_of_statement_and_request(client):
    make_crew(client)
    reply = client.execute(["INSERT INTO crew(name) VALUES('kim')"], "timings")
    assert re.fullmatch(r'\{"results":\[\{"last_insert_id":1,"rows_affected":1,"time":[\d.e-]+\}\],'
                        r'"time":[\d.e-]+\}', reply.text)
    assert 0 < reply.results[0]["time"] <= reply.json["time"] < 30


def test_a_failed_statement_has_no_time(client):
    assert client.execute(["INSERT bogus"], "timings").results == [
        {"error": 'near "bogus": syntax error'}]


def test_plain_text_is_one_statement(client):
    make_crew(client)
    assert client.execute_text("INSERT INTO crew(name) VALUES('[\"kim\"]')").text == (
        '{"results":[{"last_insert_id":1,"rows_affected":1}]}')
    assert client.column("SELECT name FROM crew") == ['["kim"]']


def test_an_empty_text_answers_no_result(client):
    assert client.execute_text("").text == '{"results":[]}'


def test_json_may_come_without_a_content_type_or_with_any(client):
    for content_type in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
        reply = client.send("POST", "/db/execute", ["SELECT 1"], content_type)
        assert reply.text == '{"results":[{}]}'


def test_pretty_execute(client):
    make_crew(client)
    assert client.execute(["INSERT INTO crew(name) VALUES('kim')"], "pretty").text == """{
    "results": [
        {
            "last_insert_id": 1,
            "rows_affected": 1
        }
    ]
}"""


# Bodies.

BAD_BODIES = [
    ("", "invalid JSON body"),
    ("  \n", "invalid JSON body"),
    ("SELECT 1", "invalid JSON body"),
    ('["SELECT 1"', "invalid JSON body"),
    ('["SELECT 1",]', "invalid JSON body"),
    ('["SELECT 1" "SELECT 2"]', "invalid JSON body"),
    ('\ufeff["SELECT 1"]', "invalid JSON body"),
    ('["SELECT \n1"]', "invalid JSON body"),
    ('"SELECT 1"', "invalid request"),
    ("{}", "invalid request"),
    ("null", "invalid request"),
    ("12", "invalid request"),
    ("[]", "no statements"),
    ("[1]", "invalid request"),
    ("[true]", "invalid request"),
    ("[null]", "invalid request"),
    ("[{}]", "invalid request"),
    ("[[]]", "invalid request"),
    ("[[1]]", "invalid request"),
    ("[[null]]", "invalid request"),
    ('[[["a"]]]', "invalid request"),
    # What comes first is told, whatever is behind it, or is not.
    ('[1, "abc', "invalid request"),
    ("[1, 2", "invalid request"),
    ("[1, {", "invalid request"),
    ('[["SELECT ?", [256], "abc\\', "unsupported type 256"),
    ('[["SELECT ?", 1E400', "invalid number 1E400"),
    ('["SELECT 1", [', "invalid JSON body"),
    ("[[[", "invalid request"),
    ('["SELECT 1", "abc', "invalid JSON body"),
    ('["SELECT 1", ["SELECT ?", [1', "invalid JSON body"),
    ('["SELECT 1", ["SELECT ?", {"a"', "invalid JSON body"),
    ("[", "invalid JSON body"),
    ("{} {", "invalid request"),
    ("[1] [", "invalid request"),
]


@pytest.mark.parametrize("endpoint", ["/db/execute", "/db/query"])
@pytest.mark.parametrize("body, message", BAD_BODIES)
def test_a_body_that_is_no_list_of_statements_is_refused(client, endpoint, body, message):
    reply = client.send("POST", endpoint, body)
    assert (reply.status, reply.text) == (400, message + "\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_refused_body_runs_none_of_its_statements(client):
    assert client.execute('["CREATE TABLE half(n)", 12]').status == 400
    assert client.column("SELECT count(*) FROM sqlite_master") == [0]


@pytest.mark.parametrize("rest", [" and more", "]", ' ["SELECT 1"]', ' "open', "\n", "\0"])
def test_bytes_behind_the_list_are_ignored(client, rest):
    assert client.execute('["CREATE TABLE t(n)"]' + rest).text == '{"results":[{}]}'


def test_empty_statements_have_no_result_but_blank_ones_do(client):
    assert client.execute(["", "SELECT 1", ""]).text == '{"results":[{}]}'
    assert client.execute([""]).text == '{"results":[]}'
    assert client.execute([" ", ";", "-- nothing", "/* nothing */"]).text == (
        '{"results":[{},{},{},{}]}')


# Several statements in one text.

def test_all_statements_of_a_text_run_and_the_last_one_answers(client):
    client.must(BAYS)
    assert client.must("INSERT INTO bays VALUES(5, 'a'); INSERT INTO bays VALUES(9, 'b')") == [
        {"last_insert_id": 9, "rows_affected": 1}]
    assert client.column("SELECT id FROM bays") == [5, 9]


@pytest.mark.parametrize("tail, result", [
    ("", {"last_insert_id": 1, "rows_affected": 1}),
    (";  \n", {"last_insert_id": 1, "rows_affected": 1}),
    (" -- note", {"last_insert_id": 1, "rows_affected": 1}),
    ("; -- note", {}),
    (";;", {}),
])
def test_an_empty_last_statement_answers_for_the_text(client, tail, result):
    client.must(BAYS)
    assert client.must("INSERT INTO bays VALUES(1, 'a')" + tail) == [result]
    assert client.column("SELECT id FROM bays") == [1]


def test_an_error_inside_a_text_keeps_what_came_before_it(client):
    client.must(BAYS)
    assert client.execute(["INSERT INTO bays VALUES(1, 'a'); INSERT INTO nope VALUES(1); "
                           "INSERT INTO bays VALUES(3, 'c')"]).results == [
        {"error": "no such table: nope"}]
    assert client.column("SELECT id FROM bays") == [1]


def test_behind_returning_all_statements_of_a_text_run_too(client):
    client.must(BAYS)
    insert = "INSERT INTO bays(tag) VALUES('{}')"
    assert client.must(f"{insert.format('a')} RETURNING id; {insert.format('b')}",
                       f"{insert.format('c')}; {insert.format('d')} RETURNING tag",
                       f"{insert.format('e')} RETURNING id; -- c") == [
        {"last_insert_id": 2, "rows_affected": 1},
        {"columns": ["tag"], "types": ["text"], "values": [["d"]]}, {}]
    assert client.column("SELECT tag FROM bays") == ["a", "b", "c", "d", "e"]


def test_what_is_no_parameter_is_sql(client):
    client.must("CREATE TABLE foo(name)", "CREATE TABLE bar(name)")
    name = 'alice");DROP TABLE foo;INSERT INTO bar(name) VALUES("bob'
    assert client.execute([f'INSERT INTO foo(name) VALUES("{name}")']).text == (
        '{"results":[{"last_insert_id":1,"rows_affected":1}]}')
    assert client.column("SELECT name FROM bar") == ["bob"]
    assert client.query(["SELECT name FROM foo"]).results == [{"error": "no such table: foo"}]


def test_each_statement_of_a_text_consumes_its_own_parameters(client):
    client.must(BAYS, ["INSERT INTO bays VALUES(?, ?); INSERT INTO bays VALUES(?, ?)",
                       1, "a", 2, "b"])
    assert client.rows("SELECT * FROM bays") == [[1, "a"], [2, "b"]]


def test_a_dump_with_its_own_transaction_runs(client):
    client.must("PRAGMA foreign_keys=OFF; BEGIN TRANSACTION; CREATE TABLE t(n); "
                "INSERT INTO t VALUES(1); INSERT INTO t VALUES(2); COMMIT;")
    assert client.column("SELECT n FROM t") == [1, 2]


# Transactions belong to the request that began them.

def test_a_transaction_left_open_is_rolled_back_and_reported(client):
    client.must(BAYS)
    reply = client.execute(["BEGIN", "INSERT INTO bays VALUES(1, 'a')"])
    assert reply.status == 200
    assert reply.results == []
    assert "left a transaction open" in reply.json["error"]
    assert client.column("SELECT id FROM bays") == []
    client.must("INSERT INTO bays VALUES(2, 'b')")
    assert client.column("SELECT id FROM bays") == [2]


def test_begin_and_commit_within_a_request_work(client):
    client.must(BAYS, "BEGIN", "INSERT INTO bays VALUES(1, 'a')", "COMMIT")
    assert client.column("SELECT id FROM bays") == [1]


def test_a_commit_inside_a_transaction_request_is_an_error_of_the_request(client):
    client.must(BAYS)
    reply = client.execute(["INSERT INTO bays VALUES(1, 'a')", "COMMIT"], "transaction")
    assert reply.text == '{"results":[],"error":"cannot commit - no transaction is active"}'


def test_a_deferred_violation_fails_the_whole_transaction(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE p(id INTEGER PRIMARY KEY)",
                "CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
    reply = client.execute(["INSERT INTO c VALUES(1)"], "transaction")
    assert reply.text == '{"results":[],"error":"FOREIGN KEY constraint failed"}'
    assert client.column("SELECT count(*) FROM c") == [0]


def test_a_deferred_violation_fails_only_the_statement_that_caused_it(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE p(id INTEGER PRIMARY KEY)",
                "CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
    reply = client.execute(["INSERT INTO p VALUES(1)", "INSERT INTO c VALUES(2)",
                            "INSERT INTO c VALUES(1)"])
    assert [result.get("error") for result in reply.results] == [
        None, "FOREIGN KEY constraint failed", None]


# Statements that would take the database out of the server's hands.

FORBIDDEN_PRAGMAS = [
    "PRAGMA journal_mode=DELETE",
    "  pragma main.synchronous = 0",
    "PRAGMA query_only=1",
    "PRAGMA query_only(1)",
    "PRAGMA wal_autocheckpoint=5",
    "PRAGMA wal_checkpoint",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "-- a comment\nPRAGMA journal_mode=DELETE",
    "/* a comment */ PRAGMA journal_mode=DELETE",
    "PRAGMA/* a comment */journal_mode=DELETE",
    ";PRAGMA journal_mode=DELETE",
    "SELECT 1; PRAGMA journal_mode=DELETE",
    "PRAGMA journal_mode(DELETE)",
    'PRAGMA "journal_mode"=DELETE',
    "PRAGMA [journal_mode]=DELETE",
    "PRAGMA `main` . 'journal_mode' = DELETE",
    "EXPLAIN PRAGMA journal_mode=DELETE",
]


@pytest.mark.parametrize("endpoint", ["/db/execute", "/db/query"])
@pytest.mark.parametrize("sql", FORBIDDEN_PRAGMAS)
def test_a_pragma_that_is_the_servers_own_is_refused(client, endpoint, sql):
    reply = client.send("POST", endpoint, ["CREATE TABLE t(n)", sql])
    assert (reply.status, reply.text) == (200, '{"results":[],"error":"disallowed pragma"}')
    assert client.column("SELECT count(*) FROM sqlite_master") == [0]


@pytest.mark.parametrize("endpoint", ["/db/execute", "/db/query"])
@pytest.mark.parametrize("sql", ["ATTACH 'f' AS a", "detach a", "-- c\nATTACH 'f' AS a",
                                 "SELECT 1; ATTACH 'f' AS a"])
def test_attach_is_refused(client, endpoint, sql):
    reply = client.send("POST", endpoint, [sql])
    assert (reply.status, reply.text) == (200, '{"results":[],"error":"disallowed attach"}')


@pytest.mark.parametrize("sql", ["INSERT INTO t VALUES('PRAGMA journal_mode=DELETE')",
                                 "INSERT INTO t VALUES('; ATTACH ''f'' AS a')",
                                 "PRAGMA synchronous", "PRAGMA user_version=3"])
def test_what_only_looks_forbidden_is_not(client, sql):
    client.must("CREATE TABLE t(n)", sql)


def test_load_extension_is_not_authorized(client):
    client.must("CREATE TABLE t(n)")
    assert client.execute(["INSERT INTO t SELECT load_extension('x')"]).results == [
        {"error": "not authorized"}]
    assert client.query(["SELECT load_extension('x')"]).results == [{"error": "not authorized"}]
