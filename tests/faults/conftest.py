import itertools
import sys
import tempfile
from pathlib import Path

import pytest

# What drives single nodes is shared with the black-box tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "blackbox"))

from cluster import Cluster  # noqa: E402  (found by the line above)
from network import NotAllowed  # noqa: E402
from node import Node  # noqa: E402


@pytest.fixture
def home():
    """A directory that is gone after the test."""
    with tempfile.TemporaryDirectory(prefix="rqlited-") as path:
        yield Path(path)


@pytest.fixture
def make_network():
    """Makes a network, which is gone after the test; skips the test where that is not allowed."""
    made = []

    def make(kind, *arguments, **options):
        network = kind(*arguments, **options)
        try:
            made.append(network.__enter__())
        except NotAllowed as reason:
            pytest.skip(f"needs network namespaces: {reason}")
        return network

    yield make
    for network in reversed(made):
        network.__exit__()


@pytest.fixture
def start_node(home):
    """Starts single nodes, which are gone after the test; a wrapper is a command that runs them."""
    made = []

    def start(*flags, wrapper=()):
        node = Node(home / f"node{len(made) + 1}", *flags)
        made.append(node)
        node.wrapper = list(wrapper)
        node.start()
        return node

    yield start
    for node in made:
        node.kill()


@pytest.fixture
def make_cluster(home):
    """Makes clusters, not started, for any thread. What still runs at the end of the test is
    killed."""
    made = []
    numbers = itertools.count(1)

    def make(size, **options):
        place = home / f"cluster{next(numbers)}"
        place.mkdir()
        cluster = Cluster(place, size, **options)
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        for member in cluster.observer.watched:
            print(f"--- {member.id}\n{member.whole_log()[-5000:]}")  # shown if the test failed
        cluster.close()
