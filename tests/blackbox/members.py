"""Nodes of one cluster, and what is asked of them."""

from node import Node, eventually

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"
INSERT = "INSERT INTO t(v) VALUES(?)"
FAST = ("-raft-heartbeat-timeout", "300ms", "-raft-election-timeout", "300ms",
        "-raft-leader-lease-timeout", "200ms")
# For tests that a new election would disturb: FAST makes one when the machine is busy.
CALM = ("-raft-heartbeat-timeout", "5s", "-raft-election-timeout", "5s",
        "-raft-leader-lease-timeout", "5s")


class Nodes(list):
    def leader(self, within=20):
        """The node that leads, and that all others that live call so."""
        def agreed():
            said = {node.leader_address() for node in self.living()}
            if len(said) != 1 or not (address := said.pop()):
                return None
            return next((node for node in self.living() if node.raft_address == address), None)
        return eventually(agreed, within)

    def living(self):
        return [node for node in self if node.process is not None and node.process.poll() is None]

    def followers(self):
        leader = self.leader()
        return [node for node in self.living() if node is not leader]

    def wait_until_equal(self):
        """All have applied what the leader has."""
        index = self.leader().client.status("store.raft.applied_index")
        for node in self.living():
            eventually(lambda: node.client.status("store.raft.applied_index") >= index)


class Member(Node):
    def leader_address(self):
        try:
            return self.client.status("store.leader.addr") or ""  # {} while it opens
        except OSError:
            return ""

    def rows(self, level="none"):
        return self.client.query(["SELECT count(*) FROM t"], level=level).results[0]["values"][0][0]


def ids(nodes):
    return sorted(nodes)
