"""Bodies of statements: which are text and which JSON, how JSON is read, and what parameters bind."""

import gzip
import json

import pytest


@pytest.fixture
def node(shared):
    return shared


def post(client, path, body, content_type=None, **headers):
    if content_type is not None:
        headers["Content-Type"] = content_type
    return client.send("POST", path, body, headers)


def values(client, body):
    """The values of the one row that a query answers; its body is sent as it stands here."""
    reply = post(client, "/db/query", body)
    assert reply.status == 200 and "error" not in reply.text, reply.text
    return reply.results[0]["values"][0]


# Which parser is used.

@pytest.mark.parametrize("content_type, text", [
    ("text/plain", True), ("text/plain; charset=utf-8", True), ("text/plainer", True),
    (None, False), ("Text/Plain", False), ("TEXT/PLAIN", False), ("text/html", False),
    ("application/json", False), ("application/json; charset=utf-8", False), ("nonsense", False)])
@pytest.mark.parametrize("path", ["/db/query", "/db/execute"])
def test_the_content_type_tells_text_from_json(client, path, content_type, text):
    as_text = post(client, path, "SELECT 1", content_type)
    as_json = post(client, path, '["SELECT 1"]', content_type)
    if text:
        assert as_text.status == 200 and "error" not in as_text.results[0]
        assert as_json.status == 200 and "syntax error" in as_json.results[0]["error"]
    else:
        assert (as_text.status, as_text.text) == (400, "invalid JSON body\n")
        assert as_json.status == 200 and "error" not in as_json.results[0]


@pytest.mark.parametrize("path", ["/db/request", "/db/sql"])
def test_some_routes_read_json_whatever_the_type(client, path):
    assert post(client, path, '["SELECT 1"]', "text/plain").status == 200
    reply = post(client, path, "SELECT 1", "text/plain")
    assert (reply.status, reply.text) == (400, "invalid JSON body\n")


@pytest.mark.parametrize("body", ["nonsense", "[]", '["SELECT 2 AS v"]', ""])
def test_the_body_of_a_get_is_not_looked_at(client, body):
    reply = client.send("GET", "/db/query?q=SELECT%201%20AS%20v", body,
                        {"Content-Type": "application/json"})
    assert reply.results[0]["values"] == [[1]]
    assert client.send("GET", "/db/query", body).text == '{"results":[]}'


def test_a_text_is_taken_byte_for_byte(client):
    sql = " \n SELECT '\t[\"é\"] ' AS v -- and so on\r\n"
    reply = post(client, "/db/query", sql, "text/plain")
    assert reply.results[0]["values"] == [['\t["é"] ']]


@pytest.mark.parametrize("path", ["/db/execute", "/db/query"])
def test_sql_ends_at_the_first_nul(client, path):
    for body, content_type in ((["SELECT 1\0 nonsense"], None), (b"SELECT 1\0 nonsense", "text/plain")):
        reply = post(client, path, json.dumps(body) if content_type is None else body, content_type)
        assert reply.status == 200 and "error" not in reply.results[0], reply.text
    assert post(client, path, json.dumps(["\0nonsense"])).results == []


@pytest.mark.parametrize("path", ["/db/execute", "/db/query"])
def test_a_compressed_body_is_not_unpacked(client, path):
    body = gzip.compress(b'["SELECT 1"]')
    reply = post(client, path, body, **{"Content-Encoding": "gzip"})
    assert (reply.status, reply.text) == (400, "invalid JSON body\n")


def test_an_answer_is_never_compressed(client):
    sql = "SELECT hex(zeroblob(100000)) AS v"
    reply = client.send("POST", "/db/query", [sql], {"Accept-Encoding": "gzip, deflate, br"})
    assert "Content-Encoding" not in reply.headers
    assert len(reply.results[0]["values"][0][0]) == 200_000


# A text that is not UTF-8 runs as it is, wherever it goes.

BYTES = b"'\xff\xfe\xc3'"


@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong"])
def test_a_text_that_is_not_utf8_is_read(client, level):
    for sql in (b"SELECT hex(%s) AS v", b"SELECT hex('\xed\xa0\x80'), hex(%s) AS v"):
        reply = post(client, f"/db/query?level={level}", sql % BYTES, "text/plain")
        assert reply.results[0]["values"][0][-1] == "FFFEC3"
    reply = client.send("GET", f"/db/query?level={level}&q=SELECT%20hex('%FF%FE')")
    assert reply.results[0]["values"] == [["FFFE"]]


