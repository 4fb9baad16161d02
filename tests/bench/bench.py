"""Measures a release build against what the machine can do, in the same run.

Usage: bench.py RQLITED LIMITS [--seconds 5] [--rounds 3] [--nodes 1] [--only NAME,...]
With several nodes all of them share this machine, and the load goes to the one that leads.
Needs wrk. Each figure is the median of its rounds; rows are counted in the database afterwards,
so that what was acknowledged and not stored would show."""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

INSERT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n = 0
function request()
  n = n + 1
  return wrk.format(nil, "%s", nil, '[["INSERT INTO t(a,b) VALUES(?,?)",' .. n .. ',"value-' .. n .. '"]]')
end
"""
BULK = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local rows = {}
for i = 1, 1000 do rows[i] = '["INSERT INTO t(a,b) VALUES(?,?)",' .. i .. ',"value-' .. i .. '"]' end
wrk.body = "[" .. table.concat(rows, ",") .. "]"
wrk.path = "%s"
"""
POINT = """local n = 0
function request()
  n = n + 1
  return wrk.format("GET", "/db/query?level=%s&q=SELECT%%20*%%20FROM%%20p%%20WHERE%%20id%%3D" .. (n %% 1000 + 1))
end
"""

SCAN = 'wrk.path = "/db/query?level=none&q=SELECT%20*%20FROM%20scan"\n'

# name: (script, connections, rows in a request, the limit it is held against)
WORKLOADS = {
    "queued": (INSERT % "/db/execute?queue", 64, 1, "no-op POST"),
    "queued+wait": (INSERT % "/db/execute?queue&wait", 16, 1, None),
    "durable, 1 connection": (INSERT % "/db/execute", 1, 1, "1 / (no-op round trip + fdatasync)"),
    "durable, 64 connections": (INSERT % "/db/execute", 64, 1, None),
    "bulk of 1000": (BULK % "/db/execute", 4, 1000, "SQLite in process"),
    "bulk of 1000, transaction": (BULK % "/db/execute?transaction", 4, 1000, "SQLite in process"),
    "read none": (POINT % "none", 64, 0, "no-op GET"),
    "read weak": (POINT % "weak", 64, 0, "no-op GET"),
    "read linearizable": (POINT % "linearizable", 64, 0, "no-op GET"),
    "read strong": (POINT % "strong", 64, 0, "no-op GET"),
    "scan of 10000 rows": (SCAN, 4, 0, None),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wrk(port, script, connections, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as f:
        f.write(script)
        f.flush()
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", f.name,
             f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        sys.exit(f"requests failed:\n{out}")
    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        "total": int(re.search(r"(\d+) requests in", out)[1]),
        **dict(re.findall(r"(50|99)%\s+([\d.]+\w+)", out)),
    }


class Node:
    def __init__(self, binary, directory, join=None, within=30):
        """A voter of the cluster that the node `join` is of, or of one of its own."""
        self.port = free_port()
        self.raft_address = f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [binary, "-http-addr", f"127.0.0.1:{self.port}", "-raft-addr", self.raft_address,
             *(["-join", join.raft_address] if join else []), directory],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time() + within
        while time.time() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2).read()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("the node did not become ready")

    def execute(self, statements, query=""):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/db/execute{query}",
                                         json.dumps(statements).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=120))

    def count(self):
        sql = urllib.parse.quote("SELECT COUNT(*) FROM t")
        url = f"http://127.0.0.1:{self.port}/db/query?level=strong&q={sql}"
        return json.load(urllib.request.urlopen(url, timeout=120))["results"][0]["values"][0][0]

    def memory_mb(self, field="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(field + r":\s+(\d+)", f.read())[1]) // 1024

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def measure_limits(program, root, seconds):
    def rate(what):
        return float(subprocess.run([program, what, os.path.join(root, what), str(seconds)],
                                    capture_output=True, text=True, check=True).stdout)
    limits = {"fdatasync": rate("fdatasync"), "SQLite in process": rate("sqlite")}
    port = free_port()
    server = subprocess.Popen([program, "http", str(port)])
    try:
        time.sleep(0.3)
        limits["no-op POST"] = wrk(port, INSERT % "/", 64, seconds)["rate"]
        limits["no-op GET"] = wrk(port, POINT % "none", 64, seconds)["rate"]
        lock_step = wrk(port, INSERT % "/", 1, seconds)["rate"]
    finally:
        server.kill()
    limits["no-op round trip"] = lock_step
    limits["1 / (no-op round trip + fdatasync)"] = 1 / (1 / lock_step + 1 / limits["fdatasync"])
    return limits


def run(node, script, connections, rows, seconds, drain):
    before = node.count()
    start = time.time()
    result = wrk(node.port, script, connections, seconds)
    if not rows:
        return result
    if drain:
        node.execute([], "?queue&wait&timeout=60s")
    stored = node.count() - before
    if stored < result["total"] * rows:
        sys.exit(f"{result['total'] * rows - stored} acknowledged rows are missing")
    result["rate"] = stored / (time.time() - start) if drain else result["rate"] * rows
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rqlited")
    parser.add_argument("limits")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--only")
    args = parser.parse_args()
    only = args.only.split(",") if args.only else list(WORKLOADS)
    root = tempfile.mkdtemp(prefix="bench-", dir=".")
    nodes = []
    try:
        limits = measure_limits(args.limits, root, min(args.seconds, 3))
        for name, rate in limits.items():
            print(f"limit: {name:36} {rate:10.0f}/s", flush=True)
        for i in range(args.nodes):
            nodes.append(Node(args.rqlited, os.path.join(root, f"node{i}"), nodes[0] if nodes else None))
        node = nodes[0]  # which leads, for it founded the cluster
        node.execute(["CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
                      "CREATE TABLE p(id INTEGER PRIMARY KEY, name TEXT, v REAL)",
                      "CREATE TABLE scan(id INTEGER PRIMARY KEY, name TEXT, v REAL)"])
        for table, rows in [("p", 1000), ("scan", 10000)]:
            node.execute([[f"INSERT INTO {table}(name, v) VALUES(?, ?)", f"name-{i}", i / 7]
                          for i in range(rows)], "?transaction")
        idle = node.memory_mb()
        for name in only:
            script, connections, rows, limit = WORKLOADS[name]
            rounds = [run(node, script, connections, rows, args.seconds, name == "queued")
                      for _ in range(args.rounds)]
            rate = statistics.median(r["rate"] for r in rounds)
            ratio = f"{rate / limits[limit]:5.2f} of {limit}" if limit else ""
            print(f"{name:28} {rate:10.0f}/s  p50 {rounds[-1]['50']:>8}  p99 {rounds[-1]['99']:>8}  {ratio}", flush=True)
        print(f"memory: {idle} MB idle, {node.memory_mb()} MB after the load")
    finally:
        for each in nodes:
            each.kill()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
