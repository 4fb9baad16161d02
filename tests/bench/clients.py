"""Measures plain and queued writes with more and more clients.

Usage: clients.py RQLITED OUT.tsv [--seconds 4] [--clients 1,2,4,...]
Writes a line for each: the kind of write, clients, requests a second, p50 and p99 in milliseconds.
Needs wrk, which puts all clients on one thread."""
import argparse
import os
import shutil
import signal
import tempfile

from bench import INSERT, Node, wrk

KINDS = {"plain": "/db/execute", "queued": "/db/execute?queue", "queued, wait": "/db/execute?queue&wait"}


def milliseconds(text):
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    raise ValueError(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rqlited")
    parser.add_argument("out")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--clients", default="1,2,4,8,16,32,64,128,256")
    args = parser.parse_args()
    root = tempfile.mkdtemp(prefix="bench-", dir=".")
    lines = ["kind\tclients\trequests_per_second\tp50_ms\tp99_ms"]
    try:
        for kind, path in KINDS.items():
            for clients in map(int, args.clients.split(",")):
                node = Node(args.rqlited, os.path.join(root, f"{kind} {clients}"))
                try:
                    node.execute(["CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT)"])
                    got = wrk(node.port, INSERT % path, clients, args.seconds)
                    node.execute([], "?queue&wait&timeout=60s")
                    if node.count() < got["total"]:
                        raise SystemExit("acknowledged rows are missing")
                finally:
                    node.process.send_signal(signal.SIGKILL)
                    node.process.wait()
                lines.append(f"{kind}\t{clients}\t{got['rate']:.0f}\t{milliseconds(got['50']):.2f}"
                             f"\t{milliseconds(got['99']):.2f}")
                print(lines[-1], flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    with open(args.out, "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