@pytest.mark.parametrize("path", ["/db/execute", "/db/load", "/db/execute?queue&wait"])
def test_a_text_that_is_not_utf8_is_stored(client, path):
    client.must("DROP TABLE IF EXISTS t", "CREATE TABLE t(v)")
    reply = post(client, path, b"INSERT INTO t VALUES(%s)" % BYTES, "text/plain")
    assert reply.status == 200 and '"error"' not in reply.text
    assert client.rows("SELECT typeof(v), hex(v) FROM t") == [["text", "FFFEC3"]]
    assert client.value("SELECT v FROM t") == "\ufffd" * 3


# The grammar.

def test_both_forms_of_a_statement_may_be_mixed(client):
    body = '["SELECT 1 AS v", ["SELECT 2 AS v"], ["SELECT ? AS v", 3], ["SELECT :v AS v", {"v": 4}]]'
    assert [each["values"] for each in post(client, "/db/query", body).results] == [
        [[1]], [[2]], [[3]], [[4]]]


@pytest.mark.parametrize("body, expected", [
    ('[["SELECT ?, :a, ?, :b", 1, {"a": 2}, 3, {"b": 4}]]', [1, 2, 3, 4]),
    ('[["SELECT :a, :b", {"a": 1}, {"b": 2}]]', [1, 2]),
    ('[["SELECT :a, :b", {}, {"a": 1, "b": 2}, {}]]', [1, 2]),
    ('[["SELECT ?, ?", {}, 1, {}, 2]]', [1, 2]),
    ('[["SELECT :a", {"a": 1, "a": 2}]]', [2]),
    ('[["SELECT :a", {"a": 1, "a": null}]]', [None]),
    ('[["SELECT :n, @n, $n", {"n": 1, "other": 2, "another": 3}]]', [1, 1, 1]),
    ('[["SELECT :n, :n, :n", {"n": 1}]]', [1, 1, 1]),
    ('[["SELECT ?2, ?1", 1, 2]]', [2, 1]),
    ('[["SELECT hex(:a)", {"a": [1, 255]}]]', ["01FF"]),
    ('[["SELECT hex(:a)", {"a": "x\'0aFF\'"}]]', ["0AFF"]),
    (' \t\r\n[ [ "SELECT ?" , 1 ] ] ', [1]),
    ('["SELECT \'\\u003c\\/\\"\\ud83d\\ude00\'"]', ['</"😀']),
    ('["SELECT \'\\ud83d\'"]', ["\ufffd"]),
    ('["SELECT \'\\ude00x\'"]', ["\ufffdx"]),
    ('[["SELECT ?", "a\\ud83d"]]', ["a\ufffd"]),
    ('[["SELECT :a", {"a": "\\udfff"}]]', ["\ufffd"]),
    (b'["SELECT \'\xff\'"]', ["\ufffd"]),
    (b'[["SELECT ?", "a\xc3"]]', ["a\ufffd"]),
    (b'[["SELECT :\xc3\xa9", {"\xc3\xa9": 1}]]', [1]),
])
def test_json_is_read_as(client, body, expected):
    assert values(client, body) == expected


