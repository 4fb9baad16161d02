"""What the API makes of what SQLite says: written after its documentation, not after the server."""

import base64
import re

from sqlite_library import Error, Text

DATES = ("date", "datetime", "timestamp")
TEXT_LIKE = ("varchar", "varying character", "nchar", "native character", "nvarchar", "clob")
UNREADABLE = "0001-01-01T00:00:00Z"
DATE = re.compile(rb"(\d{4})-(\d\d)-(\d\d)")
TIME = re.compile(rb"(?:T| +)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?(?:([+-])(\d\d):(\d\d))?)?")


class Infinite(Exception):
    """A number that JSON does not have: the whole answer is an error."""


# Numbers and strings.

def characters(data):
    """The characters of UTF-8; U+FFFD for each byte that is not part of one."""
    text, at = [], 0
    while at < len(data):
        for size in range(1, 5):
            try:
                text.append(data[at:at + size].decode())
                at += size
                break
            except UnicodeDecodeError:
                pass
        else:
            text.append("\ufffd\ufffd")  # marked: it is sent escaped
            at += 1
    return text


ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
           "\t": "\\t", "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028",
           "\u2029": "\\u2029", "\ufffd\ufffd": "\\ufffd"}


def string(data):
    if isinstance(data, str):
        data = data.encode()
    return '"' + "".join(
        ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in characters(data)) + '"'


def real(value):
    sign = "-" if str(value).startswith("-") else ""
    digits, _, exponent = format_digits(abs(value))
    if value == 0:
        return sign + "0"
    if not 1e-6 <= abs(value) < 1e21:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[:exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1:]
    return sign + whole + (f".{fraction}" if fraction else "")


def format_digits(value):
    """The shortest digits that read back as the number, and the exponent of the first one."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(exponent or 0) + len(whole) - 1
    digits = whole + fraction
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    return stripped.rstrip("0") or "0", None, exponent


# Dates.

def days_in(year, month):
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def moment(year, month, day, seconds, nanoseconds, zone="Z"):
    fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    return (f"{year:04}-{month:02}-{day:02}T{seconds // 3600:02}:{seconds // 60 % 60:02}:"
            f"{seconds % 60:02}{fraction}{zone}")


def date_of_text(text):
    text = text[:-1] if text.endswith(b"Z") else text
    date = DATE.match(text)
    if not date:
        return UNREADABLE
    year, month, day = map(int, date.groups())
    if not 1 <= month <= 12 or not 1 <= day <= days_in(year, month):
        return UNREADABLE
    rest = text[date.end():]
    if not rest:
        return moment(year, month, day, 0, 0)
    time = TIME.fullmatch(rest)
    if not time:
        return UNREADABLE
    hour, minute, second, fraction, sign, off_hour, off_minute = time.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return UNREADABLE
    zone = "Z"
    if sign:
        if int(off_hour) > 24 or int(off_minute) > 60:
            return UNREADABLE
        offset = int(off_hour) * 60 + int(off_minute)
        if offset >= 24 * 60:
            raise Error("Time.MarshalText: timezone hour outside of range [0,23]")
        if offset:
            zone = f"{sign.decode()}{offset // 60:02}:{offset % 60:02}"
    nanoseconds = int((fraction or b"").ljust(9, b"0")[:9])
    return moment(year, month, day, int(hour) * 3600 + int(minute) * 60 + int(second or 0),
                  nanoseconds, zone)


def date_of_integer(value):
    nanoseconds = value * 10 ** 9
    if abs(value) > 10 ** 12:
        nanoseconds = (value * 10 ** 6 + 2 ** 63) % 2 ** 64 - 2 ** 63  # as 64 bits have it
    seconds, nanoseconds = divmod(nanoseconds, 10 ** 9)
    days, seconds = divmod(seconds, 86400)
    # Days since 0000-03-01, in cycles of 400 years.
    cycle, day = divmod(days + 719468, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    year += 400 * cycle + (month <= 2)
    if not 0 <= year <= 9999:
        raise Error("Time.MarshalText: year outside of range [0,9999]")
    return moment(year, month, day, seconds, nanoseconds)


# Values, by their column's type.

def value_json(value, kind, blob_array):
    if value is None:
        return "null"
    if isinstance(value, int):
        if kind in DATES:
            return f'"{date_of_integer(value)}"'
        if kind == "boolean":
            return "true" if value > 0 else "false"
        return str(value)
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise Infinite("+" if value > 0 else "-")
        return real(value)
    if isinstance(value, Text):
        return f'"{date_of_text(value)}"' if kind in DATES else string(value)
    if kind in ("", "text", "json") or kind.startswith(TEXT_LIKE):
        return string(value)
    if blob_array:
        return "[" + ",".join(map(str, value)) + "]"
    return '"' + base64.b64encode(value).decode() + '"'


def type_of(value):
    if value is None:
        return ""
    return {int: "integer", float: "real"}.get(type(value), "text")


class Rows:
    """What a read returned, as SQLite has it."""

    def __init__(self, statement, qualify=False):
        more = statement.step()
        self.names = statement.names()
        if qualify:
            self.names = [f"{table}.{name}" if table else name
                          for table, name in zip(statement.tables(), self.names)]
        self.types = [each.lower() for each in statement.declared_types()]
        self.rows = []
        while more:
            self.rows.append(statement.row())
            more = statement.step()
        if self.rows:
            self.types = [kind or type_of(value)
                          for kind, value in zip(self.types, self.rows[0])]

    def json(self, associative, blob_array):
        infinite = None
        shown = []
        last = dict(zip(self.names, range(len(self.names))))
        order = (sorted(last.values(), key=lambda i: self.names[i].encode()) if associative
                 else range(len(self.names)))
        for row in self.rows:
            shown.append([None] * len(row))
            # As they are written: the first number that JSON does not have is the one that is named.
            for i in order:
                try:
                    shown[-1][i] = value_json(row[i], self.types[i], blob_array)
                except Infinite as each:
                    infinite = infinite or each
        if infinite:
            raise infinite
        if associative:
            return self._objects(shown)
        if not self.names:
            return "{}"
        text = (f'{{"columns":[{",".join(map(string, self.names))}],'
                f'"types":[{",".join(map(string, self.types))}]')
        if shown:
            text += ',"values":[' + ",".join(f"[{','.join(row)}]" for row in shown) + "]"
        return text + "}"

    def _objects(self, shown):
        def of(values):
            last = dict(zip(self.names, values))
            return ",".join(f"{string(name)}:{last[name]}"
                            for name in sorted(last, key=str.encode))
        types = f'"types":{{{of(map(string, self.types))}}},' if self.names else ""
        return "{" + types + '"rows":[' + ",".join(f"{{{of(row)}}}" for row in shown) + "]}"
