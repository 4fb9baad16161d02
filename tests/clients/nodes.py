"""The nodes that the clients are tested against.

Each has free ports and a data directory of its own, which is gone afterwards.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blackbox"))

from certificates import Authority  # noqa: E402  (found by the line above)
from node import HOST, RQLITED, Node, free_ports, run  # noqa: E402, F401

# Who may do what on a locked node: mary everything, eve only look, and everybody may ask whether it
# is ready, as start() does.
CREDENTIALS = [
    {"username": "mary", "password": "secret2", "perms": ["all"]},
    {"username": "eve", "password": "s3/@ü", "perms": ["query", "status"]},
    {"username": "*", "perms": ["ready"]},
]


@contextlib.contextmanager
def a_node(*flags, tls=None):
    """A node that is ready; what it logged is printed if the block fails. `tls` is the context of
    its clients, if it speaks TLS."""
    with tempfile.TemporaryDirectory(prefix="rqlited-") as home:
        node = Node(home, *flags)
        node.tls = tls
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
    with credentials() as file, a_node("-auth", file) as node:
        yield node


@contextlib.contextmanager
def a_locked_tls_node():
    """The same over HTTPS. `authority` is the file of who issued its certificate."""
    with tempfile.TemporaryDirectory(prefix="rqlited-tls-") as folder, credentials() as file:
        authority = Authority(folder, "an authority")
        pair = authority.issue("localhost")
        with a_node("-auth", file, "-http-cert", pair.certificate, "-http-key", pair.key,
                    tls=authority.client()) as node:
            node.authority = str(authority.certificate)
            yield node


@contextlib.contextmanager
def credentials():
    """The path of a file with CREDENTIALS."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(CREDENTIALS, file)
        file.flush()
        yield file.name