# The first problem from the left counts, whatever comes behind it.
@pytest.mark.parametrize("body, message", [
    ("[null, nonsense]", "invalid request"),
    ("[[], nonsense]", "invalid request"),
    ("[[1, nonsense]]", "invalid request"),
    ("{nonsense", "invalid request"),
    ("[nonsense]", "invalid JSON body"),
    ("[[tru]]", "invalid JSON body"),
    ("[1x]", "invalid JSON body"),
    ('[["SELECT ?", [256]], nonsense]', "unsupported type 256"),
    ('[["SELECT ?", [nonsense]]]', "invalid JSON body"),
    ('[["SELECT ?", [1, "a", 256]]]', "unsupported type string"),
    ('[["SELECT ?", [256], 1E400]]', "unsupported type 256"),
    ('[["SELECT ?", 1E400, [256]]]', "invalid number 1E400"),
    ('["SELECT 1", nonsense, 1]', "invalid JSON body"),
    ('["SELECT 1", 1, nonsense]', "invalid request"),
    ('[["SELECT :a", {"a": [true]}]]', "unsupported type bool"),
    ('[["SELECT :a", {"a": 1E400}]]', "invalid number 1E400"),
    ('[["SELECT :a", {"a": {"b": 1}}]]', "unsupported type map[string]interface {}"),
    ('[["SELECT ?", [-0.5]]]', "unsupported type -0.5"),
    ('[["SELECT ?", [99999999999999999999]]]', "unsupported type 99999999999999999999"),
    ('[["SELECT ?", -1E400]]', "invalid number -1E400"),
    ('[["SELECT ?", 1E400]] and more', "invalid number 1E400"),
    ('[["SELECT ?", 01]]', "invalid JSON body"),
    ('[["SELECT ?", +1]]', "invalid JSON body"),
    ('[["SELECT ?", .5]]', "invalid JSON body"),
    ('[["SELECT ?", NaN]]', "invalid JSON body"),
    ('[["SELECT ?", "a\\x"]]', "invalid JSON body"),
    ('[["SELECT ?",]]', "invalid JSON body"),
    ('[["SELECT :a", {"a"}]]', "invalid JSON body"),
    ('[["SELECT :a", {"a": 1,}]]', "invalid JSON body"),
    ("['SELECT 1']", "invalid JSON body"),
    ("[", "invalid JSON body"),
    ("true", "invalid request"),
    ("[]]", "no statements"),
    (" [ ] ", "no statements"),
])
@pytest.mark.parametrize("path", ["/db/execute", "/db/query", "/db/request", "/db/sql"])
def test_the_first_problem_of_a_body_is_told(client, path, body, message):
    reply = post(client, path, body)
    assert (reply.status, reply.text) == (400, message + "\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


# What a value binds.

@pytest.mark.parametrize("value, kind, quoted", [
    ("-9223372036854775808", "integer", "-9223372036854775808"),
    ("9223372036854775808", "real", "9.2233720368547758e+18"),
    ("-9223372036854775809", "real", "-9.2233720368547758e+18"),
    ("-0", "integer", "0"),
    ("-0.0", "real", "0.0"),
    ("0.1", "real", "0.1"),
    ("1E2", "real", "100.0"),
    ("1e-400", "real", "0.0"),
    ('"X\'41\'"', "blob", "X'41'"),
    ('"x\'\'"', "blob", "X''"),
    ('"\\n\\tx\'4142\'\\r "', "blob", "X'4142'"),
    ('"x\'41"', "text", "'x''41'"),
    ('"x 41"', "text", "'x 41'"),
    ('"x\'4 1\'"', "text", "'x''4 1'''"),
    ('"x\'41\' x"', "text", "'x''41'' x'"),
    ('""', "text", "''"),
    ('" a "', "text", "' a '"),
    ("[0]", "blob", "X'00'"),
    ("[ 1 , 2 ]", "blob", "X'0102'"),
])
def test_a_value_binds_as(client, value, kind, quoted):
    for body in (f'[["SELECT typeof(?1), quote(?1)", {value}]]',
                 f'[["SELECT typeof(:v), quote(:v)", {{"v": {value}}}]]'):
        found, text = values(client, body)
        assert found == kind
        assert text == quoted or (kind == "real" and float(text) == float(quoted))


@pytest.mark.parametrize("body, error", [
    ('[["SELECT ?, ?, ?", 1, 2]]', "not enough args to execute query: want 3 got 2"),
    ('[["SELECT :n, @n, $n", {"n": 1}]]', "not enough args to execute query: want 3 got 1"),
    ('[["SELECT ?", {}]]', "not enough args to execute query: want 1 got 0"),
    ('[["SELECT ?3", 1, 2]]', "not enough args to execute query: want 3 got 2"),
    ('[["SELECT :n", {":n": 1}]]', 'name ":n" does not begin with a letter'),
    ('[["SELECT :_n", {"_n": 1}]]', 'name "_n" does not begin with a letter'),
])
@pytest.mark.parametrize("path", ["/db/execute", "/db/query", "/db/request"])
def test_what_cannot_be_bound_is_the_statements_error(client, path, body, error):
    body = body[:-1] + ', "SELECT 1"]'
    results = post(client, path, body).results
    assert results[0] == {"error": error}
    assert len(results) == 2 and "error" not in results[1]
