"""README.md, ARCHITECTURE.md and the rooms' READMEs name only what is there."""

import fnmatch
import os
import re

import pytest

from tree import FILES, ROOMS, text

ROOM_READMES = [f"src/{room}/README.md" for room in ROOMS]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", *ROOM_READMES]

FOLDERS = {folder for name in FILES
           for folder in (name[:i] for i, c in enumerate(name) if c == "/")}
TOP = {folder.split("/")[0] for folder in FOLDERS} | set(ROOMS)
FOREIGN = {"sqlite3.h"}  # headers that are not ours to check


def named_paths(document):
    """What the document names as a path of this project: in backquotes, or as a link's target."""
    # Blocks of code show commands and what they print, not our files.
    prose = re.sub(r"^```.*?^```", "", text(document), flags=re.M | re.S)
    for name in re.findall(r"`([^`\n]+)`|\]\(([^)#\s]+)", prose):
        name = "".join(name)
        if not re.fullmatch(r"[\w.*/-]+", name) or name.startswith(("/", "build/", "data/")):
            continue  # a command, a URL, a flag; a path of HTTP; what a build or a node makes
        a_file = re.search(r"\.(h|cc|md|py|rs|cmake|toml|json|lua)$", name)
        if (a_file or name.split("/")[0] in TOP and "/" in name) and name not in FOREIGN:
            yield name


def exists(name, document):
    """Rooms name their own files and tests shortly; anything else goes by the end of its path."""
    path = os.path.normpath(name)
    if name.endswith("/") and path in ROOMS:
        return True
    if "/" not in path and (room := re.match(r"src/(\w+)/", document)):
        places = [f"src/{room[1]}/{path}", f"tests/{room[1]}/{path}", path]
    else:
        places = [path, f"*/{path}", os.path.normpath(f"{os.path.dirname(document)}/{path}")]
    return any(fnmatch.filter(FILES, place) or fnmatch.filter(FOLDERS, place) for place in places)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_it_names_exists(document):
    assert document in FILES, f"{document} is missing"
    missing = [name for name in named_paths(document) if not exists(name, document)]
    assert not missing, f"{document} names {missing}"


def test_a_test_mirrors_a_header_or_is_named_in_its_rooms_readme():
    for name in FILES:
        if not (match := re.fullmatch(r"tests/(\w+)/(\w+)_test\.cc", name)) or match[1] not in ROOMS:
            continue
        room, noun = match.groups()
        if f"src/{room}/{noun}.h" not in FILES:
            assert f"{noun}_test.cc" in text(f"src/{room}/README.md"), (
                f"{name} mirrors no header: rename it, or say in src/{room}/README.md what it shows")
