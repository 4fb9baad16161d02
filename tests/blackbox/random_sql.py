"""Random SQL that is fond of what is easily done wrong between a database and its clients."""

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
FUNCTIONS = [("abs", 1), ("length", 1), ("typeof", 1), ("upper", 1), ("lower", 1), ("hex", 1),
             ("quote", 1), ("round", 2), ("coalesce", 2), ("ifnull", 2), ("nullif", 2), ("instr", 2),
             ("substr", 2), ("substr", 3), ("replace", 3), ("trim", 1), ("min", 2), ("max", 2),
             ("unicode", 1), ("char", 2), ("printf", 2), ("json_extract", 2), ("json_array", 2),
             ("json_type", 1), ("json_quote", 1), ("date", 1), ("datetime", 1), ("julianday", 1),
             ("strftime", 2), ("sign", 1), ("iif", 3), ("like", 2), ("glob", 2), ("zeroblob", 1)]
AGGREGATES = ["count(*)", "count({})", "sum({})", "avg({})", "min({})", "max({})", "total({})",
              "group_concat({})", "count(DISTINCT {})", "json_group_array({})"]
CONFLICTS = ["", "", "", "OR IGNORE ", "OR REPLACE ", "OR ABORT ", "OR FAIL ", "OR ROLLBACK "]


