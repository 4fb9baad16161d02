"""What the API makes of requests, statement by statement: written after its documentation, too."""

import re

from results_model import Infinite, Rows, string
from sqlite_library import Database, Error, Statement

READ_ONLY = "attempt to write a readonly database"
WOULD_WRITE = "attempt to change database via query operation"
INFINITE = ("json: error calling MarshalJSON for type *http.DBResults: json: unsupported value: "
            "{}Inf\n")
LEFT_OPEN = ("the request left a transaction open, which was rolled back: a transaction ends with "
             "its request")
BLANKS = " \t\r\n\f"
# What says itself whether it reads, and runs in no transaction of somebody else.
CONTROL = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "VACUUM", "EXPLAIN")


def keyword(sql):
    found = re.match(r"[\s;]*([A-Za-z]*)", sql)
    return found[1].upper()


class RequestError(Exception):
    """What fails a request as a whole."""


class Model:
    """Answers requests as the server is to answer them, on a database of its own."""

    def __init__(self, path):
        self.database, self.reader = Database(path), Database(path)
        self.database.run("PRAGMA journal_mode=WAL")
        self.database.run("PRAGMA synchronous=OFF")
        self.reader.run("PRAGMA query_only=1")
        self.foreign_keys = False  # as a statement of its own has set it

    def close(self):
        self.reader.close()
        self.database.close()

    def answer(self, endpoint, statements, flags):
        """Status and text. A statement is its SQL and the values of its parameters."""
        self.associative, self.blob_array = "associative" in flags, "blob_array" in flags
        self.qualify = "qualify_columns" in flags and endpoint != "execute"
        self.unified = endpoint == "request"
        transaction = "transaction" in flags
        if self.unified and all(self._reads(sql) for sql, _ in statements):
            endpoint = "query"
        self.infinite = None
        try:
            results = (self._queries(statements, transaction) if endpoint == "query"
                       else self._writes(statements, transaction))
        except RequestError as error:
            return 200, f'{{"results":[],"error":{string(str(error))}}}'
        if self.infinite:
            return 500, INFINITE.format(self.infinite)
        return 200, '{"results":[' + ",".join(results) + "]}"

    # What reads.

    def _queries(self, statements, transaction):
        if transaction:
            self.reader.run("BEGIN")
        results = []
        for sql, values in statements:
            try:
                results.append(self._shown(self._query(self.reader, sql, values)))
            except Error as error:
                results.append(self._error(WOULD_WRITE if str(error) == READ_ONLY else error, True))
        if self.reader.in_transaction:
            self.reader.run("ROLLBACK")
        return results

    def _query(self, database, sql, values):
        """Only the last statement of a text runs."""
        used = 0
        while True:
            # The schema is to be that of now, whatever this connection has seen of it.
            if keyword(sql) in ("PRAGMA", "EXPLAIN"):
                database.run("SELECT 1 FROM sqlite_schema LIMIT 1")
            statement = Statement(database, sql)
            last = statement.rest.strip(BLANKS) == ""
            try:
                if statement.is_empty:
                    if last:
                        return None
                else:
                    used = self._bind(statement, values, used, len(values) - used)
                    if last:
                        return self._read(database, statement, sql)
            finally:
                statement.close()
            sql = statement.rest

    def _read(self, database, statement, sql):
        if keyword(sql) == "VACUUM" or (database is self.database and not statement.only_reads
                                        and keyword(sql) != "EXPLAIN"):
            raise Error(WOULD_WRITE)
        rows = Rows(statement, self.qualify)
        return rows if len(statement) > 0 else None

    # What writes.

    def _reads(self, sql):
        # A PRAGMA that is only prepared may have had its effect: not on what writes.
        self.reader.run("SELECT 1 FROM sqlite_schema LIMIT 1")
        try:
            return self._is_read(self.reader, sql)
        except Error:
            return False

    @staticmethod
    def _is_read(database, sql):
        """By the first statement of the text."""
        statement = Statement(database, sql)
        try:
            if statement.is_empty or keyword(sql) == "EXPLAIN":
                return True
            return statement.only_reads and (len(statement) > 0 or keyword(sql) in CONTROL)
        finally:
            statement.close()

    def _writes(self, statements, transaction):
        try:
            return self._one_transaction(statements) if transaction else self._each(statements)
        finally:
            if self.database.in_transaction:
                self.database.run("ROLLBACK")
            self.database.run(f"PRAGMA foreign_keys={int(self.foreign_keys)}")
            # As one that has just read the schema, which may plan otherwise than one that saw it
            # change.
            self.database.run("PRAGMA writable_schema=RESET")

    def _each(self, statements):
        results = [self._execute(*each)[0] for each in statements]
        failed = len(results) == 1 and '"error":' in results[0]
        if self.database.in_transaction and not failed:
            raise RequestError(LEFT_OPEN)
        return results

    def _one_transaction(self, statements):
        self.database.run("BEGIN")
        results = []
        for each in statements:
            result, ends = self._execute(*each)
            results.append(result)
            if ends:
                return results
        try:
            self.database.run("COMMIT")
        except Error as error:
            raise RequestError(str(error)) from None
        return results

    def _execute(self, sql, values):
        """The result, and whether it ends a transaction."""
        enforced = self.database.foreign_keys
        reads = False
        try:
            reads = self.unified and self._is_read(self.database, sql)
        except Error as error:
            return self._error(error, False), False
        try:
            if reads:
                return self._shown(self._query(self.database, sql, values)), False
            return self._run_all(sql, values), False
        except Error as error:
            return self._error(error, reads), True
        finally:
            lone = keyword(sql) == "PRAGMA" and sql.partition(";")[2].strip(BLANKS) == ""
            if lone and self.database.foreign_keys != enforced:
                self.foreign_keys = self.database.foreign_keys

    def _run_all(self, sql, values):
        """All statements of the text; the result of the last."""
        result, used = self._written(0, 0), 0
        while sql:
            statement = Statement(self.database, sql)
            try:
                result = self._written(0, 0)
                if not statement.is_empty:
                    used = self._bind(statement, values, used, len(values))
                    result = self._run(statement, sql)
            finally:
                statement.close()
            if not statement.is_empty and statement.rest.strip(BLANKS) == "":
                break
            sql = statement.rest
        return result

    def _run(self, statement, sql):
        if len(statement) > 0 and not statement.only_reads and keyword(sql) not in CONTROL:
            return self._shown(Rows(statement))
        rowid = self.database.last_insert_rowid
        statement.step()
        if keyword(sql) == "VACUUM":
            self.database.last_insert_rowid = rowid
        return self._written(self.database.last_insert_rowid, self.database.changes)

    # Parameters and results.

    @staticmethod
    def _bind(statement, values, used, told):
        """How many values are used now."""
        wanted = statement.parameters
        if len(values) - used < wanted:
            raise Error(f"not enough args to execute query: want {wanted} got {told}")
        for index in range(1, wanted + 1):
            if isinstance(values, dict):
                statement.bind(index, values.get(statement.parameter_name(index)))
            else:
                statement.bind(index, values[used + index - 1])
        return used + wanted

    def _shown(self, rows):
        if rows is None:
            return '{"rows":[]}' if self.associative else "{}"
        try:
            return rows.json(self.associative, self.blob_array)
        except Infinite as infinite:
            self.infinite = self.infinite or infinite
            return ""
        except Error as error:
            return self._error(error, True)

    def _written(self, rowid, changes):
        members = [f'"{name}":{value}' for name, value in (
            ("last_insert_id", rowid), ("rows_affected", changes)) if value]
        return "{" + ",".join(members + (['"rows":null'] if self.associative else [])) + "}"

    def _error(self, error, is_read):
        rows = '"rows":[],' if self.associative and is_read else ""
        return f'{{{rows}"error":{string(str(error))}}}'
