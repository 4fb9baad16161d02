"""The networks themselves: cuts cut, bad links are as bad as they are to be, nothing is left."""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from network import NAMESPACES, Bridge, Wire
from node import eventually
from sockets import socket_in


@pytest.fixture(params=[Bridge, Wire])
def network(request, make_network):
    return make_network(request.param, 3)


class Sockets:
    """One of each member, for single packets."""

    def __init__(self, network):
        self.of = {member: socket_in(network, member) for member in network.members}

    def send(self, sender, receiver, text="x"):
        """Whether the sender had a way to the receiver."""
        try:
            self.of[sender].sendto(text.encode(), self.of[receiver].getsockname())
        except OSError:
            return False
        return True

    def receive(self, receiver, within):
        """What arrives next, or None."""
        self.of[receiver].settimeout(within)
        try:
            return self.of[receiver].recv(100).decode()
        except TimeoutError:
            return None

    def receive_all(self, receiver):
        """What arrives until nothing does for a while."""
        return list(iter(lambda: self.receive(receiver, 0.5), None))

    def arrives(self, sender, receiver):
        return self.send(sender, receiver) and self.receive(receiver, 0.3) is not None

    def ways(self):
        """All pairs between which packets arrive."""
        return {(a, b) for a in self.of for b in self.of if a != b and self.arrives(a, b)}

    def seconds(self, sender, receiver):
        """How long a packet takes."""
        began = time.monotonic()
        assert self.send(sender, receiver) and self.receive(receiver, 5)
        return time.monotonic() - began


@pytest.fixture
def sockets(network):
    made = Sockets(network)
    yield made
    for each in made.of.values():
        each.close()


ALL = {(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)}


def test_all_reach_all(sockets):
    assert sockets.ways() == ALL


def test_a_cut_is_one_direction(network, sockets):
    network.cut(1, 2)
    assert not sockets.send(1, 2)
    assert sockets.ways() == ALL - {(1, 2)}
    network.cut(1, 2)
    network.mend(1, 2)
    network.mend(1, 2)
    assert sockets.ways() == ALL


def test_a_whole_cut_is_both(network, sockets):
    network.cut_both(1, 2)
    assert sockets.ways() == ALL - {(1, 2), (2, 1)}
    network.heal()
    assert sockets.ways() == ALL


