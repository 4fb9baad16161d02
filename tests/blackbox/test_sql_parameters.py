"""Values that clients send beside their SQL: what they are stored as, and what they are bound to."""

import pytest

from tables import BAYS

SHORT = "not enough args to execute query: want {} got {}"


# What JSON becomes.

VALUES = [
    ("1", "integer", "1"),
    ("-0", "integer", "0"),
    ("9223372036854775807", "integer", "9223372036854775807"),
    ("10000000000000000000", "real", "1.0e+19"),
    ("1.0", "real", "1.0"),
    ("1e3", "real", "1000.0"),
    ("true", "integer", "1"),
    ("false", "integer", "0"),
    ("null", "null", "NULL"),
    ('"x\'0aFF\'"', "blob", "X'0AFF'"),
    ('" X\'\' "', "blob", "X''"),
    ('"x\'4\'"', "text", "'x''4'''"),
    ('"x\'zz\'"', "text", "'x''zz'''"),
    ('"text"', "text", "'text'"),
    ('"\\u00e9\\ud83d\\ude00"', "text", "'é😀'"),
    ("[1,2,255]", "blob", "X'0102FF'"),
    ("[]", "blob", "X''"),
    ("-9223372036854775808", "integer", "-9223372036854775808"),
    ("-20000000000000000000", "real", "-2.0e+19"),
    ("1e-400", "real", "0.0"),
    ('"\\tX\'00\'\\n"', "blob", "X'00'"),
    ('"x\'0\'"', "text", "'x''0'''"),
    ('"x\'00"', "text", "'x''00'"),
    ('""', "text", "''"),
]


@pytest.mark.parametrize("json, storage, quoted", VALUES)
def test_a_json_value_is_stored_as(client, json, storage, quoted):
    client.must("CREATE TABLE t(v)")
    client.execute('[["INSERT INTO t VALUES(?)", ' + json + "]]")
    assert client.rows("SELECT typeof(v), quote(v) FROM t") == [[storage, quoted]]


# What it is bound to.

def test_named_parameters_bind_with_every_prefix(client):
    client.must("CREATE TABLE t(a, b, c)",
                ["INSERT INTO t VALUES(:x, @y, $z)", {"x": 1, "y": 2, "z": 3, "unused": 4}])
    assert client.rows("SELECT * FROM t") == [[1, 2, 3]]


def test_named_and_positional_parameters_mix(client):
    client.must("CREATE TABLE t(a, b)", ["INSERT INTO t VALUES(?, :b)", 1, {"b": 2}])
    assert client.rows("SELECT * FROM t") == [[1, 2]]


def test_the_last_value_of_a_repeated_name_counts(client):
    client.must("CREATE TABLE t(a)")
    client.execute('[["INSERT INTO t VALUES(:a)", {"a": 1, "a": 2}]]')
    assert client.column("SELECT a FROM t") == [2]


def test_surplus_positional_parameters_are_ignored(client):
    client.must("CREATE TABLE t(a)", ["INSERT INTO t VALUES(?)", 1, 2, 3])
    assert client.column("SELECT a FROM t") == [1]


# By the number of its parameter, whatever that is called.
@pytest.mark.parametrize("sql, values, row", [
    ("SELECT ?, ?2, ?1", [1, 2], [1, 2, 1]),
    ("SELECT ?2, ?", [1, 2, 3], [2, 3]),
    ("SELECT :a, @b, $c, ?", [1, 2, 3, 4], [1, 2, 3, 4]),
    ("SELECT :a, :b, :a", [1, 2], [1, 2, 1]),
    ("SELECT :a, @a, $a", [{"a": 1, "b": 2, "c": 3}], [1, 1, 1]),
    ("SELECT :a, :b", [{"a": 1, "z": 2}], [1, None]),
    ("SELECT :a, :A", [{"a": 1, "A": 2}], [1, 2]),
    ("SELECT ?, :b", [1, {"b": 2}], [1, 2]),
    ("SELECT ?, :b, ?", [1, {"b": 2}, 3], [1, 2, 3]),
    ("SELECT ?, ?", [1, {"": 2}], [1, 2]),
    ("SELECT :é", [{"é": 1}], [1]),
])
def test_parameters_are_bound_to(shared, sql, values, row):
    for send in (shared.client.query, shared.client.request):
        assert send([[sql, *values]]).results[0].get("values") == [row]


@pytest.mark.parametrize("sql, values, want, got", [
    ("SELECT ?, ?", [], 2, 0),
    ("SELECT ?, ?", [1], 2, 1),
    ("SELECT ?5", [1, 2], 5, 2),
    ("SELECT :a, @a", [{"a": 1}], 2, 1),
    ("SELECT :a, :a, :b", [1], 2, 1),
])
@pytest.mark.parametrize("endpoint", ["query", "request", "execute"])
def test_too_few_values_are_an_error(shared, endpoint, sql, values, want, got):
    reply = getattr(shared.client, endpoint)([[sql, *values], "SELECT 1"])
    assert reply.results[0] == {"error": SHORT.format(want, got)}
    assert "error" not in reply.results[1]


