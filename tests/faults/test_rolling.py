"""Every member is restarted or replaced, one after the other, under load: nothing is lost or doubled,
and writes hardly pause."""

import json
import time

import pytest

from clients import Clients, pauses
from fault_run import differences, new_seed
from node import eventually
from stalls import Stalls

SIZE = 3
# The longest that writes may pause when a member goes: told to, or by kill -9. What the machine
# itself takes comes on top.
PAUSE = {"stop": 0.3, "kill": 3.0}
# Many who write, so that what is measured is the cluster's pause and not a client's.
LOAD = {"clients": "plain=9,queued=3,curious=3,keyed=3,register=3", "think": "5ms"}


class Rolling:
    """A cluster under load, and how long writes paused in each step."""

    def __init__(self, cluster, home):
        self.cluster = cluster
        cluster.start_by_joining()
        cluster.make_tables()
        self.clients = Clients(home, new_seed(), **LOAD)
        self.clients.use(cluster.places())
        self._steps = []  # name, begin, end
        self.stalls = Stalls(home)
        time.sleep(1)  # of load before the first step

    def step(self, name, act):
        begin = time.monotonic()
        act()
        self.cluster.wait_until_whole()
        time.sleep(0.5)  # and between two steps
        self._steps.append((name, begin, time.monotonic()))

    def finish(self, longest):
        cluster = self.cluster
        self.clients.stop()
        cluster.drain_queues()
        rows = cluster.rows()
        contents = cluster.settle()
        violations, counts, reasons = self.clients.judge(rows)
        violations += cluster.observer.violations() + differences("replicas", contents)
        operations = self.clients.operations()
        for name, begin, end in self._steps:
            pause, stalled = pauses(operations, begin, end), self.stalls.between(begin, end)
            text = f"{name}: writes paused for {pause:.3f} s, and the machine for {stalled:.3f} s"
            print(text)
            if pause >= longest + stalled:
                violations.append(f"{text}: more than {longest} s longer")
        print(counts)
        for reason, count in sorted(reasons.items(), key=lambda each: -each[1])[:20]:
            print(f"{count:8} {reason}")
        assert not violations, "\n".join(violations[:40])
        assert counts["plain ok"] > 100

    def is_gone_everywhere(self, member):
        return all(member.id not in [each["id"] for each in report["nodes"]]
                   for report in self.cluster.reports().values() if report)

    def wait_until_unused(self, member):
        """Until nobody queues writes at it and none is left: nobody stores them once it is out."""
        accepted = None

        def is_quiet():
            nonlocal accepted
            before = accepted
            queue = member.ask("GET", "/db/queue").json
            accepted = queue["accepted"]
            return accepted == before and queue["depth"] == queue["in_flight"] == 0

        eventually(is_quiet, every=0.1)

    def remove(self, member):
        """Ends its membership."""
        other = next(each for each in self.cluster if each is not member)
        reply = other.ask("DELETE", "/remove", json.dumps({"id": member.id}), timeout=10)
        assert reply and reply.status == 200, reply
        self.cluster.forget(member)
        eventually(lambda: self.is_gone_everywhere(member))

    def add(self):
        """One more, which is ready."""
        member = self.cluster.add("-join", ",".join(each.raft_address for each in self.cluster))
        member.launch()
        self.cluster.wait_until_whole()
        return member


@pytest.fixture
def rolling(make_cluster, home):
    made = Rolling(make_cluster(SIZE), home)
    yield made
    made.clients.close()
    made.stalls.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart(rolling, how):
    for member in rolling.cluster:
        # The leader last would be kinder; but each may lead when its turn comes.
        def restart(member=member):
            if how == "stop":
                assert member.stop() == 0
            else:
                member.kill()
            member.launch()

        leads = rolling.cluster.leader() is member
        rolling.step(f"{how} and start {member.id}{', which leads' if leads else ''}", restart)
    rolling.finish(PAUSE[how])


def test_restart_of_each_leader(rolling):
    for _ in range(SIZE):
        leader = rolling.cluster.leader()

        def restart(leader=leader):
            assert leader.stop() == 0
            leader.launch()

        rolling.step(f"stop and start {leader.id}, which leads", restart)
        assert rolling.cluster.leader() is not leader
    rolling.finish(PAUSE["stop"])


def test_replacement(rolling):
    cluster = rolling.cluster
    for old in list(cluster):
        def replace(old=old):
            rolling.add()
            rolling.clients.use([place for place in cluster.places() if place[0] != old.id])
            rolling.wait_until_unused(old)
            if cluster.leader() is old:
                reply = old.ask("POST", "/leader?wait", timeout=10)
                assert reply and reply.status == 200, reply
            rolling.remove(old)
            assert old.stop() == 0

        rolling.step(f"replace {old.id}", replace)
    assert sorted(member.id for member in cluster) == ["n4", "n5", "n6"]
    rolling.finish(PAUSE["stop"])


def test_replacement_of_the_dead(rolling):
    cluster = rolling.cluster
    for old in list(cluster):
        def replace(old=old):
            old.kill()
            cluster.forget(old)
            cluster.leader()
            cluster.members[old.number] = old  # until it is removed
            rolling.remove(old)
            rolling.add()
            rolling.clients.use(cluster.places())

        rolling.step(f"replace {old.id}, which died", replace)
    rolling.finish(PAUSE["kill"])
