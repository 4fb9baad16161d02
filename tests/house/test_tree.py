"""What no file of the tree may hold, and what every script must."""

import os
import re

import pytest

from tree import FILES, ROOT, lines

SCRIPTS = [name for name in FILES if re.match(r"(scripts|\.ci)/[^/.]+$", name)]


def found(pattern, names):
    hits = []
    for name in names:
        try:
            hits += [f"{name}:{number}: {line.strip()[:100]}" for number, line in lines(name)
                     if re.search(pattern, line)]
        except UnicodeDecodeError:
            continue  # not a text
    return hits


def test_no_path_of_somebodys_machine():
    hits = found(r"""(^|[\s"'`=(:,])/(?:home|root|work|Users)(?:/|\b)""", FILES)
    assert not hits, "\n".join(hits)


def test_nothing_is_left_for_later():
    # In two pieces, or this line would be a hit.
    hits = found("|".join([r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b"]), FILES)
    assert not hits, "\n".join(hits)


def test_the_build_names_no_host():
    build = [name for name in FILES
             if re.match(r"(scripts|\.ci|cmake)/|(.*/)?(CMake\w+\.\w+|Cargo\.toml)$", name)]
    hits = found(r"https?://(?!localhost|127\.|\$)", build)
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_and_says_how(name):
    assert os.access(ROOT / name, os.X_OK)
    first = [line for _, line in lines(name)][:20]
    assert first[0] == "#!/usr/bin/env bash"
    assert first[1].startswith(f"# Usage: {name}")
    assert "set -euo pipefail" in first