def test_too_few_values_write_nothing(client):
    client.must("CREATE TABLE t(a, b)")
    for values in ([], [1]):
        for send in (client.execute, client.request):
            assert send([["INSERT INTO t VALUES(?, ?)", *values]]).results == [
                {"error": SHORT.format(2, len(values))}]
    assert client.value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize("name", [":n", "_n", "1n", "$n", " n"])
@pytest.mark.parametrize("sql", ["SELECT :n", "SELECT 1"])
def test_a_name_has_to_begin_with_a_letter(shared, sql, name):
    for send in (shared.client.query, shared.client.request, shared.client.execute):
        assert send([[sql, {name: 1}]]).results == [
            {"error": f'name "{name}" does not begin with a letter'}]


# Each statement of a text takes as many values as it has parameters. A query binds all of them,
# and runs the last.
@pytest.mark.parametrize("sql, values, row", [
    ("SELECT ?; SELECT ?", [1, 2], [2]),
    ("SELECT ?, ?; SELECT ?, ?", [1, 2, 3, 4], [3, 4]),
    ("SELECT 1; SELECT ?", [2], [2]),
    ("SELECT ?; SELECT ?; SELECT ?", [1, 2, 3, 4], [3]),
    ("SELECT :a; SELECT :a", [{"a": 1}, 2], [1]),
    ("SELECT :a; SELECT :a", [{"a": 1}, {"b": 2}], [1]),
    ("SELECT ?; SELECT :a, ?", [{"a": 1}, {"b": 2}, 3], [1, 3]),
])
def test_each_statement_of_a_query_consumes_its_own(shared, sql, values, row):
    for send in (shared.client.query, shared.client.request):
        for body in ([[sql, *values]], [[sql, *values], "PRAGMA user_version=0"]):
            assert send(body).results[0].get("values") == [row]


def test_names_are_seen_by_every_statement_of_a_text(client):
    client.must("CREATE TABLE t(a, b)", ["INSERT INTO t VALUES(:a, 1); INSERT INTO t VALUES(:a, ?)",
                                         {"a": "x"}, {"b": 2}, 3])
    assert client.rows("SELECT * FROM t") == [["x", 1], ["x", 3]]


def test_of_a_shortage_in_a_text_a_write_tells_all_and_a_query_what_is_left(client):
    client.must(BAYS)
    assert client.query([["SELECT ?; SELECT ?", 1]]).results == [{"error": SHORT.format(1, 0)}]
    assert client.query([["SELECT ?; SELECT :a, ?", 1, {"a": 2}]]).results == [
        {"error": SHORT.format(2, 1)}]
    insert = "INSERT INTO bays(tag) VALUES(?); INSERT INTO bays(tag) VALUES(?)"
    for send in (client.execute, client.request):
        assert send([[insert, "x"]]).results == [{"error": SHORT.format(1, 1)}]
    # What came before was applied.
    assert client.column("SELECT tag FROM bays") == ["x", "x"]


def test_values_are_those_of_one_run(client):
    """A statement that is prepared already remembers nothing of what it was run with before."""
    client.must("CREATE TABLE t(a, b)")
    insert = "INSERT INTO t VALUES(:a, :b)"
    client.must([insert, {"a": 1, "b": 2}], [insert, {"a": 3, "z": 4}], [insert, {"z": 5, "y": 6}])
    assert client.rows("SELECT * FROM t") == [[1, 2], [3, None], [None, None]]


def test_a_parameter_that_is_now_is_the_time_of_the_entry(client):
    client.must("CREATE TABLE t(a, b)",
                ["INSERT INTO t VALUES(datetime(?, ?), datetime())", "now", "+0 days"])
    assert client.value("SELECT a = b FROM t") == 1


def test_as_many_parameters_as_sqlite_knows(client):
    client.must("CREATE TABLE t(n)")
    rows = ",".join(["(?)"] * 32766)
    assert client.execute([[f"INSERT INTO t VALUES{rows}", *range(32766)]]).results == [
        {"last_insert_id": 32766, "rows_affected": 32766}]
    assert client.execute([[f"INSERT INTO t VALUES{rows},(?)", *range(32767)]]).results == [
        {"error": "too many SQL variables"}]
    for send in (client.execute, client.query, client.request):
        assert send(["SELECT ?32767"]).results == [
            {"error": "variable number must be between ?1 and ?32766"}]
