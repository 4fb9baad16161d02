"""Nodes that found a cluster with -bootstrap-expect: in every order, with delays, twice, killed and
started again, too many, and behind cuts. There comes one cluster or none, never two."""

import itertools
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fault_run import new_seed
from network import Bridge
from node import eventually

# How many races of each kind with chance in them.
ROUNDS = int(os.environ.get("BOOTSTRAP_ROUNDS", "4"))
AT_ONCE = 3  # races that run side by side
FOUNDED_WITHIN = 30.0


class Race:
    """Nodes that all have the same list, started one after the other."""

    def __init__(self, cluster, expect):
        self.cluster = cluster
        self._expect = expect
        addresses = ",".join(member.raft_address for member in cluster)
        for member in cluster:
            member.flags += ("-bootstrap-expect", str(expect), "-join", addresses,
                             "-bootstrap-expect-timeout", "30s")
        self.acknowledged = []

    def start(self, order, delays):
        for number, delay in zip(order, delays):
            time.sleep(delay)
            self.cluster.members[number].launch()

    def write_everywhere(self):
        """To each that thinks it leads: if these were two clusters, one will lack the rows."""
        for number, report in self.cluster.reports().items():
            if report and report["raft"]["state"] == "Leader":
                line = f"{number}-{len(self.acknowledged)}"
                member = self.cluster.members[number]
                member.ask("POST", "/db/execute", '["CREATE TABLE IF NOT EXISTS t(line)"]', timeout=5)
                reply = member.ask("POST", "/db/execute", f"[[\"INSERT INTO t VALUES('{line}')\"]]",
                                   timeout=5)
                if reply and reply.status == 200 and "error" not in reply.text:
                    self.acknowledged.append(line)

    def leaders(self):
        """Those that lead and say so now."""
        return [number for number, report in self.cluster.reports().items()
                if report and report["raft"]["state"] == "Leader"]

    def must_become_one(self):
        """All of them, with the same members, and what anybody acknowledged is there."""
        def is_one():
            self.write_everywhere()
            self.cluster.supervise()
            reports = self.cluster.reports()
            views = {str(report and (report["leader"], report["nodes"])) for report in reports.values()}
            one = next(iter(reports.values()))
            return (len(views) == 1 and one and one["leader"]["node_id"]
                    and len(one["nodes"]) == len(self.cluster.members))

        eventually(is_one, FOUNDED_WITHIN, every=0.1)
        self.write_everywhere()
        assert self.acknowledged
        for member in self.cluster:
            reply = member.ask("GET", "/db/query?level=strong&q=SELECT%20line%20FROM%20t", timeout=10)
            lines = [row[0] for row in reply.results[0]["values"]]
            assert lines == self.acknowledged, (member.id, lines, self.acknowledged)
        assert not self.cluster.observer.violations()

    def end(self):
        for member in self.cluster:
            member.kill()


@pytest.fixture
def chance():
    seed = new_seed()
    print(f"FAULT_SEED={seed}")
    return random.Random(seed)


def some_delays(chance, count):
    return [chance.choice([0, 0, chance.uniform(0, 0.1), chance.uniform(0, 2)]) for _ in range(count)]


def side_by_side(calls):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


@pytest.mark.parametrize("how", ["at once", "with delays"])
def test_three_in_every_order(make_cluster, chance, how):
    def race(order, delays):
        cluster = Race(make_cluster(3), 3)
        cluster.start(order, delays)
        cluster.must_become_one()
        cluster.end()

    side_by_side([lambda order=order, delays=some_delays(chance, 3) if how == "with delays" else [0] * 3:
                  race(order, delays) for order in itertools.permutations([1, 2, 3])])


def test_five_in_some_orders(make_cluster, chance):
    def race(order, delays):
        cluster = Race(make_cluster(5), 5)
        cluster.start(order, delays)
        cluster.must_become_one()
        cluster.end()

    orders = list(itertools.permutations([1, 2, 3, 4, 5]))
    chance.shuffle(orders)
    side_by_side([lambda order=order, delays=some_delays(chance, 5): race(order, delays)
                  for order in orders[:ROUNDS]])


def test_more_than_were_expected(make_cluster, chance):
    """Two sets of three could each be enough."""
    def race(order, delays):
        cluster = Race(make_cluster(5), 3)
        cluster.start(order, delays)
        cluster.must_become_one()
        cluster.end()

    side_by_side([lambda order=chance.sample(range(1, 6), 5), delays=some_delays(chance, 5):
                  race(order, delays) for _ in range(ROUNDS)])


