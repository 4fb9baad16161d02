"""Random expressions, and the tables they are about: fond of what is easily done wrong between a
database and its clients."""

SCHEMA = [
    # Behind the largest rowid, SQLite takes random ones.
    "CREATE TABLE a(id INTEGER PRIMARY KEY CHECK(id < 1000000000000000), i INTEGER, t TEXT, "
    "r REAL, b BLOB, n NUMERIC)",
    'CREATE TABLE d(id INTEGER PRIMARY KEY AUTOINCREMENT CHECK(id < 1000000000000000), day DATE, '
    'at DATETIME, ts TIMESTAMP, ok BOOLEAN, v VARCHAR(20), j JSON, x, big BIGINT, f DOUBLE, '
    'c CLOB, o "My Type")',
    "CREATE TABLE u(k TEXT COLLATE NOCASE UNIQUE NOT NULL, n INT CHECK(n < 90), "
    "g GENERATED ALWAYS AS (n * 2) STORED, w TEXT DEFAULT 'none <&>')",
    "CREATE TABLE w(a INT, b TEXT, c, PRIMARY KEY(a, b)) WITHOUT ROWID",
    "CREATE TABLE s(i INTEGER, t TEXT, b BLOB, r REAL, y ANY) STRICT",
    "CREATE TABLE log(what, c, r)",
    "CREATE TABLE parent(p INTEGER PRIMARY KEY CHECK(p < 1000), name TEXT)",
    "CREATE TABLE child(c, now INT REFERENCES parent(p) ON UPDATE CASCADE, "
    "later INT REFERENCES parent(p) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE INDEX a_t ON a(t COLLATE NOCASE, i DESC)",
    "CREATE INDEX d_day ON d(day) WHERE ok",
    "CREATE VIEW va AS SELECT a.id, a.t AS name, d.day, d.ok, a.r * 2 AS twice FROM a "
    "LEFT JOIN d ON d.id = a.id",
    "CREATE TRIGGER tu AFTER INSERT ON u BEGIN INSERT INTO log VALUES(new.k, changes(), "
    "last_insert_rowid()); END",
    "CREATE TRIGGER iv INSTEAD OF INSERT ON va BEGIN INSERT INTO a(id, t) VALUES(new.id, new.name); "
    "END",
    "CREATE VIRTUAL TABLE words USING fts5(w)",
]
TABLES = {
    "a": ["id", "i", "t", "r", "b", "n"],
    "d": ["id", "day", "at", "ts", "ok", "v", "j", "x", "big", "f", "c", "o"],
    "u": ["k", "n", "w"],
    "w": ["a", "b", "c"],
    "s": ["i", "t", "b", "r", "y"],
    "log": ["what", "c", "r"],
    "parent": ["p", "name"],
    "child": ["c", "now", "later"],
}
READABLE = {**TABLES, "u": ["k", "n", "g", "w"], "va": ["id", "name", "day", "ok", "twice"],
            "words": ["w"]}
INTEGERS = [0, 1, -1, 2, 7, 42, 89, 90, 255, 2**31, 2**53 + 1, 10**12, 10**12 + 1, -10**12 - 1,
            1634931572016, 253402300799, 253402300800, 2**63 - 1, -2**63, -2**63 + 1]
REALS = [0.0, -0.0, 0.1, 0.5, -2.5, 1 / 3, 6.0, 1e-6, 9.99e-7, 1e20, 1e21, 2.5e22, 1e15, 123456.789,
         5e-324, 1.7976931348623157e308, float(2**53 + 2), -1e-7]
TEXTS = ["", "a", "A", "abc", "ABC", "Straße", "<b>&</b>", 'say "hi"', "back\\slash", "line\nbreak",
         "tab\tbell\x07del\x7f", "\u2028\u2029", "😀", "ünïcode", "12", "3.5", "1e3", " 7 ", "-0",
         "2004-02-14", "2021-10-22 19:39", "2021-10-22T19:39:32.016087", "2021-10-22 7:05:09Z",
         "2021-10-22  19:39:32,5", "2021-10-22T19:39:32+05:30", "2021-10-22T19:39:32-00:00",
         "2021-10-22 19:39:32.1234567891", "2021-02-29", "0000-02-29", "2021-10-22T24:00:00",
         "10000-01-01", "2021-10-22T19:39:32+24:00", "2021-10-22T19:39+01:00", "12:30", "[1,2]",
         '{"a":{"b":[1,null,"<"]}}', "x'zz'", "x'4'", "%a_", "null", "true"]
