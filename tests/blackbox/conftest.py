import tempfile
from pathlib import Path

import pytest

from node import Node


@pytest.fixture
def home():
    """A directory that is gone after the test; a node's log takes tens of megabytes."""
    with tempfile.TemporaryDirectory(prefix="rqlited-") as path:
        yield Path(path)


@pytest.fixture
def make_node(home):
    """Makes nodes, not started. What still runs at the end of the test is killed."""
    made = []

    def make(*flags, directory=None):
        made.append(Node(directory or home / f"node{len(made) + 1}", *flags))
        return made[-1]

    yield make
    for node in made:
        node.kill()
        print(node.whole_log())  # shown if the test failed


@pytest.fixture
def start_node(make_node):
    def start(*flags, **options):
        node = make_node(*flags, **options)
        node.start()
        return node

    return start


@pytest.fixture
def node(start_node):
    """A node as most people run it, with an empty database."""
    return start_node()


@pytest.fixture
def client(node):
    return node.client