def test_killed_and_started_again_meanwhile(make_cluster, chance):
    def race(size, order, delays, kills):
        cluster = Race(make_cluster(size), size)
        cluster.start(order, delays)
        for number, delay, pause in kills:
            time.sleep(delay)
            member = cluster.cluster.members[number]
            member.kill()
            time.sleep(pause)
            member.launch()
        cluster.must_become_one()
        cluster.end()

    side_by_side([
        lambda size=size, order=chance.sample(range(1, size + 1), size),
        delays=some_delays(chance, size),
        kills=[(chance.randint(1, size), chance.uniform(0, 1), chance.choice([0, 0.5]))
               for _ in range(4)]: race(size, order, delays, kills)
        for _ in range(ROUNDS) for size in (3, 5)])


def test_each_started_twice(make_cluster, chance):
    """The second process of a node goes away and does no harm."""
    def race(size, order):
        cluster = Race(make_cluster(size), size)
        for number in order:
            cluster.cluster.members[number].launch()
        for number in order:
            member = cluster.cluster.members[number]
            first = member.process
            # It listens before it opens anything, so the second can only be the one that loses,
            # once the first listens; before, either may.
            member.launch()
            second = member.process
            eventually(lambda pair=(first, second): any(each.poll() is not None for each in pair))
            loser, member.process = ((second, first) if first.poll() is None else (first, second))
            assert loser.poll() == 1
            assert member.process.poll() is None
        cluster.must_become_one()
        cluster.end()

    side_by_side([lambda size=size, order=chance.sample(range(1, size + 1), size): race(size, order)
                  for size in (3, 5)])


def test_lists_in_another_order_and_with_repetitions(make_cluster, chance):
    cluster = make_cluster(3)
    addresses = [member.raft_address for member in cluster]
    race = Race(cluster, 3)
    for member in cluster:
        chance.shuffle(addresses)
        at = member.flags.index("-join") + 1
        member.flags = (*member.flags[:at], ",".join([*addresses, addresses[0]]), *member.flags[at + 1:])
    race.start(chance.sample([1, 2, 3], 3), some_delays(chance, 3))
    race.must_become_one()


def test_too_few_found_nothing(make_cluster):
    race = Race(make_cluster(3), 3)
    race.start([1, 2], [0, 0])
    until = time.monotonic() + 4  # as long as several passes of their loops
    while time.monotonic() < until:
        assert not race.leaders()
        time.sleep(0.1)
    race.start([3], [0])
    race.must_become_one()


def test_two_with_one_identity(make_cluster):
    """They may found a cluster with either, or none; but no two."""
    cluster = make_cluster(4)
    impostor = cluster.members[4]
    impostor.flags = tuple("n3" if word == "n4" else word for word in impostor.flags)
    race = Race(cluster, 3)
    race.start([1, 2, 3, 4], [0] * 4)
    until = time.monotonic() + 6
    while time.monotonic() < until:
        race.write_everywhere()
        time.sleep(0.1)
    views = [report for report in cluster.reports().values()
             if report and report["leader"]["node_id"]]
    leaders = {report["leader"]["addr"] for report in views}
    assert len(leaders) <= 1
    for report in views:
        assert len({each["id"] for each in report["nodes"]}) == len(report["nodes"])


@pytest.mark.parametrize("size, expect", [(3, 3), (5, 5), (5, 3)])
def test_behind_a_cut(make_network, make_cluster, chance, size, expect):
    """While it lasts, one side at most has a leader; afterwards they are one."""
    for _ in range(max(1, ROUNDS // 4)):
        network = make_network(Bridge, size)
        race = Race(make_cluster(size, network=network), expect)
        members = chance.sample(range(1, size + 1), size)
        at = chance.randint(1, size - 1)
        sides = [members[:at], members[at:]]
        network.split(*sides)
        race.start(members, [0] * size)
        until = time.monotonic() + 5
        founders = set()
        while time.monotonic() < until:
            founders |= {0 if number in sides[0] else 1 for number in race.leaders()}
            race.write_everywhere()
            time.sleep(0.1)
        assert len(founders) <= 1
        network.heal()
        race.must_become_one()
        race.end()


def test_behind_one_way_cuts(make_network, make_cluster, chance):
    network = make_network(Bridge, 3)
    race = Race(make_cluster(3, network=network), 3)
    for one, other in chance.sample(list(itertools.permutations([1, 2, 3], 2)), 3):
        network.cut(one, other)
    race.start(chance.sample([1, 2, 3], 3), [0] * 3)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        race.write_everywhere()
        time.sleep(0.1)
    network.heal()
    race.must_become_one()
