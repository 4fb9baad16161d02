"""Which room may include what: ARCHITECTURE.md says it, the sources keep it.

The table under "## Rooms" has one row per room, its name in the first column, and a column "may
include" that names the rooms it may use. Names stand in backquotes, with a slash at their end.
"""

import re

from tree import FILES, ROOMS, lines, text

# Who may include a foreign header: everything of theirs starts with one of these.
FOREIGN = {
    "sqlite3.h": ("src/sqlite/",),
    "raft/core_abi.h": ("src/raft/core.cc",),
    "boost/": ("src/net/",),
    "openssl/": ("src/net/", "src/http/"),
    "archive": ("src/sqlite/",),
    "zlib.h": ("src/http/", "src/sqlite/"),
    "crypt.h": ("src/http/",),
    "simdjson": ("src/discovery/", "src/cluster/", "src/http/", "src/shell/", "src/bench/"),
    "resolv.h": ("src/discovery/",),
    "arpa/nameser.h": ("src/discovery/",),
}

SOURCES = [name for name in FILES if re.match(r"src/.*\.(h|cc)$", name)]


def includes():
    """Every #include of the sources as (file, line number, opening quote, header)."""
    for name in SOURCES:
        for number, line in lines(name):
            if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line):
                yield name, number, *match.groups()


def room_of(name):
    return name.split("/")[1]


def table():
    """The rooms in the order of ARCHITECTURE.md, each with the rooms it may include."""
    section = re.search(r"^## Rooms\n(.*?)(?=^## |\Z)", text("ARCHITECTURE.md"), re.M | re.S)
    assert section, "ARCHITECTURE.md has no section '## Rooms'"
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in section[1].splitlines() if line.strip().startswith("|")]
    assert rows and "may include" in rows[0], "its table has no column 'may include'"
    column = rows[0].index("may include")
    rooms = {}
    for row in rows[2:]:
        for room in re.findall(r"`(\w+)/`", row[0]):
            rooms[room] = re.findall(r"`(\w+)/`", row[column])
    return rooms


def test_the_table_lists_the_rooms_there_are():
    assert sorted(table()) == ROOMS


def test_a_room_uses_only_rooms_above_it():
    seen = set()
    for room, may_include in table().items():
        below = set(may_include) - seen
        assert not below, f"{room}/ may include {below}, which the table does not list above it"
        seen.add(room)


def test_rooms_include_only_what_the_table_allows():
    allowed = table()
    breaches = [
        f"{name}:{number}: {header}" for name, number, quote, header in includes()
        if quote == '"' and header.split("/")[0] not in (room_of(name), *allowed.get(room_of(name), ()))]
    assert not breaches, "\n".join(["not allowed by ARCHITECTURE.md:", *breaches])


def test_rooms_link_only_what_the_table_allows():
    allowed = table()
    extra = {}
    for room, arguments in re.findall(r"^rqlite_room\((\w+)([^)]*)\)", text("CMakeLists.txt"), re.M):
        links = re.search(r"\bROOMS((?:\s+[a-z_]+)*)", arguments)
        extra[room] = set(links[1].split() if links else ()) - set(allowed.get(room, ()))
    assert not any(extra.values()), {room: rooms for room, rooms in extra.items() if rooms}


def test_own_headers_are_named_from_src():
    missing = [f"{name}:{number}: {header}" for name, number, quote, header in includes()
               if quote == '"' and f"src/{header}" not in FILES]
    assert not missing, "\n".join(missing)


def test_foreign_headers_stay_in_their_rooms():
    breaches = [f"{name}:{number}: {header}" for name, number, _, header in includes()
                for foreign, owners in FOREIGN.items()
                if header.startswith(foreign) and not name.startswith(owners)]
    assert not breaches, "\n".join(breaches)


def test_headers_open_with_pragma_once():
    for name in SOURCES:
        if name.endswith(".h"):
            code = [line for _, line in lines(name) if line.strip() and not line.startswith("//")]
            assert code[0] == "#pragma once", name
