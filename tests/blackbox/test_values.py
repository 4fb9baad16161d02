"""How columns are typed and values are sent, where the type of the column decides."""

import pytest

from tables import make_crew


def shown(reply):
    """The values of the only row, as they are sent."""
    return reply.text.split('"values":[[')[1].removesuffix("]]}]}")


# Types.

@pytest.mark.parametrize("sql, types", [
    ("SELECT id, name FROM crew WHERE 0", ["integer", "text"]),
    ("SELECT count(*), sum(name) FROM crew", ["integer", "real"]),
    ("SELECT NULL AS e UNION ALL SELECT 5", [""]),
    ("SELECT 1, 1.5, 'a', x'41', NULL", ["integer", "real", "text", "text", ""]),
    ("SELECT rootpage FROM sqlite_master", ["int"]),
    ("SELECT c, c+1 FROM v WHERE 0", ["int", ""]),
    ("SELECT s FROM v", ["varchar(255)"]),
    ("SELECT (SELECT s FROM v)", ["varchar(255)"]),
    ("WITH w AS (SELECT s FROM v) SELECT * FROM w", ["varchar(255)"]),
    ("SELECT s FROM v UNION SELECT 1", ["varchar(255)"]),
    ("SELECT s FROM (SELECT * FROM v) AS sub", ["varchar(255)"]),
    ("SELECT CAST(c AS TEXT), +c, max(c) FROM base", ["text", "integer", "integer"]),
    ('SELECT b, o, n FROM kinds', ["unsigned big int", "my type", "integer"]),
    ("SELECT n FROM kinds WHERE 0", [""]),
    ("SELECT 1 AS v UNION ALL SELECT 'a' UNION ALL SELECT 1.5", ["integer"]),
    ("PRAGMA user_version", ["integer"]),
    ("EXPLAIN QUERY PLAN SELECT 1", ["integer", "integer", "integer", "text"]),
])
def test_types_are_declared_or_those_of_the_first_row(client, sql, types):
    make_crew(client, "1.5")
    client.must("CREATE TABLE base(c INT, s VARCHAR(255))", "INSERT INTO base VALUES(1, 'a')",
                "CREATE VIEW v AS SELECT * FROM base",
                'CREATE TABLE kinds(b UNSIGNED BIG INT, o "My Type", n)',
                "INSERT INTO kinds VALUES(1, 2, 3)")
    assert client.query([sql]).results[0]["types"] == types
    assert client.query([sql], level="strong").results[0]["types"] == types
    assert client.request([sql, "PRAGMA user_version=0"]).results[0]["types"] == types


@pytest.mark.parametrize("sql", ["BEGIN", "PRAGMA cache_size=9", "-- c", "DROP TABLE IF EXISTS nope"])
def test_what_has_no_columns_has_none_to_show(client, sql):
    assert client.query([sql]).text == '{"results":[{}]}'
    assert client.query([sql], "associative").text == '{"results":[{"rows":[]}]}'


def test_the_comment_behind_an_expression_is_part_of_its_name(client):
    assert client.query(["SELECT 1 -- c"]).text == (
        '{"results":[{"columns":["1 -- c"],"types":["integer"],"values":[[1]]}]}')


def test_columns_keep_their_order_and_duplicates(client):
    assert client.query(["SELECT 1 AS b, 2 AS a, 3 AS b"]).text == (
        '{"results":[{"columns":["b","a","b"],"types":["integer","integer","integer"],'
        '"values":[[1,2,3]]}]}')


def test_keys_of_objects_are_sorted_by_their_bytes(client):
    assert client.query(["SELECT 1 AS é, 2 AS z, 3 AS Z, 4 AS a"], "associative").text == (
        '{"results":[{"types":{"Z":"integer","a":"integer","z":"integer","é":"integer"},'
        '"rows":[{"Z":3,"a":4,"z":2,"é":1}]}]}')


# Names of tables.

