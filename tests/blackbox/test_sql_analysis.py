"""/db/sql: what would become of SQL, as documented."""

import pytest

JSON = "application/json; charset=utf-8"


@pytest.fixture
def node(shared):
    return shared


# What would become of SQL.

def test_sql_is_shown_as_it_goes_into_the_log(client):
    reply = client.send("GET", "/db/sql?q=SELECT%20random(),%20datetime('now')%3B")
    assert (reply.status, reply.headers["Content-Type"]) == (200, JSON)
    assert reply.text == ('{"results":[{"original":"SELECT random(), datetime(\'now\');",'
                          '"rewritten":"SELECT random(), datetime(\'now\');"}]}')


def test_sql_of_a_body_is_taken_apart_statement_by_statement(client):
    body = ["INSERT INTO ghosts VALUES(RANDOM())", "SLECT 1", ["SELECT ?", 1], "", "-- nothing",
            "SELECT 1 < 2"]
    reply = client.send("POST", "/db/sql?noparse&norwrandom&norwtime", body)
    assert reply.text == (
        '{"results":['
        '{"original":"INSERT INTO ghosts VALUES(RANDOM())",'
        '"rewritten":"INSERT INTO ghosts VALUES(RANDOM())"},'
        '{"original":"SLECT 1","error":"near \\"SLECT\\": syntax error"},'
        '{"original":"SELECT ?","rewritten":"SELECT ?"},'
        '{"original":"","error":"EOF"},'
        '{"original":"-- nothing","error":"EOF"},'
        '{"original":"SELECT 1 \\u003c 2","rewritten":"SELECT 1 \\u003c 2"}]}')


def test_sql_is_timed_and_pretty_on_request(client):
    reply = client.send("POST", "/db/sql?timings", ["SELECT 1", "SELECT 2"])
    assert 0 < reply.json["time"] < 5 and all("time" not in each for each in reply.results)
    reply = client.send("GET", "/db/sql?pretty&q=SELECT%201")
    assert reply.text.startswith('{\n    "results": [\n        {\n            "original": "SELECT 1"')


def test_sql_that_is_looked_at_does_nothing(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(n)")
    body = ["DROP TABLE t", "PRAGMA query_only=1", "PRAGMA case_sensitive_like=1", "ATTACH 'x' AS y"]
    assert all("rewritten" in each for each in client.send("POST", "/db/sql", body).results)
    assert client.rows("SELECT count(*), 'A' LIKE 'a' FROM t") == [[0, 1]]
    client.must("INSERT INTO t VALUES(1)")


@pytest.mark.parametrize("method, path, body, message", [
    ("GET", "/db/sql", None, "query not specified"),
    ("GET", "/db/sql?pretty", None, "query not specified"),
    ("GET", "/db/sql?q=", None, "query parameter not set"),
    ("POST", "/db/sql", "", "invalid JSON body"),
    ("POST", "/db/sql", "{}", "invalid request"),
    ("POST", "/db/sql", "[]", "no statements"),
    ("POST", "/db/sql", "[1]", "invalid request"),
    ("POST", "/db/sql?q=SELECT%201", "", "invalid JSON body"),
])
def test_what_is_no_sql(client, method, path, body, message):
    reply = client.send(method, path, body)
    assert (reply.status, reply.text) == (400, message + "\n")
