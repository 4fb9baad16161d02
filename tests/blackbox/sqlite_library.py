"""SQLite itself, as it is on this machine: the same library that the server uses."""

import ctypes
import ctypes.util

ROW, DONE = 100, 101
INTEGER, REAL, TEXT, BLOB, NULL = range(1, 6)
TRANSIENT = ctypes.c_void_p(-1)

_library = ctypes.CDLL(ctypes.util.find_library("sqlite3"))


def _declare(result, name, *arguments):
    function = getattr(_library, "sqlite3_" + name)
    function.restype, function.argtypes = result, arguments
    return function


_int, _int64, _text, _pointer = ctypes.c_int, ctypes.c_int64, ctypes.c_char_p, ctypes.c_void_p
_out = ctypes.POINTER(_pointer)
_open = _declare(_int, "open", _text, _out)
_close = _declare(_int, "close", _pointer)
_errmsg = _declare(_text, "errmsg", _pointer)
_prepare = _declare(_int, "prepare_v2", _pointer, _pointer, _int, _out, _out)
_finalize = _declare(_int, "finalize", _pointer)
_step = _declare(_int, "step", _pointer)
_readonly = _declare(_int, "stmt_readonly", _pointer)
_autocommit = _declare(_int, "get_autocommit", _pointer)
_rowid = _declare(_int64, "last_insert_rowid", _pointer)
_changes = _declare(_int64, "changes64", _pointer)
_set_rowid = _declare(None, "set_last_insert_rowid", _pointer, _int64)
_parameters = _declare(_int, "bind_parameter_count", _pointer)
_parameter_name = _declare(_text, "bind_parameter_name", _pointer, _int)
_bind_null = _declare(_int, "bind_null", _pointer, _int)
_bind_int64 = _declare(_int, "bind_int64", _pointer, _int, _int64)
_bind_double = _declare(_int, "bind_double", _pointer, _int, ctypes.c_double)
_bind_text = _declare(_int, "bind_text", _pointer, _int, _text, _int, _pointer)
_bind_blob = _declare(_int, "bind_blob", _pointer, _int, _text, _int, _pointer)
_column_count = _declare(_int, "column_count", _pointer)
_column_name = _declare(_text, "column_name", _pointer, _int)
_column_table = _declare(_text, "column_table_name", _pointer, _int)
_column_decltype = _declare(_text, "column_decltype", _pointer, _int)
_column_type = _declare(_int, "column_type", _pointer, _int)
_column_int64 = _declare(_int64, "column_int64", _pointer, _int)
_column_double = _declare(ctypes.c_double, "column_double", _pointer, _int)
_column_text = _declare(_pointer, "column_text", _pointer, _int)
_column_blob = _declare(_pointer, "column_blob", _pointer, _int)
_column_bytes = _declare(_int, "column_bytes", _pointer, _int)
version = _declare(_text, "libversion")().decode()


class Error(Exception):
    pass


class Text(bytes):
    """What SQLite holds as TEXT, which need not be UTF-8."""


class Statement:
    """The first statement of a text; `rest` is what stands behind it."""

    def __init__(self, database, sql):
        self._database, self._pointer = database, ctypes.c_void_p()
        text = ctypes.create_string_buffer(sql.encode())
        tail = ctypes.c_void_p()
        if _prepare(database.pointer, text, -1, ctypes.byref(self._pointer),
                    ctypes.byref(tail)) != 0:
            raise database.error()
        self.rest = text.value[tail.value - ctypes.addressof(text):].decode()

    def close(self):
        _finalize(self._pointer)

    @property
    def is_empty(self):
        """Whether there were blanks and comments only."""
        return not self._pointer

    @property
    def only_reads(self):
        return bool(_readonly(self._pointer))

    @property
    def parameters(self):
        return _parameters(self._pointer)

    def parameter_name(self, index):
        """Without its first character; "" if it has none or a number only."""
        name = (_parameter_name(self._pointer, index) or b"?").decode()
        return "" if name.startswith("?") else name[1:]

    def bind(self, index, value):
        if value is None:
            _bind_null(self._pointer, index)
        elif isinstance(value, int):
            _bind_int64(self._pointer, index, value)
        elif isinstance(value, float):
            _bind_double(self._pointer, index, value)
        elif isinstance(value, Text):
            _bind_text(self._pointer, index, value, len(value), TRANSIENT)
        else:
            _bind_blob(self._pointer, index, value, len(value), TRANSIENT)

    def step(self):
        """Whether there is a row."""
        code = _step(self._pointer)
        if code not in (ROW, DONE):
            raise self._database.error()
        return code == ROW

    def __len__(self):
        return _column_count(self._pointer)

    def names(self):
        return [_column_name(self._pointer, i).decode() for i in range(len(self))]

    def tables(self):
        """Of each column that comes from one directly, else None."""
        names = [_column_table(self._pointer, i) for i in range(len(self))]
        return [name and name.decode() for name in names]

    def declared_types(self):
        return [(_column_decltype(self._pointer, i) or b"").decode() for i in range(len(self))]

    def row(self):
        return [self._value(i) for i in range(len(self))]

    def _value(self, i):
        kind = _column_type(self._pointer, i)
        if kind == INTEGER:
            return _column_int64(self._pointer, i)
        if kind == REAL:
            return _column_double(self._pointer, i)
        if kind == NULL:
            return None
        start = (_column_text if kind == TEXT else _column_blob)(self._pointer, i)
        value = ctypes.string_at(start, _column_bytes(self._pointer, i)) if start else b""
        return Text(value) if kind == TEXT else value


class Database:
    def __init__(self, path):
        self.pointer = ctypes.c_void_p()
        assert _open(str(path).encode(), ctypes.byref(self.pointer)) == 0

    def close(self):
        _close(self.pointer)

    def error(self):
        return Error(_errmsg(self.pointer).decode())

    def run(self, sql):
        statement = Statement(self, sql)
        try:
            while statement.step():
                pass
        finally:
            statement.close()

    @property
    def in_transaction(self):
        return not _autocommit(self.pointer)

    @property
    def foreign_keys(self):
        statement = Statement(self, "PRAGMA foreign_keys")
        try:
            statement.step()
            return bool(statement.row()[0])
        finally:
            statement.close()

    @property
    def last_insert_rowid(self):
        return _rowid(self.pointer)

    @last_insert_rowid.setter
    def last_insert_rowid(self, rowid):
        _set_rowid(self.pointer, rowid)

    @property
    def changes(self):
        return _changes(self.pointer)
