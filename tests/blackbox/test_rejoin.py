"""Nodes that were removed from their cluster, and come back."""

import http.server
import random
import threading
import time

import pytest

from members import INSERT, ids
from node import eventually
from recovery import forget_to_join


@pytest.fixture
def trio(calm_trio):
    return calm_trio


def remove(node, name):
    assert node.client.send("DELETE", "/remove", {"id": name}).status == 200


def identity(node):
    return (node.data / "raft" / "identity").read_bytes()


def members(node):
    return ids(node.client.send("GET", "/nodes?nonvoters").json)


def rejoin(nodes, node):
    """Restarts a removed node with what it was started with."""
    before = identity(node)
    assert node.stop() == 0
    nodes[0].client.must([INSERT, "while it was away"])
    node.start()
    assert "this node was removed from its cluster, and joins it as a new one" in node.log()
    assert "rqlite server stopped" not in node.log()  # it goes on
    assert identity(node) != before
    assert members(nodes[0]) == ["1", "2", "3"]
    nodes.wait_until_equal()
    eventually(lambda: not (node.data / "removed").exists())


def test_a_removed_node_comes_back_with_the_same_command_line(trio):
    for v in range(20):
        trio[0].client.must([INSERT, v])
    trio.wait_until_equal()
    for round in range(2):  # as often as one likes
        remove(trio[0], "3")
        eventually(lambda: trio[2].leader_address() == "")
        assert trio[2].rows() == 20 + round  # what it had, until it is restarted
        rejoin(trio, trio[2])
        assert trio[2].rows() == 21 + round
    # It counts as a voter does.
    trio[1].kill()
    trio[0].client.must([INSERT, "two of three"])


def test_a_removed_node_says_once_what_to_do(trio):
    said = (f"this node (ID=3, addr={trio[2].raft_address}) was removed from its cluster: it keeps "
            "what it has, and serves only reads of level none. Started again with -join, it comes "
            "back as a new member.")
    assert said not in trio[2].log()
    remove(trio[0], "3")
    eventually(lambda: said in trio[2].log())
    remove(trio[0], "2")
    eventually(lambda: "was removed from its cluster" in trio[1].log())
    assert trio[2].log().count(said) == 1
    assert "was removed from its cluster" not in trio[0].log()


def test_a_node_that_was_removed_while_it_was_down(trio):
    assert trio[2].stop() == 0
    before = identity(trio[2])
    remove(trio[0], "3")
    trio[0].client.must([INSERT, 1])
    trio[2].start()
    assert identity(trio[2]) != before
    trio.wait_until_equal()
    assert trio[2].rows() == 1


def test_a_copy_without_a_vote_comes_back(trio, make_member):
    copy = make_member("-raft-non-voter", first=trio[0])
    copy.start()
    remove(trio[0], "4")
    assert copy.stop() == 0
    copy.start()
    assert trio[0].client.send("GET", "/nodes?nonvoters").json["4"]["voter"] is False
    trio.wait_until_equal()
    assert copy.rows() == 0


def test_a_copy_gets_a_vote_by_a_removal_and_loses_it_by_another(trio, make_member):
    trio[0].client.must([INSERT, 1])
    copy = make_member("-raft-non-voter", first=trio[0])
    copy.start()
    flags = copy.flags
    for votes in (True, False):
        remove(trio[0], "4")
        assert copy.stop() == 0
        copy.flags = tuple(flag for flag in flags if flag != "-raft-non-voter" or not votes)
        copy.start()
        assert trio[0].client.send("GET", "/nodes?nonvoters").json["4"]["voter"] is votes
        assert copy.client.status("store.raft.voter") is votes
        eventually(lambda: copy.rows() == 1)


def test_a_leader_that_was_removed_comes_back(trio):
    old = trio[0]
    remove(old, "1")
    rest = type(trio)(trio[1:])
    leader = rest.leader()
    eventually(lambda: members(leader) == ["2", "3"])
    assert old.stop() == 0
    leader.client.must([INSERT, 1])
    old.flags += ("-join", leader.raft_address)
    old.start()
    assert members(leader) == ["1", "2", "3"]
    trio.wait_until_equal()
    assert old.rows() == 1


def test_without_being_told_to_join_it_stays_as_it_is(trio):
    remove(trio[0], "3")
    before = identity(trio[2])
    assert trio[2].stop() == 0
    at = trio[2].flags.index("-join")
    trio[2].flags = trio[2].flags[:at] + trio[2].flags[at + 2:]
    trio[2].launch()
    eventually(lambda: "node HTTP API available" in trio[2].log())
    assert trio[2].rows() == 0 and identity(trio[2]) == before
    assert trio[2].stop() == 0


def test_a_node_that_missed_its_removal_says_what_it_may_be(trio):
    assert trio[2].stop() == 0
    remove(trio[0], "3")
    forget_to_join(trio[2])
    trio[2].launch()
    eventually(lambda: "no leader is known for 10s: 2 of 2 other voters can be reached; if they have "
               "one, this node was removed while it did not run" in trio[2].log())


def test_what_was_put_away_founds_no_cluster(trio):
    """A process that died after it was decided, and somebody who forgets -join then."""
    for v in range(5):
        trio[0].client.must([INSERT, v])
    remove(trio[0], "3")
    assert trio[2].stop() == 0
    (trio[2].data / "fresh-start").write_bytes(b"")
    flags = trio[2].flags
    at = flags.index("-join")
    trio[2].flags = flags[:at] + flags[at + 2:]
    code, log = trio[2].fail_to_start()
    assert code == 1 and "this node waits to join a cluster" in log
    assert (trio[2].data / "removed" / "db.sqlite").exists()
    trio[2].flags = flags
    trio[2].start()
    eventually(lambda: not (trio[2].data / "removed").exists())
    trio.wait_until_equal()
    assert trio[2].rows() == 5


@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_dies_while_it_comes_back(trio, seed):
    chance = random.Random(seed)
    remove(trio[0], "3")
    assert trio[2].stop() == 0
    for _ in range(6):
        trio[2].launch()
        time.sleep(chance.uniform(0, 0.25))
        trio[2].kill()
    trio[2].start()
    assert members(trio[0]) == ["1", "2", "3"]
    trio[0].client.must([INSERT, seed])
    trio.wait_until_equal()
    assert trio[2].rows() == 1


# Whom it does not believe.

class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)  # as a node does
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        for name, value in self.server.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"gone")

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize("fields", [{}, {"Rqlite-Cluster": "another"}])
def test_a_stranger_removes_nobody(trio, fields):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.fields = fields
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        trio[0].client.must([INSERT, 1])
        trio.wait_until_equal()
        before = identity(trio[2])
        assert trio[2].stop() == 0
        at = trio[2].flags.index("-join")
        flags = list(trio[2].flags)
        flags[at + 1] = f"127.0.0.1:{server.server_port}"
        trio[2].flags = (*flags, "-join-attempts", "100", "-join-interval", "100ms")
        trio[2].start()
        eventually(lambda: "another cluster says: gone" in trio[2].log())
        eventually(lambda: "node HTTP API available" in trio[2].log())
    finally:
        server.shutdown()
        server.server_close()
    assert identity(trio[2]) == before
    assert not (trio[2].data / "fresh-start").exists()


def test_a_node_that_is_alone_is_not_removed_by_others(make_member):
    first, second = make_member(), make_member()
    first.start()
    second.start()
    second.client.must("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    assert second.stop() == 0
    second.flags += ("-join", first.raft_address)
    code, log = second.fail_to_start()
    assert code == 1 and "node is the only node in a single-node cluster" in log
    assert not (second.data / "fresh-start").exists()