class RandomSql:
    def __init__(self, random):
        self.random = random
        self.values = []  # of the parameters of the statement that is being made

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return self.random.choice(items)

    def statement(self, endpoint):
        """A text, and the values of its parameters."""
        self.values = []
        kind = self.random.random()
        reads = {"query": 0.93, "request": 0.5, "execute": 0.05}[endpoint]
        sql = self.select() if kind < reads else self.change()
        if self.values and self.chance(0.01):
            self.values.pop()
        return sql, self.values

    # Values.

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
        if self.chance(0.01):
            return self.pick(["9e999", "-9e999", "CAST(x'ff41c3' AS TEXT)"])
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
        if kind < 0.72:
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
        if kind < 0.78:
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

    # Reads.

    def source(self):
        """A FROM clause, and what it brings into scope."""
        table, columns = self.pick(list(READABLE.items()))
        kind = self.random.random()
        if kind < 0.55:
            return table, [("", columns)]
        if kind < 0.85:
            other, more = self.pick(list(READABLE.items()))
            join = self.pick(["JOIN", "LEFT JOIN", "CROSS JOIN"])
            on = "" if join == "CROSS JOIN" else (
                f" ON p.{self.pick(columns)} = q.{self.pick(more)}")
            return f"{table} AS p {join} {other} AS q{on}", [("p", columns), ("q", more)]
        inner = f"SELECT {columns[0]} AS m, {columns[-1]} FROM {table}"
        return f"({inner}) AS sub", [("sub", ["m", columns[-1]])]

    def select(self):
        kind = self.random.random()
        if kind < 0.06:
            return f"SELECT {', '.join(self.expression([]) for _ in range(3))}"
        if kind < 0.10:
            return (f"WITH RECURSIVE c(n, v) AS (SELECT 1, {self.constant()} UNION ALL SELECT n + 1, "
                    f"{self.expression([('', ['n', 'v'])])} FROM c LIMIT 8) SELECT * FROM c")
        if kind < 0.14:
            one, other = (f"SELECT {self.expression([])} AS k" for _ in range(2))
            return f"{one} {self.pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} {other}"
        if kind < 0.17:
            return f"VALUES ({self.constant()}, {self.constant()}), ({self.constant()}, 1)"
        if kind < 0.19:
            return self.pick(["SELECT * FROM ghosts", "SELECT ghost FROM a", "SELEC 1", "SELECT (",
                              "SELECT nothing(1)", "SELECT abs()", "SELECT count(*) FROM a WHERE",
                              "SELECT abs(-9223372036854775808)", "SELECT json('{')"])
        source, scope = self.source()
        where = f" WHERE {self.expression(scope)}" if self.chance(0.4) else ""
        if kind < 0.32:
            column = self.column(scope)
            totals = ", ".join(self.pick(AGGREGATES).format(self.expression(scope, 1))
                               for _ in range(2))
            having = " HAVING count(*) > 1" if self.chance(0.3) else ""
            return (f"SELECT {column}, {totals} FROM {source}{where} GROUP BY {column}{having} "
                    f"ORDER BY 1, 2 LIMIT 30")
        if kind < 0.37:
            column = self.column(scope)
            return (f"SELECT {column}, row_number() OVER (ORDER BY {column}), sum({column}) OVER "
                    f"(ORDER BY {column} ROWS 2 PRECEDING) FROM {source}{where} LIMIT 30")
        what = "*" if self.chance(0.3) else ", ".join(
            self.column(scope) if self.chance(0.6) else
            self.expression(scope) + (f" AS {self.pick(['k', 'v', 'Day'])}" if self.chance(0.4) else "")
            for _ in range(self.random.randrange(1, 5)))
        order = f" ORDER BY {self.column(scope)}" if self.chance(0.5) else ""
        return f"SELECT {self.pick(['', '', 'DISTINCT '])}{what} FROM {source}{where}{order} LIMIT 40"

    # Changes.

    def change(self):
        table, columns = self.pick(list(TABLES.items()))
        scope = [("", columns)]
        returning = self.chance(0.25)
        kind = self.random.random()
        if kind < 0.45:
            some = self.random.sample(columns, self.random.randrange(1, len(columns) + 1))
            rows = ", ".join(f"({', '.join(self.constant() for _ in some)})"
                             for _ in range(self.pick([1, 1, 1, 3])))
            sql = f"INSERT {self.pick(CONFLICTS)}INTO {table}({', '.join(some)}) VALUES {rows}"
        elif kind < 0.53:
            source, inner = self.source()
            sql = (f"INSERT {self.pick(CONFLICTS)}INTO {table}({columns[-1]}, {columns[0]}) "
                   f"SELECT {self.expression(inner)}, {self.expression(inner)} FROM {source} LIMIT 4")
        elif kind < 0.60:
            sql = (f"INSERT INTO u(k, n) VALUES({self.constant()}, {self.random.randrange(95)}) "
                   f"ON CONFLICT(k) DO {self.pick(['NOTHING', 'UPDATE SET n = n + 1, w = excluded.k'])}")
            columns, scope = TABLES["u"], [("", TABLES["u"])]
        elif kind < 0.78:
            sql = (f"UPDATE {self.pick(CONFLICTS)}{table} SET {self.pick(columns)} = "
                   f"{self.expression(scope)} WHERE {self.expression(scope)}")
        elif kind < 0.88:
            sql = f"DELETE FROM {table} WHERE {self.column(scope)} = {self.constant()}"
        else:
            return self.odd()
        if returning:
            sql += f" RETURNING {self.pick(['*', columns[0], self.expression(scope, 1)])}"
        return sql

    def odd(self):
        n = self.random.randrange(3)
        return self.pick([
            f"CREATE TABLE x{n}(p INTEGER PRIMARY KEY, q DATE)", f"DROP TABLE x{n}",
            f"CREATE TABLE IF NOT EXISTS x{n}(p, q)", f"DROP TABLE IF EXISTS x{n}",
            f"INSERT INTO x{n} VALUES(NULL, '2020-01-01') RETURNING *", f"SELECT * FROM x{n}",
            f"ALTER TABLE x{n} ADD COLUMN more BOOLEAN DEFAULT 1",
            f"CREATE INDEX xi{n} ON x{n}(q)", "INSERT INTO ghosts VALUES(1)", "nonsense",
            "INSERT INTO log VALUES(changes(), total_changes(), last_insert_rowid())",
            f"INSERT INTO va(id, name) VALUES({self.random.randrange(50)}, 'by view')",
            f"INSERT INTO words VALUES({self.literal(self.pick(TEXTS))})",
            "INSERT INTO a DEFAULT VALUES", "UPDATE u SET g = 1", "DELETE FROM va",
            "INSERT INTO s(i) VALUES('text')", "REPLACE INTO w VALUES(1, 'one', 1.5)"])
