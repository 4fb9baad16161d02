"""The nodes that the clients are tested against.

Each has free ports and a data directory of its own, which is gone afterwards.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blackbox"))

from node import HOST, RQLITED, Node, free_ports, run  # noqa: E402, F401  (found by the line above)

# Who may do what on a locked node: mary everything, eve only look, and everybody may ask whether it
# is ready, as start() does.
CREDENTIALS = [
    {"username": "mary", "password": "secret2", "perms": ["all"]},
    {"username": "eve", "password": "s3/@ü", "perms": ["query", "status"]},
    {"username": "*", "perms": ["ready"]},
]


@contextlib.contextmanager
def a_node(*flags):
    """A node that is ready; what it logged is printed if the block fails."""
    with tempfile.TemporaryDirectory(prefix="rqlited-") as home:
        node = Node(home, *flags)
        try:
            node.start()
            yield node
        except Exception:
            print(node.whole_log(), file=sys.stderr)
            raise
        finally:
            node.kill()


@contextlib.contextmanager
def a_locked_node():
    """A node that only those in CREDENTIALS may use."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(CREDENTIALS, file)
        file.flush()
        with a_node("-auth", file.name) as node:
            yield node


def no_locked_node():
    """Why a_locked_node() cannot be had: what the server says if it refuses -auth as not built
    yet, or nothing."""
    said = run("-auth", "credentials.json", "-version").stderr.strip()
    return said if said.endswith("-auth is not built yet") else ""
