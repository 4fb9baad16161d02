"""POST /db/request, as documented: where a body is compared whole, every byte counts."""

import pytest

from tables import BAYS, CREW, INSERT_CREW, make_crew

INSERT = "INSERT INTO bays(tag) VALUES('x')"
# Fails at its second row.
OVERFLOW = "SELECT CASE column1 WHEN 2 THEN abs(-9223372036854775808) END FROM (VALUES(1), (2))"
CLASHES = "INSERT INTO bays VALUES(1, 'x')"
UNIQUE = '{"error":"UNIQUE constraint failed: bays.id"}'
NO_SUCH_TABLE = '{"error":"no such table: ghosts"}'
ONE_ROW = '{"last_insert_id":1,"rows_affected":1}'


def results(*each):
    return '{"results":[' + ",".join(each) + "]}"


def tags(client):
    return client.column("SELECT tag FROM bays ORDER BY id")


# What clients of the API have always seen.

def test_a_read_is_as_on_query(client):
    make_crew(client, "mira")
    assert client.request(["SELECT * FROM crew"]).text == (
        '{"results":[{"columns":["id","name","rank"],"types":["integer","text","integer"],'
        '"values":[[1,"mira",7]]}]}')


def test_a_transaction_stops_and_rolls_back_at_what_fails_to_run(client):
    client.must(BAYS, CLASHES)
    insert = "INSERT INTO bays(id) VALUES({})"
    assert client.request([insert.format(n) for n in (2, 1, 3)], "transaction").text == results(
        '{"last_insert_id":2,"rows_affected":1}', UNIQUE)
    assert client.column("SELECT id FROM bays") == [1]


def test_writes_and_reads_and_errors_in_associative_form(client):
    client.must(CREW)
    assert client.request([[INSERT_CREW, "ben", 3], ["SELECT name FROM crew WHERE rank=3"],
                           ["SELECT * FROM ghosts"]], "associative").text == results(
        '{"last_insert_id":1,"rows_affected":1,"rows":null}',
        '{"types":{"name":"text"},"rows":[{"name":"ben"}]}', NO_SUCH_TABLE)


