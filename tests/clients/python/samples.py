"""Values that travel to the node and back through every client."""

# Beyond what a double can tell apart, and the ends of what SQLite holds.
INTEGERS = [0, -1, 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]

REALS = [0.5, -2.25, 0.1, 1e-7, 1.7976931348623157e308, 5e-324, 1e21]

# Quotes, what JSON escapes, what HTML escapes, combining marks, and beyond the basic plane.
TEXTS = ["", "plain", "it's \"quoted\"", "back\\slash /", "tab\tline\nreturn\r", "<b>&amp;</b>",
         "ünïcödé", "e\u0301", "日本語", "😀", "\u2028\u2029", "\x01\x7f", "NULL"]

BLOBS = [b"", b"\x00", b"SQLite", b"\x00\xff\x80\xfe", bytes(range(256))]

def counted(what, last):
    # A SELECT at the start is how some of the clients know a query.
    return (f"SELECT {what} FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
            f"WHERE n < {last}) SELECT n FROM c)")


# Runs for a tenth of a second at least.
SLOW = counted("max(n)", 1_500_000)

# More than the node sends in one piece.
MANY = 5000
ROWS = counted("n, 'a text that takes some room, for row ' || n", MANY)
