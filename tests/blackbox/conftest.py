import json
import tempfile
from pathlib import Path

import pytest

from disk import Ballast, mount_small, unmount
from guards import basic, user
from members import CALM, FAST, TABLE, Member, Nodes
from node import Node, eventually
from queues import BATCHES, INSERT, LOG, SLOW, Stuck, in_background


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


@pytest.fixture(scope="module")
def shared():
    """One node for all tests of a file, which leave nothing in it that another would notice."""
    with tempfile.TemporaryDirectory(prefix="rqlited-") as path:
        node = Node(Path(path) / "shared")
        node.start()
        yield node
        node.kill()


@pytest.fixture
def client(node):
    return node.client


@pytest.fixture
def start_guarded(make_node, home):
    """Starts a node with these users, each of whom has the password `pw` if nothing else is said."""
    def start(*users):
        path = home / "auth.json"
        path.write_text(json.dumps([user("ops", "ready", password="ops"), *users]))
        node = make_node("-auth", str(path))
        node.users = path
        node.login = basic("ops", "ops")
        node.start()
        return node

    return start


@pytest.fixture
def small_disks(home):
    """Two of them."""
    disks = [home / "disk", home / "other disk"]
    mounted = []
    try:
        for each in disks:
            mount_small(each)
            mounted.append(each)
        yield disks
    finally:
        for each in mounted:
            unmount(each)


@pytest.fixture
def small_disk(home):
    mount_small(home / "disk")
    yield home / "disk"
    unmount(home / "disk")


# For tests of the write queue.

@pytest.fixture
def start_queue(start_node):
    """Starts nodes that have the table that queued writes go to."""
    def start(*flags, **options):
        node = start_node(*flags, **options)
        node.client.must(LOG)
        return node

    return start


@pytest.fixture
def full(start_queue):
    """A node whose queue of four is full until a long statement ends. `accepted` is what it holds,
    the first four of which are on their way."""
    node = start_queue("-write-queue-capacity", "4", "-write-queue-batch-size", "1")
    node.busy = in_background(lambda: node.new_client().execute([SLOW]))[0]
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    node.accepted = [str(n) for n in range(BATCHES + 4)]
    for line in node.accepted:
        assert node.client.queue([[INSERT, line]]).status == 200
    report = node.client.queue_report()
    assert (report["in_flight"], report["depth"]) == (BATCHES, 4)
    yield node
    node.kill()
    node.busy.join()


@pytest.fixture
def start_stuck(start_node, small_disk):
    """Starts a node whose disk is full."""
    def start(*flags):
        return Stuck(start_node(*flags, directory=small_disk / "node"), Ballast(small_disk))

    return start


# For tests of clusters.

@pytest.fixture
def make_member(home):
    made = Nodes()

    def make(*flags, first=None, name=None, directory=None):
        node = Member(directory or home / f"node{len(made) + 1}", "-node-id", name or str(len(made) + 1),
                      *(("-join", first.raft_address) if first else ()), *FAST, *flags)
        made.append(node)
        return node

    make.all = made
    yield make
    for node in made:
        node.kill()
        print(node.whole_log())


def start_trio(make_member, *flags):
    first = make_member(*flags)
    first.start()
    for _ in range(2):
        make_member(*flags, first=first).start()
    first.client.must(TABLE)
    make_member.all.wait_until_equal()
    return make_member.all


@pytest.fixture
def trio(make_member):
    """Three voters with an empty table t."""
    return start_trio(make_member)


@pytest.fixture
def calm_trio(make_member):
    """The same, in which nothing happens by itself: however busy the machine is, the first one goes
    on leading, and nobody asks to be let in any more, as a voter does that is one already."""
    nodes = start_trio(make_member, *CALM)
    for node in nodes[1:]:
        eventually(lambda: "successfully joined cluster at" in node.log())
    return nodes


@pytest.fixture
def hasty_trio(make_member):
    """Three voters that stay what they are for some seconds, whatever happens, and whose stops have
    little patience. Each queued request is a batch."""
    return start_trio(make_member, *CALM, "-write-queue-drain-timeout", "500ms",
                      "-write-queue-batch-size", "1")


@pytest.fixture
def unlike_files(make_member, home):
    """Two members: the leader lets bob only read, the other one lets him do everything."""
    strict, lax = home / "strict.json", home / "lax.json"
    strict.write_text(json.dumps([user("ops", "all"), user("bob", "query")]))
    lax.write_text(json.dumps([user("ops", "all"), user("bob", "all")]))
    first = make_member("-auth", str(strict))
    second = make_member("-auth", str(lax), "-join-as", "ops", first=first)
    for node in (first, second):
        node.login = basic("ops", "pw")
        node.start()
    return first, second
