"""scripts/run-cluster: three nodes for whoever wants to see it. And what both scripts that start
nodes say when they start none."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from client import Client
from node import eventually

ROOT = Path(__file__).resolve().parents[2]
PORTS = 6


def free_run_of_ports():
    for first in range(21001, 29000, PORTS):
        try:
            for port in range(first, first + PORTS):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def obey_ctrl_c():
    """Whoever runs the tests in the background ignores it, and a shell cannot change that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def run_cluster(home):
    """Starts it, and gives the process with its nodes' processes once all are ready."""
    started = []

    def start(port):
        process = subprocess.Popen([ROOT / "scripts/run-cluster", "-raft-heartbeat-timeout", "500ms"],
                                   env=os.environ | {"RQLITE_PORT": str(port),
                                                     "RQLITE_DATA": str(home / "cluster")},
                                   stdout=subprocess.PIPE, text=True, preexec_fn=obey_ctrl_c)
        started.append(process)
        nodes = []
        for line in process.stdout:
            if found := re.search(r"node \d serves clients at .*, process (\d+)$", line):
                nodes.append(int(found[1]))
            if line.startswith("Ctrl-C stops"):
                break
        assert len(nodes) == 3
        return process, nodes

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def is_there(pid):
    return Path(f"/proc/{pid}").exists()


def test_three_nodes_for_a_look(run_cluster):
    port = free_run_of_ports()
    process, nodes = run_cluster(port)
    clients = [Client("localhost", port + 2 * i) for i in range(3)]
    clients[1].must("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    clients[2].must("INSERT INTO t(v) VALUES(1)")
    assert sorted(clients[0].send("GET", "/nodes").json) == ["1", "2", "3"]
    os.kill(nodes[0], signal.SIGKILL)
    # The others go on, and so does the script.
    eventually(lambda: clients[1].execute(["INSERT INTO t(v) VALUES(2)"]).text ==
               '{"results":[{"last_insert_id":2,"rows_affected":1}]}')
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not any(is_there(pid) for pid in nodes)
    # The next time all is there again.
    process, nodes = run_cluster(port)
    reply = Client("localhost", port).query(["SELECT v FROM t"], level="strong")
    assert reply.results[0]["values"] == [[1], [2]]


# What starts nothing.

def run(script, *arguments, port=4001, data):
    """Of a script that ends by itself."""
    return subprocess.run([ROOT / "scripts" / script, *arguments], capture_output=True, text=True,
                          env=os.environ | {"RQLITE_PORT": str(port), "RQLITE_DATA": str(data)},
                          timeout=60, check=False)


@pytest.mark.parametrize("nth", range(PORTS))
def test_a_port_that_is_taken_is_named_and_nothing_is_started(home, nth):
    """Whoever listens there may be ready, as a node is that has nothing to do with this."""
    port = free_run_of_ports()
    with socket.create_server(("127.0.0.1", port + nth)):
        done = run("run-cluster", port=port, data=home / "cluster")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"something listens on port {port + nth} here already" in done.stderr
    assert not (home / "cluster").exists()


@pytest.mark.parametrize("port", ["x", "0", "-1", "40 01", "04001", "65531", "a[$(exit 7)]"])
def test_a_port_that_is_none_is_refused(home, port):
    done = run("run-cluster", port=port, data=home / "cluster")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("run-cluster: RQLITE_PORT is the first of six ports, a number from 1 to "
                           f"65530, and not {port}\n")
    assert not (home / "cluster").exists()


@pytest.mark.parametrize("flag", ["-version", "--version"])
@pytest.mark.parametrize("script", ["run", "run-cluster"])
def test_the_version_is_said_once_and_nothing_is_started(home, script, flag):
    done = run(script, "-fk", flag, port=free_run_of_ports(), data=home / "cluster")
    assert done.returncode == 0, done.stderr
    assert done.returncode == 0
    assert re.fullmatch(r"rqlited \S.*\n", done.stdout + done.stderr)
    assert not (home / "cluster").exists()


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("script", ["run", "run-cluster"])
def test_help_starts_nothing(home, script, flag):
    before = sorted(ROOT.iterdir())
    done = run(script, "-fk", flag, port=free_run_of_ports(), data=home / "cluster")
    assert done.returncode == 0
    assert "Usage: " in done.stdout + done.stderr
    assert "node 1 serves" not in done.stdout and "once the node is up" not in done.stdout
    assert not (home / "cluster").exists() and sorted(ROOT.iterdir()) == before