@pytest.mark.parametrize("with_a_write", [False, True])
def test_pragma_table_info_has_types_of_its_values(client, with_a_write):
    client.must("CREATE TABLE pets(id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
    write = ["DELETE FROM pets"] if with_a_write else []
    assert client.request(["PRAGMA table_info(pets)", *write]).text == results(
        '{"columns":["cid","name","type","notnull","dflt_value","pk"],'
        '"types":["integer","text","text","integer","","integer"],'
        '"values":[[0,"id","INTEGER",1,null,1],[1,"name","TEXT",0,null,0]]}',
        *(["{}"] if with_a_write else []))


def test_comments_and_an_unknown_table(client):
    assert client.request(["-----", "SELECT * FROM qux"]).text == results(
        "{}", '{"error":"no such table: qux"}')


def test_returning_answers_rows(client):
    client.must(BAYS)
    assert client.request(["INSERT INTO bays(tag) VALUES('x') RETURNING id, tag"]).text == results(
        '{"columns":["id","tag"],"types":["integer","text"],"values":[[1,"x"]]}')


# What a statement is.

@pytest.mark.parametrize("sql, row", [
    ("SELECT 5 AS v", 5), ("VALUES(5)", 5), ("WITH w AS (SELECT 5 AS v) SELECT v FROM w", 5),
    ("PRAGMA user_version", 0), (" /* c */ SELECT 5 AS v", 5), (";SELECT 5 AS v", 5)])
def test_what_reads_answers_rows(client, sql, row):
    for level in ("none", "weak", "linearizable", "strong"):
        for body in ([sql], [sql, "PRAGMA user_version=0"]):
            result = client.request(body, level=level).results[0]
            assert result["values"] == [[row]] and result["types"] == ["integer"]


@pytest.mark.parametrize("sql", [
    INSERT, "UPDATE bays SET tag = 'y'", "DELETE FROM bays", "CREATE TABLE more(a)",
    "CREATE INDEX i ON bays(tag)", "ANALYZE", "VACUUM", "PRAGMA user_version=1",
    "DROP TABLE IF EXISTS ghosts", "CREATE TABLE IF NOT EXISTS bays(a)",
    "DROP TRIGGER IF EXISTS ghosts", "WITH w AS (SELECT 1) INSERT INTO bays SELECT 9, 'w' FROM w"])
@pytest.mark.parametrize("level", ["none", "weak"])
def test_what_writes_answers_a_write(client, sql, level):
    client.must(BAYS, CLASHES)
    before = client.request([INSERT], "raft_index").json["raft_index"]
    reply = client.request([sql], "raft_index", level=level).json
    assert "error" not in reply["results"][0] and "columns" not in reply["results"][0]
    assert reply["raft_index"] == before + 1


@pytest.mark.parametrize("sql", ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s"])
def test_what_controls_transactions_is_a_read(client, sql):
    client.must(BAYS)
    reply = client.request([sql, "SELECT 1 AS one"], "associative")
    assert reply.results[0]["rows"] == []
    assert reply.results[1]["rows"] == [{"one": 1}]
    # It leaves nothing behind for the next one.
    client.must(INSERT)
    assert client.request(["SELECT count(*) AS n FROM bays"]).results[0]["values"] == [[1]]


@pytest.mark.parametrize("sql", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_transaction_that_writes_ends_with_its_request(client, sql):
    client.must(BAYS)
    assert "left a transaction open" in client.request([sql]).json["error"]
    assert client.request([sql, INSERT, "COMMIT"]).text == results("{}", ONE_ROW, "{}")
    client.must(INSERT)
    assert client.send("POST", "/snapshot").status == 200


def test_the_journal_mode_is_a_write_even_when_it_is_only_read(client):
    reply = client.request(["PRAGMA journal_mode"], "raft_index").json
    assert reply["results"] == [{}] and reply["raft_index"] > 0


def test_a_setting_of_the_connection_is_a_read_and_ends_with_its_request(client):
    assert client.request(["PRAGMA cache_size=77", "PRAGMA cache_size"]).text == results(
        "{}", '{"columns":["cache_size"],"types":["integer"],"values":[[77]]}')
    for _ in range(3):
        assert client.request(["PRAGMA cache_size"]).results[0]["values"] != [[77]]


@pytest.mark.parametrize("with_a_write", [False, True])
def test_explain_runs_nothing(client, with_a_write):
    client.must(BAYS)
    body = ["EXPLAIN QUERY PLAN SELECT * FROM bays WHERE id = 1", f"EXPLAIN {INSERT}",
            *([INSERT] if with_a_write else [])]
    reply = client.request(body)
    assert reply.results[0]["columns"] == ["id", "parent", "notused", "detail"]
    assert reply.results[1]["columns"][:2] == ["addr", "opcode"]
    assert tags(client) == (["x"] if with_a_write else [])


@pytest.mark.parametrize("body", [["nonsense"], ["SELECT * FROM ghosts"],
                                  ["SELECT 1 AS one", "SELECT nothing"]])
def test_what_does_not_compile_is_a_write(client, body):
    reply = client.request(body, "raft_index", "associative", level="none")
    assert reply.json["raft_index"] > 0
    assert list(reply.results[-1]) == ["error"]


def test_what_does_not_compile_any_more_is_no_different(client):
    for _ in range(3):
        client.must("CREATE TABLE ghosts(a)")
        for _ in range(3):
            assert client.request(["SELECT * FROM ghosts"], "associative").results == [
                {"types": {"a": ""}, "rows": []}]
        client.must("DROP TABLE ghosts")
        assert client.request(["SELECT * FROM ghosts"], "associative").text == results(
            NO_SUCH_TABLE)


# What runs where.

def test_reads_see_the_writes_before_them(client):
    client.must(BAYS)
    count = "SELECT count(*) AS n FROM bays"
    head = '{"columns":["n"],"types":["integer"],"values":'
    assert client.request([count, INSERT, count, INSERT, count]).text == results(
        head + "[[0]]}", ONE_ROW, head + "[[1]]}", '{"last_insert_id":2,"rows_affected":1}',
        head + "[[2]]}")


def test_only_what_writes_or_is_strong_has_an_index(client):
    client.must(BAYS)
    for level in ("none", "weak"):
        assert "raft_index" not in client.request(["SELECT 1"], "raft_index", level=level).json
    for flags in ((), ("transaction",)):
        first = client.request(["SELECT 1"], "raft_index", *flags, level="strong").json
        second = client.request([INSERT], "raft_index", *flags).json
        assert second["raft_index"] > first["raft_index"] > 0


def test_every_level_reads_what_was_acknowledged(client):
    client.must(BAYS)
    for n, level in enumerate(["none", "weak", "linearizable", "strong", "auto", "nonsense"], 1):
        client.must(INSERT)
        assert client.request(["SELECT count(*) AS n FROM bays"], level=level).results[0][
            "values"] == [[n]]


@pytest.mark.parametrize("with_a_write", [False, True])
def test_columns_are_qualified_but_for_returning(client, with_a_write):
    client.must(BAYS, CLASHES)
    body = ["SELECT b.id, tag AS t, 1 + 1, (SELECT id FROM bays) FROM bays AS b"]
    if with_a_write:
        body.append("UPDATE bays SET tag = 'y' RETURNING id")
    found = [each["columns"] for each in client.request(body, "qualify_columns").results]
    assert found[0] == ["bays.id", "bays.t", "1 + 1", "bays.(SELECT id FROM bays)"]
    assert found[1:] == ([["id"]] if with_a_write else [])


def test_random_differs_and_time_is_one_in_an_entry(client):
    client.must(BAYS)
    reply = client.request([INSERT, "SELECT random(), random()",
                            "SELECT julianday('now') = julianday('now')"])
    one, other = reply.results[1]["values"][0]
    assert one != other
    assert reply.results[2]["values"] == [[1]]


# Errors.

@pytest.mark.parametrize("sql, plain, associative", [
    ("SELECT * FROM ghosts", NO_SUCH_TABLE, NO_SUCH_TABLE),
    ("nonsense", '{"error":"near \\"nonsense\\": syntax error"}',
     '{"error":"near \\"nonsense\\": syntax error"}'),
    (CLASHES, UNIQUE, UNIQUE),
    (OVERFLOW, '{"error":"integer overflow"}', '{"rows":[],"error":"integer overflow"}'),
    ("SELECT ?", '{"error":"not enough args to execute query: want 1 got 0"}',
     '{"rows":[],"error":"not enough args to execute query: want 1 got 0"}'),
    ("SELECT 1; DROP TABLE bays",
     '{"error":"attempt to change database via query operation"}',
     '{"rows":[],"error":"attempt to change database via query operation"}'),
    ("SELECT 1; VACUUM",
     '{"error":"attempt to change database via query operation"}',
     '{"rows":[],"error":"attempt to change database via query operation"}')])
def test_an_error_stands_in_its_place_and_the_rest_runs(client, sql, plain, associative):
    client.must(BAYS, CLASHES)
    body = [INSERT, sql, INSERT]
    assert client.request(body).text == results(
        '{"last_insert_id":2,"rows_affected":1}', plain, '{"last_insert_id":3,"rows_affected":1}')
    assert client.request(body, "associative").text == results(
        '{"last_insert_id":4,"rows_affected":1,"rows":null}', associative,
        '{"last_insert_id":5,"rows_affected":1,"rows":null}')


@pytest.mark.parametrize("sql", [CLASHES, OVERFLOW, ["SELECT ?, ?", 1],
                                 ["INSERT INTO bays VALUES(?, ?)", 7]])
def test_in_a_transaction_what_fails_to_run_ends_it(client, sql):
    client.must(BAYS, CLASHES)
    reply = client.request([INSERT, "SELECT 1", sql, INSERT, "SELECT 2"], "transaction")
    assert len(reply.results) == 3 and "error" in reply.results[2]
    assert len(tags(client)) == 1


@pytest.mark.parametrize("sql", ["SELECT * FROM ghosts", "INSERT INTO ghosts VALUES(1)", "nonsense",
                                 "SELECT nothing", "DROP TABLE ghosts"])
def test_in_a_transaction_what_does_not_compile_ends_nothing(client, sql):
    client.must(BAYS)
    for n in range(1, 4):
        reply = client.request([INSERT, sql, "SELECT 2"], "transaction")
        assert [list(each)[0] for each in reply.results] == ["last_insert_id", "error", "columns"]
        assert len(tags(client)) == n


def test_a_deferred_violation_is_the_whole_requests_error(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE parent(id INTEGER PRIMARY KEY)",
                "CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)")
    assert client.request(["INSERT INTO child VALUES(1)", "SELECT 1"], "transaction").text == (
        '{"results":[],"error":"FOREIGN KEY constraint failed"}')
    assert client.value("SELECT count(*) FROM child") == 0


def test_a_write_that_fails_behind_its_rows_is_no_failed_read(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE parent(id INTEGER PRIMARY KEY)",
                "CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)")
    insert = "INSERT INTO child VALUES(1), (2) RETURNING p"
    for send in (client.request, client.execute):
        assert send([insert], "associative").text == results(
            '{"error":"FOREIGN KEY constraint failed"}')


def test_a_transaction_of_the_clients_own_inside_one_is_an_error(client):
    client.must(BAYS)
    assert client.request([INSERT, "BEGIN", INSERT], "transaction").text == results(
        ONE_ROW, '{"error":"cannot start a transaction within a transaction"}')
    assert tags(client) == []


def test_a_transaction_that_the_request_leaves_open_is_its_error(client):
    client.must(BAYS)
    assert "left a transaction open" in client.request(["BEGIN", INSERT]).json["error"]
    assert tags(client) == []
    assert client.request(["BEGIN", INSERT, "COMMIT"]).text == results("{}", ONE_ROW, "{}")


# Several statements in a text are of the first one's kind.

@pytest.mark.parametrize("with_a_write", [False, True])
@pytest.mark.parametrize("sql, result", [
    ("SELECT 1; SELECT 2 AS b", '{"columns":["b"],"types":["integer"],"values":[[2]]}'),
    ("SELECT 1;", '{"columns":["1"],"types":["integer"],"values":[[1]]}'),
    ("SELECT 1;;", "{}"), ("SELECT 1; -- c", "{}"), ("-- c", "{}"), (" ; ", "{}"), (";;", "{}"),
    ("SELECT * FROM ghosts; SELECT 2", NO_SUCH_TABLE)])
def test_of_a_read_with_several_statements_the_last_one_runs(client, sql, result, with_a_write):
    client.must(BAYS)
    body = [sql, INSERT] if with_a_write else [sql]
    assert client.request(body).text == results(result, *([ONE_ROW] if with_a_write else []))


def test_of_a_write_with_several_statements_all_run(client):
    client.must(BAYS)
    assert client.request(["INSERT INTO bays(tag) VALUES('a'); INSERT INTO bays(tag) VALUES('b')",
                           f"{INSERT}; -- c"]).text == results(
        '{"last_insert_id":2,"rows_affected":1}', "{}")
    assert tags(client) == ["a", "b", "x"]


# The form of a request.

def test_text_plain_is_json_all_the_same(client):
    send = lambda body: client.send("POST", "/db/request", body, {"Content-Type": "text/plain"})
    assert send('["SELECT 1 AS v"]').results[0]["values"] == [[1]]
    assert (send("SELECT 1").status, send("SELECT 1").text) == (400, "invalid JSON body\n")


@pytest.mark.parametrize("body, message", [
    ("", "invalid JSON body"), ("[]", "no statements"), ("{}", "invalid request"),
    ("[1]", "invalid request"), ("[[]]", "invalid request"), ("[1E400]", "invalid request"),
    ('[["SELECT ?", 1E400]]', "invalid number 1E400"), ('[["SELECT ?", [256]]]',
                                                        "unsupported type 256")])
def test_a_body_that_is_no_list_of_statements_is_refused(client, body, message):
    reply = client.request(body)
    assert (reply.status, reply.text) == (400, message + "\n")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_not_allowed(client, method):
    reply = client.send(method, "/db/request")
    assert (reply.status, reply.body) == (405, b"")


def test_empty_statements_have_no_result(client):
    client.must(BAYS)
    assert client.request(["", ""]).text == '{"results":[]}'
    assert client.request(["", INSERT, ""]).text == results(ONE_ROW)


@pytest.mark.parametrize("sql", ["PRAGMA journal_mode=DELETE", "SELECT 1; PRAGMA query_only=1"])
def test_a_pragma_of_the_servers_own_refuses_the_whole_request(client, sql):
    client.must(BAYS)
    assert client.request([INSERT, sql]).text == '{"results":[],"error":"disallowed pragma"}'
    assert tags(client) == []


def test_served_by_is_told_on_success(node):
    node.client.must(BAYS)
    for body in (["SELECT 1"], [INSERT], ["nonsense"]):
        assert node.client.request(body).headers["X-Rqlite-Served-By"] == node.address
    refused = node.client.request(["PRAGMA journal_mode=DELETE"])
    assert "X-Rqlite-Served-By" not in refused.headers


@pytest.mark.parametrize("body", [["SELECT 1"], ["SELECT 1", "CREATE TABLE made(a)"]])
def test_timings_of_statements_and_request(client, body):
    reply = client.request(body, "timings").json
    assert all(each["time"] > 0 for each in reply["results"]) and reply["time"] > 0
    assert list(reply) == ["results", "time"]


def test_pretty(client):
    client.must(BAYS)
    assert client.request([INSERT, "SELECT id FROM bays"], "pretty").text == """\
{
    "results": [
        {
            "last_insert_id": 1,
            "rows_affected": 1
        },
        {
            "columns": [
                "id"
            ],
            "types": [
                "integer"
            ],
            "values": [
                [
                    1
                ]
            ]
        }
    ]
}"""


def test_blobs_as_arrays(client):
    client.must("CREATE TABLE hold(data BLOB)")
    assert client.request([["INSERT INTO hold VALUES(?)", [1, 2, 255]], "SELECT data FROM hold"],
                          "blob_array").results[1]["values"] == [[[1, 2, 255]]]


def test_a_key_makes_it_happen_once(client):
    client.must(BAYS)
    body = [INSERT, "SELECT count(*) AS n FROM bays", OVERFLOW, "nonsense"]
    first, second = (client.send("POST", "/db/request?associative", body,
                                 {"Idempotency-Key": "k"}) for _ in range(2))
    assert first.body == second.body
    assert second.headers["Idempotency-Replayed"] == "true"
    assert tags(client) == ["x"]
    other = client.send("POST", "/db/execute", body, {"Idempotency-Key": "k"})
    assert other.status == 422


def test_an_infinite_number_fails_the_whole_answer(client):
    client.must(BAYS)
    reply = client.request([INSERT, "SELECT 9e999"])
    assert (reply.status, reply.text) == (
        500, "json: error calling MarshalJSON for type *http.DBResults: json: unsupported value: "
             "+Inf\n")


def test_a_vacuum_into_what_cannot_be_is_the_statements_error(node, home):
    assert node.client.request(["VACUUM INTO '/nowhere/at/all'"]).text == results(
        '{"error":"unable to open database: /nowhere/at/all"}')
    assert node.client.request([f"VACUUM INTO '{home}/copy'"]).text == "{\"results\":[{}]}"
    assert (home / "copy").stat().st_size > 0
    node.kill()
    node.start()
    assert node.client.request([f"VACUUM INTO '{home}/copy'"]).text == results(
        '{"error":"output file already exists"}')


def test_content_is_the_same_after_a_restart(node):
    client = node.client
    client.must(BAYS)
    for n in range(20):
        client.request([INSERT, "SELECT count(*) FROM bays", CLASHES if n % 2 else "nonsense",
                        "INSERT INTO bays(tag) SELECT count(*) || random() FROM bays"],
                       *(["transaction"] if n % 3 else []))
    before = tags(client)
    node.kill()
    node.start()
    assert tags(node.client) == before