def test_one_that_is_isolated_reaches_nobody_but_the_tests(network, sockets):
    network.isolate(2)
    assert sockets.ways() == {(1, 3), (3, 1)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.sendto(b"hello", sockets.of[2].getsockname())
        assert sockets.receive(2, 1) == "hello"
    network.heal()
    assert sockets.ways() == ALL


def test_a_cut_ends_connections_that_were_open(network):
    with socket_in(network, 1, socket.SOCK_STREAM) as server, \
            socket_in(network, 2, socket.SOCK_STREAM) as client:
        server.listen()
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(0.5)
            client.send(b"before")
            assert accepted.recv(100) == b"before"
            network.cut(2, 1)
            client.send(b"after")
            with pytest.raises(TimeoutError):
                accepted.recv(100)
            network.heal()
            accepted.settimeout(20)  # TCP sends again at intervals that grow
            assert accepted.recv(100) == b"after"


def test_nothing_is_left(make_network):
    network = make_network(Bridge, 2)
    names = [network.namespace(member) for member in network.members]
    assert all((NAMESPACES / name).exists() for name in names)
    network.__exit__()
    assert not any((NAMESPACES / name).exists() for name in names)
    assert not Path(f"/sys/class/net/{network.name}").exists()
    network.__enter__()  # for the fixture


def test_two_networks_at_once_do_not_meet(make_network):
    one, other = make_network(Bridge, 1), make_network(Wire, 1)
    assert one.address(1) != other.address(1)
    with socket_in(one, 1) as a, socket_in(other, 1) as b:
        a.settimeout(0.3)
        try:
            b.sendto(b"hello", a.getsockname())
        except OSError:
            pass  # it has no way there, which is as well
        with pytest.raises(TimeoutError):
            a.recv(100)


DEAD_RUN = """
import sys, subprocess, time
sys.path[:0] = sys.argv[1:]
from network import Bridge
network = Bridge(2).__enter__()
process = subprocess.Popen([*network.prefix(1), "sleep", "1000"])
print(network.name, process.pid, flush=True)
time.sleep(1000)
"""


def test_what_a_dead_run_left_is_removed(make_network):
    make_network(Bridge, 1)  # or skip
    with subprocess.Popen([sys.executable, "-c", DEAD_RUN, *sys.path], stdout=subprocess.PIPE,
                          text=True) as run:
        name, process = run.stdout.readline().split()
        run.kill()
    assert list(NAMESPACES.glob(f"{name}-*"))
    make_network(Bridge, 1)
    assert not (NAMESPACES / f"{name}-2").exists()  # that of one member may be new
    eventually(lambda: not runs(process))


def runs(process):
    """Whether it is there, and not only because nobody has asked for its end."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


# Bad links.

@pytest.fixture
def wire(make_network):
    return make_network(Wire, 2)


@pytest.fixture
def pair(wire):
    made = Sockets(wire)
    yield made
    for each in made.of.values():
        each.close()


def test_a_delay_is_one_directions(wire, pair):
    assert statistics.median(pair.seconds(1, 2) for _ in range(20)) < 0.01
    wire.shape(1, 2, delay=0.05)
    assert 0.05 <= statistics.median(pair.seconds(1, 2) for _ in range(20)) < 0.07
    assert statistics.median(pair.seconds(2, 1) for _ in range(20)) < 0.01
    wire.heal()
    assert statistics.median(pair.seconds(1, 2) for _ in range(20)) < 0.01


def test_jitter_is_within_its_bounds(wire, pair):
    wire.shape(1, 2, delay=0.02, jitter=0.04)
    times = [pair.seconds(1, 2) for _ in range(60)]
    assert min(times) >= 0.02
    assert 0.03 < statistics.mean(times) < 0.06


def test_loss(wire, pair):
    wire.shape(1, 2, loss=0.3)
    for _ in range(1000):
        assert pair.send(1, 2)
    assert 600 < len(pair.receive_all(2)) < 800


def test_a_silent_cut(wire, pair):
    wire.shape(1, 2, loss=1)
    assert pair.send(1, 2)
    assert pair.receive(2, 0.3) is None
    assert pair.arrives(2, 1)
    wire.heal()
    assert pair.arrives(1, 2)


def test_duplicates(wire, pair):
    wire.shape(1, 2, duplicate=0.2)
    for n in range(500):
        assert pair.send(1, 2, str(n))
    arrived = pair.receive_all(2)
    assert set(arrived) == {str(n) for n in range(500)}
    assert 550 < len(arrived) < 650


def test_some_overtake_others(wire, pair):
    wire.shape(1, 2, delay=0.05, reorder=0.2)
    for n in range(200):
        assert pair.send(1, 2, str(n))
    arrived = [int(text) for text in pair.receive_all(2)]
    assert sorted(arrived) == list(range(200))
    assert arrived != sorted(arrived)
    late = [n for n in arrived if n not in arrived[:len(arrived) // 10]]
    assert late[-50:] == sorted(late[-50:])  # those that are delayed keep their order


def test_connections_work_over_a_bad_link(wire):
    wire.shape_both(1, 2, delay=0.005, jitter=0.005, loss=0.05, duplicate=0.05, reorder=0.05)
    data = os.urandom(200_000)
    with socket_in(wire, 1, socket.SOCK_STREAM) as server, \
            socket_in(wire, 2, socket.SOCK_STREAM) as client:
        server.listen()
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            client.setblocking(False)
            accepted.settimeout(30)
            sent, received = 0, b""
            while len(received) < len(data):
                try:
                    sent += client.send(data[sent:sent + 10000]) if sent < len(data) else 0
                except BlockingIOError:
                    pass
                received += accepted.recv(1 << 16)
            assert received == data