@pytest.mark.parametrize("sql, columns", [
    ("SELECT * FROM base AS b", ["base.c", "base.s"]),
    ("SELECT c AS k, s FROM v", ["base.k", "base.s"]),
    ("SELECT * FROM (SELECT c FROM base) AS sub", ["base.c"]),
    ("SELECT c + 1, max(c), 'x' FROM base", ["c + 1", "max(c)", "'x'"]),
    ("SELECT (SELECT c FROM base)", ["base.(SELECT c FROM base)"]),
    ("PRAGMA user_version", ["user_version"]),
    ("SELECT 1; SELECT c FROM base", ["base.c"]),
])
def test_qualified_columns(client, sql, columns):
    client.must("CREATE TABLE base(c INT, s TEXT)", "CREATE VIEW v AS SELECT * FROM base")
    assert client.query([sql], "qualify_columns").results[0]["columns"] == columns
    assert client.request([sql], "qualify_columns").results[0]["columns"] == columns
    assert client.query([sql]).results[0]["columns"] == [
        each.removeprefix("base.") for each in columns]


# Values.

@pytest.mark.parametrize("sql, json", [
    ("678.0", "678"),
    ("0.1", "0.1"),
    ("1.0/3", "0.3333333333333333"),
    ("1e20", "100000000000000000000"),
    ("1e21", "1e+21"),
    ("2.5e22", "2.5e+22"),
    ("0.000001", "0.000001"),
    ("9.99e-7", "9.99e-7"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ("4.9406564584124654e-324", "5e-324"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775807 - 1", "-9223372036854775808"),
    ("NULL", "null"),
    ("'a\"\\/'", '"a\\"\\\\/"'),
    ("char(8, 12, 10, 13, 9, 1, 31, 127)", '"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f"'),
    ("char(8232, 8233, 233, 128512)", '"\\u2028\\u2029é😀"'),
    ("x'61ff62'", '"a\\ufffdb"'),
    ("''", '""'),
    ("x''", '""'),
    ("-0.0", "-0"),
    ("0.0", "0"),
    ("-6.0", "-6"),
    ("123456789012345680000.0", "123456789012345680000"),
    ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("9007199254740993", "9007199254740993"),
    ("'<a href=\"x\">&</a>'", '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u003c/a\\u003e"'),
    ("x'e282'", '"\\ufffd\\ufffd"'),
])
def test_a_value_is_sent_as(client, sql, json):
    assert shown(client.query([f"SELECT {sql} AS v"])) == json


@pytest.mark.parametrize("sql, what", [("SELECT 9e999", "+Inf"), ("SELECT -9e999", "-Inf")])
def test_infinity_cannot_be_sent(client, sql, what):
    reply = client.query([sql])
    assert (reply.status, reply.text) == (
        500, "json: error calling MarshalJSON for type *http.DBResults: "
             f"json: unsupported value: {what}\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    reply = client.query(["SELECT 1", "SELECT -9e999", "SELECT 9e999"])
    assert (reply.status, reply.text.split()[-1]) == (500, "-Inf")
    assert client.query(["SELECT 1"]).status == 200


NEVER = '"0001-01-01T00:00:00Z"'


@pytest.mark.parametrize("declared, value, json", [
    ("BOOLEAN", "2", "true"),
    ("BOOLEAN", "0", "false"),
    ("BOOLEAN", "-1", "false"),
    ("BOOLEAN", "1.5", "1.5"),
    ("Boolean", "'text'", '"text"'),
    ("BOOL", "1", "1"),
    ("BOOLEAN NOT NULL", "1", "true"),
    ("DATETIME", "1563653860", '"2019-07-20T20:17:40Z"'),
    ("TIMESTAMP", "1563653860123", '"2019-07-20T20:17:40.123Z"'),
    ("TIMESTAMP", "1000000000000", None),
    ("TIMESTAMP", "1000000000001", '"2001-09-09T01:46:40.001Z"'),
    ("DATE", "0", '"1970-01-01T00:00:00Z"'),
    ("DATE", "-1", '"1969-12-31T23:59:59Z"'),
    ("DATE", "-62167219200", '"0000-01-01T00:00:00Z"'),
    ("DATE", "253402300799", '"9999-12-31T23:59:59Z"'),
    ("DATE", "1.5", "1.5"),
    ("DATETIME", "NULL", "null"),
    ("DATETIME", "x'0102ff'", '"AQL/"'),
    ("DATE", "'20211022'", '"1970-08-22T22:10:22Z"'),
    ("DATETIME(6)", "'2021-10-22'", '"2021-10-22"'),
    ("TIMESTAMP WITH TIME ZONE", "'2021-10-22'", '"2021-10-22"'),
    ("INTEGER", "9223372036854775807", "9223372036854775807"),
    ("TEXT", "1", '"1"'),
    ("BLOB", "x'0102ff'", '"AQL/"'),
    ("BLOB", "'AQL/'", '"AQL/"'),
    ("BLOB", "x''", '""'),
    ("JSONB", "x'0102ff'", '"AQL/"'),
    ("CHARACTER(10)", "x'0102ff'", '"AQL/"'),
    ("BOOLEAN", "x'0102ff'", '"AQL/"'),
    ("TEXT", "x'6f6b'", '"ok"'),
    ("JSON", "x'6f6b'", '"ok"'),
    ("", "x'6f6b'", '"ok"'),
    ("VARCHAR(9)", "x'6f6b'", '"ok"'),
    ("VARYING CHARACTER(9)", "x'6f6b'", '"ok"'),
    ("NCHAR(9)", "x'6f6b'", '"ok"'),
    ("NATIVE CHARACTER(9)", "x'6f6b'", '"ok"'),
    ("NVARCHAR(9)", "x'6f6b'", '"ok"'),
    ("CLOB", "x'6f6b'", '"ok"'),
    ("Text", "x'ff6b'", '"\\ufffdk"'),
])
def test_a_declared_type_decides_how_a_value_is_sent(shared, declared, value, json):
    client = shared.client
    client.must("DROP TABLE IF EXISTS t", f"CREATE TABLE t(v {declared})",
                f"INSERT INTO t VALUES({value})")
    if json is None:  # a thousand thousand million is the last one that counts in seconds
        assert client.query(["SELECT v FROM t"]).results == [
            {"error": "Time.MarshalText: year outside of range [0,9999]"}]
    else:
        assert shown(client.query(["SELECT v FROM t"])) == json
        assert shown(client.execute(["UPDATE t SET v = v RETURNING v"])) == json


@pytest.mark.parametrize("text, json", [
    ("2004-02-14", '"2004-02-14T00:00:00Z"'),
    ("2004-02-14Z", '"2004-02-14T00:00:00Z"'),
    ("2021-10-22 19:39", '"2021-10-22T19:39:00Z"'),
    ("2021-10-22T19:39", '"2021-10-22T19:39:00Z"'),
    ("2021-10-22T19:39Z", '"2021-10-22T19:39:00Z"'),
    ("2021-10-22 19:39:32", '"2021-10-22T19:39:32Z"'),
    ("2021-10-22 19:39:32.016087", '"2021-10-22T19:39:32.016087Z"'),
    ("2021-10-22T19:39:32.016087Z", '"2021-10-22T19:39:32.016087Z"'),
    ("2021-10-22T19:39:32.1200", '"2021-10-22T19:39:32.12Z"'),
    ("2021-10-22T19:39:32.1234567899", '"2021-10-22T19:39:32.123456789Z"'),
    ("2021-10-22T19:39:32+05:30", '"2021-10-22T19:39:32+05:30"'),
    ("2021-10-22 19:39:32.5-01:00", '"2021-10-22T19:39:32.5-01:00"'),
    ("2021-10-22T19:39:32+00:00", '"2021-10-22T19:39:32Z"'),
    ("2021-10-22T19:39:32-00:00", '"2021-10-22T19:39:32Z"'),
    ("2021-10-22 7:05:09", '"2021-10-22T07:05:09Z"'),
    ("2021-10-22T7:05", '"2021-10-22T07:05:00Z"'),
    ("2021-10-22  19:39:32,5", '"2021-10-22T19:39:32.5Z"'),
    ("2020-02-29", '"2020-02-29T00:00:00Z"'),
    ("0000-01-01", '"0000-01-01T00:00:00Z"'),
    ("9999-12-31 23:59:59", '"9999-12-31T23:59:59Z"'),
    *((text, NEVER) for text in (
        "nonsense", "", "19:39:32", "2021-02-30", "2021-13-01", "2021-10-00", "2021-02-29",
        "2021-10-22 24:00:00", "2021-10-22 19:60", "2021-10-22 19:39:60", "2021-10-22T19:39+01:00",
        "2021-10-22T19:39:32+0000", "2021-10-22T19:39:32ZZ", "2021-10-22t19:39:32",
        "2021-10-22T19:39:32z", " 2021-10-22", "2021-10-22 ", "10000-01-01", "2021-1-02",
        "2021-10-22T19:39:32.", "2021-10-22 19", "2021-10-22x")),
])
def test_a_text_in_a_date_column_is_sent_as(shared, text, json):
    client = shared.client
    for declared in ("DATE", "datetime", "TimeStamp"):
        client.must("DROP TABLE IF EXISTS t", f"CREATE TABLE t(v {declared})",
                    ["INSERT INTO t VALUES(?)", text])
        assert shown(client.query(["SELECT v FROM t"])) == json
        # An expression has no declared type.
        assert client.rows("SELECT max(v) FROM t") == [[text]]


def test_an_offset_of_a_day_fails_its_statement(client):
    client.must("CREATE TABLE t(d DATE)", "INSERT INTO t VALUES('2021-10-22T19:39:32+24:00')")
    assert client.query(["SELECT d FROM t"], "associative").results == [
        {"rows": [], "error": "Time.MarshalText: timezone hour outside of range [0,23]"}]


def test_blobs_as_arrays_where_they_are_blobs(client):
    client.must("CREATE TABLE t(b BLOB, t TEXT, n)", "INSERT INTO t VALUES(x'00ff', x'6f6b', x'6f6b')",
                "INSERT INTO t VALUES(x'', 'ok', 1)", "INSERT INTO t VALUES('text', NULL, x'01')")
    assert client.query(["SELECT * FROM t"], "blob_array").results[0]["values"] == [
        [[0, 255], "ok", "ok"], [[], "ok", 1], ["text", None, "\x01"]]


def test_behind_another_first_row_a_blob_is_a_blob(client):
    """The first row decides what a column without a type is, and nothing is changed by later ones."""
    client.must("CREATE TABLE t(n)", "INSERT INTO t VALUES(1), (x'6f6b'), ('text')")
    assert client.query(["SELECT n FROM t"]).results[0] == {
        "columns": ["n"], "types": ["integer"], "values": [[1], ["b2s="], ["text"]]}
    assert client.query(["SELECT n FROM t"], "blob_array").results[0]["values"] == [
        [1], [[111, 107]], ["text"]]
    assert client.query(["SELECT NULL AS n UNION ALL SELECT x'6f6b'"]).results[0] == {
        "columns": ["n"], "types": [""], "values": [[None], ["ok"]]}


def test_a_year_that_cannot_be_printed_fails_its_statement(client):
    client.must("CREATE TABLE t(d DATETIME)", "INSERT INTO t VALUES(999999999999)")
    assert client.query(["SELECT d FROM t", "SELECT 1 AS one"]).results == [
        {"error": "Time.MarshalText: year outside of range [0,9999]"},
        {"columns": ["one"], "types": ["integer"], "values": [[1]]}]