BLOBS = [b"", b"\0", b"ok", b"\x00\xff", b"\xe2\x82\xac", b"\xe2\x82", b"a\xc0\x80b", bytes(range(7))]
BINARY = ["+", "-", "*", "/", "%", "||", "<", "<=", "=", "<>", "IS", "IS NOT", "AND", "OR", "&", "|",
          "<<", ">>", "IS NOT DISTINCT FROM"]
UNARY = ["-", "+", "~", "NOT "]
CASTS = ["INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "DATE"]
DATES = ["2004-02-29", "2021-10-22 19:39:32.125", "1969-12-31T23:59:59", "0000-01-01", "12:30:45",
         "9999-12-31", "2021-10-22T19:39:32+05:30", "2021-13-01", "-4713-11-24 12:00"]
MODIFIERS = ["+1 month", "-400 days", "+1.5 hours", "start of month", "start of year", "weekday 0",
             "unixepoch", "auto", "julianday", "utc", "localtime", "nonsense", "+10000 years"]
DATE_FORMATS = ["%Y-%m-%d %H:%M:%f", "%j %w %W", "%s|%J", "%%", "%Q"]
DATE_FUNCTIONS = ["date", "time", "datetime", "julianday", "unixepoch"]
DOCUMENTS = ['{"a":{"b":[1,null,"<"]},"c":1.5}', "[]", "[1,[2,3],{\"k\":true}]", '"text"', "7", "null",
             '{"a":1,"a":2}', "{", "[1,]", '{"\\u00e9":"\\ud83d\\ude00"}', "[1e400,-0,1E2]"]
PATHS = ["$", "$.a", "$.a.b[1]", "$[0]", "$[#-1]", "$.c", "$.nothing", "a", "$.", "$[1][1]"]
FUNCTIONS = [("abs", 1), ("length", 1), ("typeof", 1), ("upper", 1), ("lower", 1), ("hex", 1),
             ("quote", 1), ("round", 2), ("coalesce", 2), ("ifnull", 2), ("nullif", 2), ("instr", 2),
             ("substr", 2), ("substr", 3), ("replace", 3), ("trim", 1), ("min", 2), ("max", 2),
             ("unicode", 1), ("char", 2), ("printf", 2), ("json_extract", 2), ("json_array", 2),
             ("json_type", 1), ("json_quote", 1), ("date", 1), ("datetime", 1), ("julianday", 1),
             ("strftime", 2), ("sign", 1), ("iif", 3), ("like", 2), ("glob", 2), ("zeroblob", 1),
             ("ltrim", 2), ("rtrim", 2), ("total_changes", 0), ("changes", 0), ("last_insert_rowid", 0),
             ("json_valid", 1), ("json_array_length", 1), ("json_object", 2), ("json_patch", 2),
             ("unlikely", 1), ("max", 3), ("round", 1)]
AGGREGATES = ["count(*)", "count({})", "sum({})", "avg({})", "min({})", "max({})", "total({})",
              "group_concat({})", "count(DISTINCT {})", "json_group_array({})"]


class RandomExpressions:
    def __init__(self, random):
        self.random = random
        self.values = []  # of the parameters of the statement that is being made

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return self.random.choice(items)

    def value(self):
        pool = self.pick([INTEGERS, INTEGERS, REALS, TEXTS, TEXTS, BLOBS, [None]])
        if pool is INTEGERS and self.chance(0.5):
            return self.random.randrange(100)
        return self.pick(pool)

    def literal(self, value=None):
        value = self.value() if value is None else value
        if value is None:
            return "NULL"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        if isinstance(value, bytes):
            return f"x'{value.hex()}'"
        if value == -2**63:
            return "-9223372036854775808"
        return repr(value) if not str(value).startswith("-") else f"({value!r})"

    def constant(self):
        if self.chance(0.3):
            self.values.append(self.value())
            return "?"
        if self.chance(0.015):
            return self.pick(["9e999", "-9e999", "CAST(x'ff41c3' AS TEXT)", "(9e999 - 9e999)",
                              "(0.0 * 9e999)", "char(0, 97)", "1e-400", "0x7fffffffffffffff",
                              "12345678901234567890", "0.1e-5", "zeroblob(3)"])
        return self.literal()

    def column(self, scope):
        alias, columns = self.pick(scope)
        return f"{alias}.{self.pick(columns)}" if alias else self.pick(columns)

    def expression(self, scope, depth=2):
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            return self.column(scope) if scope and self.chance(0.7) else self.constant()
        deeper = lambda: self.expression(scope, depth - 1)
        if kind < 0.45:
            return f"({deeper()} {self.pick(BINARY)} {deeper()})"
        if kind < 0.52:
            return f"({self.pick(UNARY)}{deeper()})"
        if kind < 0.56:
            return self.date(deeper)
        if kind < 0.61:
            return self.json(deeper)
        if kind < 0.74:
            name, count = self.pick(FUNCTIONS)
            if name == "zeroblob":
                return f"zeroblob({self.random.randrange(5)})"
            if name == "printf":
                return f"printf('%s|%08.3f', {deeper()}, {deeper()})"
            if name == "strftime":
                return f"strftime('%Y-%m-%dT%H:%M', {deeper()})"
            if name == "json_extract":
                return f"json_extract('{{\"a\":[1,\"<\",null]}}', '$.a[{self.random.randrange(4)}]')"
            return f"{name}({', '.join(deeper() for _ in range(count))})"
        if kind < 0.79:
            return f"CASE WHEN {deeper()} THEN {deeper()} ELSE {deeper()} END"
        if kind < 0.84:
            return f"CAST({deeper()} AS {self.pick(CASTS)})"
        if kind < 0.88:
            return f"({deeper()} {self.pick(['', 'NOT '])}IN ({deeper()}, {deeper()}))"
        if kind < 0.91:
            return f"({deeper()} BETWEEN {deeper()} AND {deeper()})"
        if kind < 0.94:
            return f"({deeper()} LIKE {self.literal(self.pick(TEXTS))})"
        if kind < 0.97:
            return f"({deeper()} COLLATE {self.pick(['NOCASE', 'BINARY', 'RTRIM'])})"
        table, columns = self.pick(list(READABLE.items()))
        return f"(SELECT {self.pick(columns)} FROM {table} ORDER BY 1 LIMIT 1)"

    def date(self, deeper):
        what = self.literal(self.pick(DATES)) if self.chance(0.6) else deeper()
        modifiers = "".join(f", {self.literal(self.pick(MODIFIERS))}"
                            for _ in range(self.pick([0, 1, 1, 2])))
        if self.chance(0.3):
            return f"strftime({self.literal(self.pick(DATE_FORMATS))}, {what}{modifiers})"
        return f"{self.pick(DATE_FUNCTIONS)}({what}{modifiers})"

    def json(self, deeper):
        document = self.literal(self.pick(DOCUMENTS)) if self.chance(0.8) else deeper()
        path = self.literal(self.pick(PATHS))
        return self.pick([
            f"json_extract({document}, {path})", f"json_type({document}, {path})",
            f"({document} -> {path})", f"({document} ->> {path})", f"json({document})",
            f"json_set({document}, {path}, {deeper()})", f"json_remove({document}, {path})",
            f"json_insert({document}, {path}, json_array({deeper()}, 1))",
            f"json_replace({document}, {path}, json_object('k', {deeper()}))",
            f"json_patch({document}, {self.literal(self.pick(DOCUMENTS))})",
            f"json_array_length({document}, {path})", f"json_valid({document})",
            f"(SELECT group_concat(key || ':' || type || ':' || ifnull(atom, '-')) "
            f"FROM json_tree({document}))"])
