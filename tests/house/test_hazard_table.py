"""The tests that docs/hazards.md names exist."""

import re

import pytest

from tree import FILES, text

DOCUMENT = "docs/hazards.md"
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", text(DOCUMENT), flags=re.M)
NAMED = re.findall(r"`([^`\s]+)::([^`\s]+)`", text(DOCUMENT))


def test_each_hazard_has_a_row_with_tests():
    assert [int(number) for number, _ in ROWS] == list(range(1, 20))
    for number, row in ROWS:
        assert re.search(r"`[^`\s]+::[^`\s]+`", row.split(" | ")[-1]), f"row {number} names no test"


@pytest.mark.parametrize("file, name", NAMED)
def test_the_test_exists(file, name):
    path = f"tests/{file}"
    assert path in FILES, f"{DOCUMENT} names {path}, which is not there"
    if file.endswith(".py"):
        pattern = rf"^def {re.escape(name)}\("
    else:
        suite, claim = name.split(".")
        pattern = rf"^TEST(_F|_P)?\({suite},\s*{claim}\)"
    assert re.search(pattern, text(path), flags=re.M), f"{path} has no test {name}"
