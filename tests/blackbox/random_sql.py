"""Random SQL that is fond of what is easily done wrong between a database and its clients."""

import re

from random_expressions import (AGGREGATES, DOCUMENTS, READABLE, SCHEMA, TABLES, TEXTS,
                                RandomExpressions)

__all__ = ["SCHEMA", "TABLES", "RandomSql"]

CONFLICTS = ["", "", "", "OR IGNORE ", "OR REPLACE ", "OR ABORT ", "OR FAIL ", "OR ROLLBACK "]
ONLY_WINDOW = ("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead",
               "first_value", "last_value", "nth_value")
WINDOW_FUNCTIONS = ["row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)",
                    "lag({})", "lead({}, 2, 'none')", "first_value({})", "last_value({})",
                    "nth_value({}, 2)", "sum({})", "count({})", "max({})", "group_concat({})",
                    "json_group_array({})", "avg({})", "total({})"]
FRAMES = ["", "", "ROWS 2 PRECEDING", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
          "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING",
          "GROUPS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES",
          "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW"]
CONTROL = ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "SAVEPOINT s", "RELEASE s",
           "ROLLBACK TO s", "SAVEPOINT other"]


class RandomSql(RandomExpressions):
    def statement(self, endpoint):
        """A text, and the values of its parameters: a list, or a dictionary with their names."""
        self.values = []
        sql = self.one(endpoint)
        while self.chance(0.04):
            sql += self.pick(["; ", ";", " ;\n", ";;"]) + self.one(endpoint)
        if self.chance(0.03):
            sql += self.pick([";", "; ", ";;", "; -- c", " -- c", "\n"])
        if self.values and self.chance(0.01):
            self.values.pop()
        if self.values and self.chance(0.2):
            return self.with_names(sql)
        return sql, self.values

    def one(self, endpoint):
        reads = {"query": 0.93, "request": 0.5, "execute": 0.05}[endpoint]
        return self.select() if self.chance(reads) else self.change()

    def with_names(self, sql):
        """The same, with a name for each parameter, some of which share one."""
        names, values = [], {}
        for i, value in enumerate(self.values):
            names.append(self.pick(list(values)) if values and self.chance(0.1) else f"p{i}")
            values.setdefault(names[-1], value)
        left = iter(names)
        sql = re.sub(r"\?", lambda _: self.pick(":@$") + next(left, "more"), sql)
        if self.chance(0.1):
            values["unused"] = 1
        return sql, values

    def control(self):
        return self.pick(CONTROL)

    # Reads.

    def source(self):
        """A FROM clause, and what it brings into scope."""
        table, columns = self.pick(list(READABLE.items()))
        kind = self.random.random()
        if kind < 0.55:
            return table, [("", columns)]
        if kind < 0.85:
            other, more = self.pick(list(READABLE.items()))
            join = self.pick(["JOIN", "LEFT JOIN", "CROSS JOIN", "RIGHT JOIN", "FULL JOIN"])
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
        if kind < 0.42:
            return self.window(source, scope, where)
        if kind < 0.46:
            how = self.pick(["", "MATERIALIZED ", "NOT MATERIALIZED "])
            return (f"WITH one AS {how}(SELECT {self.column(scope)} AS k FROM {source}{where} LIMIT 20), "
                    f"two(m, n) AS (SELECT k, count(*) FROM one GROUP BY k) "
                    f"SELECT * FROM one JOIN two ON k IS m ORDER BY 1, 2, 3")
        if kind < 0.49:
            return (f"SELECT key, value, type, atom, fullkey FROM json_tree("
                    f"{self.literal(self.pick(DOCUMENTS))})")
        if kind < 0.53:
            return self.pragma()
        what = "*" if self.chance(0.3) else ", ".join(
            self.column(scope) if self.chance(0.6) else
            self.expression(scope) + (f" AS {self.pick(['k', 'v', 'Day'])}" if self.chance(0.4) else "")
            for _ in range(self.random.randrange(1, 5)))
        order = f" ORDER BY {self.column(scope)}" if self.chance(0.5) else ""
        return f"SELECT {self.pick(['', '', 'DISTINCT '])}{what} FROM {source}{where}{order} LIMIT 40"

    def window(self, source, scope, where):
        column = self.column(scope)
        function = self.pick(WINDOW_FUNCTIONS).format(column)
        if self.chance(0.3) and not function.startswith(ONLY_WINDOW):
            function += f" FILTER (WHERE {self.expression(scope, 1)})"
        parts = f"PARTITION BY {self.column(scope)} " if self.chance(0.4) else ""
        return (f"SELECT {column}, {function} OVER ({parts}ORDER BY {column}{self.pick(['', ' DESC'])} "
                f"{self.pick(FRAMES)}) AS over_it FROM {source}{where} LIMIT 30")

    def pragma(self):
        name = self.pick(list(READABLE))
        return self.pick([
            f"PRAGMA table_info({name})", f"PRAGMA table_xinfo('{name}')", f"PRAGMA index_list({name})",
            "PRAGMA index_info(a_t)", "PRAGMA index_xinfo(d_day)", "PRAGMA foreign_key_list(child)",
            "PRAGMA foreign_key_check", "PRAGMA user_version", "PRAGMA application_id",
            "PRAGMA encoding", "PRAGMA page_size", "PRAGMA auto_vacuum", "PRAGMA quick_check",
            "PRAGMA integrity_check", f"PRAGMA main.table_info({name})", "PRAGMA nothing_like_that",
            f"SELECT name, type FROM pragma_table_info('{name}')", "PRAGMA foreign_key_list=child",
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid",
            f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE {READABLE[name][0]} = 1"])

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
            sql, columns = self.upsert()
            scope = [("", columns)]
        elif kind < 0.63:
            other, more = self.pick(list(READABLE.items()))
            sql = (f"UPDATE {table} AS it SET {self.pick(columns)} = other.{self.pick(more)} "
                   f"FROM {other} AS other WHERE it.{self.pick(columns)} = other.{self.pick(more)}")
            returning = False  # which of several rows it was joined with may be seen
        elif kind < 0.66:
            return self.of_a_family()
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

    def upsert(self):
        if self.chance(0.4):
            return (f"INSERT INTO w(a, b, c) VALUES({self.random.randrange(4)}, {self.constant()}, 1) "
                    f"ON CONFLICT(a, b) DO UPDATE SET c = c + excluded.a WHERE c < 5"), TABLES["w"]
        return (f"INSERT INTO u(k, n) VALUES({self.constant()}, {self.random.randrange(95)}), "
                f"({self.constant()}, 3) ON CONFLICT(k) DO "
                f"{self.pick(['NOTHING', 'UPDATE SET n = n + 1, w = excluded.k'])}"), TABLES["u"]

    def of_a_family(self):
        p, q = self.random.randrange(6), self.random.randrange(6)
        return self.pick([
            f"INSERT OR IGNORE INTO parent VALUES({p}, 'n{q}')", f"DELETE FROM parent WHERE p = {p}",
            f"INSERT INTO child VALUES('c', {p}, {q})", f"INSERT INTO child VALUES('c', {p}, NULL)",
            f"UPDATE OR REPLACE parent SET p = {p} WHERE p = {q}", f"DELETE FROM child WHERE now = {p}",
            f"UPDATE child SET later = {q} WHERE now = {p} RETURNING *"])

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
            "INSERT INTO s(i) VALUES('text')", "REPLACE INTO w VALUES(1, 'one', 1.5)",
            f"PRAGMA user_version={n}", "PRAGMA foreign_keys=1", "PRAGMA foreign_keys=0",
            "ANALYZE a", "REINDEX", "CREATE VIEW vx AS SELECT k FROM u", "DROP VIEW vx",
            "INSERT INTO words(words) VALUES('optimize')", "DELETE FROM words WHERE words MATCH 'a'",
            "CREATE TRIGGER tx AFTER DELETE ON w BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
            "DROP TRIGGER IF EXISTS tx", f"ALTER TABLE x{n} RENAME TO x{(n + 1) % 3}",
            f"ALTER TABLE x{n} DROP COLUMN more", "VACUUM"])
