"""What stands behind the question mark, and what is wrong with it."""

import json

import pytest

from test_http import exchange


@pytest.fixture
def node(shared):
    return shared


# Query strings.

@pytest.mark.parametrize("query, message", [
    ("a=1;b=2", "invalid semicolon separator in query"),
    ("a=%ZZ", 'invalid URL escape "%ZZ"'),
    ("a=%4", 'invalid URL escape "%4"'),
    ("a%=1", 'invalid URL escape "%"'),
    ("freshness_strict", "freshness_strict requires freshness"),
    ("timeout=", "timeout is not a valid duration"),
    ("timeout=1", "timeout is not a valid duration"),
    ("freshness=1d", "freshness is not a valid duration"),
    ("db_timeout=1%20s", "db_timeout is not a valid duration"),
    ("linearizable_timeout=2562048h", "linearizable_timeout is not a valid duration"),
    ("linearizable_timeout=x&timeout=x", "timeout is not a valid duration"),
    ("retries=", "retries is not a valid integer"),
    ("retries=1.5", "retries is not a valid integer"),
    ("trailing_logs=9223372036854775808", "trailing_logs is not a valid integer"),
    ("q", "query parameter not set"),
    ("q=", "query parameter not set"),
])
@pytest.mark.parametrize("method, path", [("POST", "/db/execute"), ("GET", "/nowhere"),
                                          ("HEAD", "/"), ("BREW", "/console/")])
def test_a_bad_query_string_is_refused_on_any_path(client, method, path, query, message):
    reply = client.send(method, f"{path}?{query}", '["CREATE TABLE t(n)"]')
    assert (reply.status, reply.text) == (400, "" if method == "HEAD" else message + "\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["timeout=0", "timeout=-0", "timeout=1h30m", "timeout=%2B1.5h",
                                   "timeout=.5s", "timeout=-1s", "timeout=1%C2%B5s", "retries=-3",
                                   "retries=%2B3", "unknown=x", "", "&&", "timeout=1s&timeout=x",
                                   "TIMEOUT=x", "Q", "q=", "=", "==x&=", "freshness=1s&freshness="])
def test_good_query_strings_are_accepted(client, query):
    assert client.send("GET", f"/db/query?q=SELECT%201&{query}").status == 200


@pytest.mark.parametrize("query, is_pretty", [
    ("pretty", True), ("pretty=", True), ("pretty=yes", True), ("pretty=false", True),
    ("pretty=0", True), ("%70retty", True), ("prett%79=no", True), ("a=b&pretty&c", True),
    ("Pretty", False), ("pretty%20", False), ("+pretty", False), ("prettier", False), ("", False)])
def test_a_flag_is_on_if_it_is_there(client, query, is_pretty):
    reply = client.query(["SELECT 1 AS one"], *([query] if query else []))
    assert reply.text.startswith("{\n" if is_pretty else '{"results"')


@pytest.mark.parametrize("query, value", [
    ("q=SELECT+1%2B1", 2), ("%71=SELECT%201", 1), ("q=SELECT%201&q=SELECT%202", 1),
    ("q=SELECT+'a%26b%3Dc'", "a&b=c"), ("q=SELECT+'a=b'", "a=b"), ("q=SELECT+'%C3%A9'", "é"),
    ("q=SELECT+'é'", "é"), ("Q=SELECT+1&q=SELECT+2", 2)])
