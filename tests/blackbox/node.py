"""One rqlited process on free ports, with a data directory of its own."""

import itertools
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from client import Client

ROOT = Path(__file__).resolve().parents[2]
RQLITED = os.path.abspath(os.environ.get("RQLITED", ROOT / "build/release/bin/rqlited"))
HOST = "127.0.0.1"


def eventually(condition, within=20.0, every=0.005):
    """Waits until the condition holds and returns what it returned."""
    deadline = time.monotonic() + within
    while True:
        if result := condition():
            return result
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(every)


def is_free(port):
    with socket.socket() as probe:
        # What is left of an ended connection is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def candidates():
    """Ports for those who listen, over and over. Not of the range from which any connection may take
    its own at any time, if that leaves some; and not from the start, for other runs beside this one
    look for ports as well."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [port for port in range(10_000, 32_000) if not low <= port <= high]
    ports = ports or list(range(10_000, 32_000))
    random.shuffle(ports)
    return itertools.cycle(ports)


CANDIDATES = candidates()


def free_ports(count):
    """Ports that nobody listens on just now, and that nobody takes but to listen; each is given once
    in a long time."""
    return list(itertools.islice(filter(is_free, CANDIDATES), count))


def run(*arguments):
    """Runs rqlited to its end, for what it says on the command line."""
    return subprocess.run([RQLITED, *map(str, arguments)], capture_output=True, text=True,
                          timeout=30, check=False)


class Node:
    def __init__(self, directory, *flags):
        self.home = Path(directory)
        self.data = self.home / "data"
        self.flags = flags
        self.settle_at(HOST, *free_ports(2))
        self.login = {}  # the headers with which it may be asked whether it is ready
        self.wrapper = []  # a command that runs the process
        self.process = None
        self.client = None
        self.tls = None  # the ssl.SSLContext of its clients, if it speaks TLS
        self._clients = []

    def settle_at(self, host, port, raft_port):
        """Where its next start listens."""
        self.host, self.port, self.raft_port = host, port, raft_port
        self.address = f"{host}:{port}"
        self.raft_address = f"{host}:{raft_port}"

    # Life and death.

    def arguments(self):
        return ["-http-addr", self.address, "-raft-addr", self.raft_address, *self.flags,
                str(self.data)]

    def launch(self):
        """Starts the process without waiting for anything."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._log_start = len(self.whole_log())
        with open(self.home / "log", "ab") as log, open(self.home / "stdout", "ab") as out:
            self.process = subprocess.Popen([*self.wrapper, RQLITED, *self.arguments()],
                                            stdout=out, stderr=log)
        self.client = self.new_client()

    def start(self):
        """Starts it, waits until it is ready, and returns how long that took."""
        began = time.monotonic()
        self.launch()
        eventually(self.is_ready, every=0.002)
        return time.monotonic() - began

    def is_ready(self):
        assert self.process.poll() is None, f"it did not start:\n{self.log()}"
        try:
            return self.client.send("GET", "/readyz", headers=self.login).status == 200
        except OSError:
            return False

    def has_booted(self):
        """Whether it has found its cluster: one just founded may know it before it does, and take it."""
        return ("boot operation marked done" in self.log()
                or "succeeded directly joining cluster" in self.log())

    def fail_to_start(self):
        """Starts a node that must not come up; the exit code, and what this start logged."""
        self.launch()
        return self.wait(), self.log()

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            eventually(self._stands_still)  # until then it may answer yet

    def _stands_still(self):
        """No thread runs: all are stopped, or the process has ended."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        try:
            texts = [stat.read_text() for stat in tasks.glob("*/stat")]
        except (FileNotFoundError, ProcessLookupError):  # a thread has just ended
            return False
        return all(text.rpartition(")")[2].split()[0] in "TtZX" for text in texts)

    def wait(self, within=30):
        code = self.process.wait(within)
        for client in self._clients:
            client.close()
        self._clients.clear()
        return code

    def stop(self):
        """The exit code after SIGTERM."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.wait()

    def restart(self):
        assert self.stop() == 0, self.log()
        return self.start()

    # What can be seen of it.

    def new_client(self, timeout=60):
        client = Client(self.host, self.port, timeout, self.tls)
        self._clients.append(client)
        return client

    def connect(self):
        """A bare connection, for what no HTTP library would send."""
        return socket.create_connection((self.host, self.port), timeout=30)

    def peak_mebibytes(self):
        """The most memory that the process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    def whole_log(self):
        try:
            return (self.home / "log").read_text()
        except FileNotFoundError:
            return ""

    def log(self):
        """What the process logged since it was last launched."""
        return self.whole_log()[self._log_start:]

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def log_segments(self):
        return sorted((self.data / "raft" / "log").glob("*.seg"))


def launch(nodes):
    for node in nodes:
        node.launch()