def test_a_value_is_decoded(node, query, value):
    # As bytes: an HTTP library would mend what is odd.
    received = exchange(node, f"GET /db/query?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert json.loads(received.split(b"\r\n\r\n", 1)[1])["results"][0]["values"] == [[value]]


def test_the_body_of_a_post_has_its_statements_and_not_the_url(client):
    for path in ("/db/query", "/db/request"):
        reply = client.send("POST", path + "?q=SELECT%202%20AS%20v", ["SELECT 1 AS v"])
        assert reply.results[0]["values"] == [[1]]


# The form of numbers and durations in URLs.

@pytest.mark.parametrize("value", ["", "1", "1d", "1S", "%201s", "1s%20", "1e3s", "1m1", "2562048h",
                                   "+", "s", ".s", "1_0s", "1ms1", "9223372036854775808ns"])
@pytest.mark.parametrize("name", ["timeout", "db_timeout", "freshness", "linearizable_timeout"])
def test_what_is_no_duration(client, name, value):
    reply = client.send("GET", f"/nowhere?{name}={value}")
    assert (reply.status, reply.text) == (400, f"{name} is not a valid duration\n")


@pytest.mark.parametrize("value", ["0", "-0", "1h30m", "%2B1.5h", ".5s", "1.s", "-1s", "1%CE%BCs",
                                   "1us", "1ms", "1m", "0.1h", "01s", "1s1s", "1ns1h",
                                   "0.000000000000000001s", "9223372036854775807ns", "-9223372036854775808ns"])
def test_what_is_a_duration(client, value):
    assert client.send("GET", f"/nowhere?timeout={value}").status == 404


@pytest.mark.parametrize("value", ["", "x", "1.0", "1_000", "0x1", "%201", "1%20", "--1", "+-1",
                                   "9223372036854775808"])
@pytest.mark.parametrize("name", ["retries", "trailing_logs"])
def test_what_is_no_integer(client, name, value):
    reply = client.send("GET", f"/nowhere?{name}={value}")
    assert (reply.status, reply.text) == (400, f"{name} is not a valid integer\n")


@pytest.mark.parametrize("query, message", [
    ("timeout=x&retries=x", "timeout is not a valid duration"),
    ("retries=x&timeout=x", "timeout is not a valid duration"),
    ("linearizable_timeout=x&db_timeout=x&freshness=x", "freshness is not a valid duration"),
    ("trailing_logs=x&retries=x", "retries is not a valid integer"),
    ("q=&retries=x", "retries is not a valid integer"),
    ("freshness_strict&timeout=x", "freshness_strict requires freshness"),
    ("a=%zz&timeout=x", 'invalid URL escape "%zz"'),
    ("a=%z", 'invalid URL escape "%z"'),
    ("a=%", 'invalid URL escape "%"'),
    ("a=1;b=%zz", "invalid semicolon separator in query"),
    ("a=%zz&b;", "invalid semicolon separator in query"),
    ("a=%1&b=%2", 'invalid URL escape "%1"'),
    ("a=%41%4g%zz", 'invalid URL escape "%4g"'),
    ("%4g=%zz", 'invalid URL escape "%4g"'),
    ("db_timeout=x&timeout=1s", "db_timeout is not a valid duration"),
    ("%74imeout=x", "timeout is not a valid duration"),
    ("q&trailing_logs=x", "trailing_logs is not a valid integer"),
])
def test_the_first_problem_of_a_query_string_is_told(client, query, message):
    reply = client.send("GET", "/nowhere?" + query)
    assert (reply.status, reply.text) == (400, message + "\n")


# What single parameters do.

def test_the_level_may_be_written_in_any_case(client):
    for level in ("strong", "STRONG", "Strong", "sTrOnG"):
        assert client.query(["SELECT 1"], "raft_index", level=level).json["raft_index"] > 0
    for level in ("strong ", "strongest", "", "1"):
        reply = client.query(["SELECT 1"], "raft_index", level=level)
        assert reply.status == 200 and "raft_index" not in reply.json


@pytest.mark.parametrize("flag", ["byte_array", "blobarray", "BLOB_ARRAY"])
def test_what_only_looks_like_a_parameter_is_none(client, flag):
    client.must("DROP TABLE IF EXISTS bytes", "CREATE TABLE bytes(data BLOB)",
                "INSERT INTO bytes VALUES(x'0102ff')")
    assert client.query(["SELECT data FROM bytes"], flag).results[0]["values"] == [["AQL/"]]


def test_returning_has_the_form_that_is_asked_for(client):
    client.must("DROP TABLE IF EXISTS hold", "CREATE TABLE hold(data BLOB)")
    insert = "INSERT INTO hold VALUES(x'0102ff') RETURNING data"
    head = '{"results":[{"columns":["data"],"types":["blob"],"values":'
    assert client.execute([insert]).text == head + '[["AQL/"]]}]}'
    assert client.execute([insert], "blob_array").text == head + "[[[1,2,255]]]}]}"
    assert client.execute([insert], "qualify_columns").text == head + '[["AQL/"]]}]}'
    assert client.execute([insert], "associative", "blob_array").text == (
        '{"results":[{"types":{"data":"blob"},"rows":[{"data":[1,2,255]}]}]}')


# Parameters that change nothing here.

def test_one_node_serves_everything_itself(node):
    client = node.client
    client.must("CREATE TABLE IF NOT EXISTS t(n)")
    for flags in (("redirect",), ("retries=3",), ("noparse",), ("norwrandom", "norwtime"),
                  ("bypass", "unknown=1"), ("timeout=1ns",)):
        for reply in (client.execute(["INSERT INTO t VALUES(random())"], *flags),
                      client.query(["SELECT count(*) FROM t"], *flags),
                      client.send("POST", "/db/request?" + "&".join(flags), ["SELECT 1"])):
            assert reply.status == 200 and "error" not in reply.text
            assert reply.headers["X-Rqlite-Served-By"] == node.address
