"""A node joins a cluster with a large database, while clients write: how long it takes, what the
writes feel, and how much memory that costs both sides.

Usage: catch_up.py RQLITED [--gb 2]"""
import argparse
import os
import shutil
import tempfile
import threading
import time

from bench import Node

# Of random bytes, which nothing makes smaller.
FILL = """INSERT INTO fill(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
SELECT randomblob(10000) FROM n"""
FILL_BYTES = 10000 * 10000


class Writer(threading.Thread):
    """One insert after the other, and how long the slowest took."""

    def __init__(self, node):
        super().__init__()
        self.node, self.done, self.slowest, self.count = node, False, 0, 0

    def run(self):
        while not self.done:
            start = time.time()
            assert "error" not in str(self.node.execute(["INSERT INTO t(v) VALUES(1)"]))
            self.slowest = max(self.slowest, time.time() - start)
            self.count += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rqlited")
    parser.add_argument("--gb", type=float, default=2)
    args = parser.parse_args()
    root = tempfile.mkdtemp(prefix="bench-", dir=".")
    nodes = []
    try:
        leader = Node(args.rqlited, os.path.join(root, "leader"))
        nodes.append(leader)
        leader.execute(["CREATE TABLE fill(v)", "CREATE TABLE t(v)"])
        for _ in range(round(args.gb * 1e9 / FILL_BYTES)):
            leader.execute([FILL])
        # The peak from here on.
        with open(f"/proc/{leader.process.pid}/clear_refs", "w") as f:
            f.write("5")
        writer = Writer(leader)
        writer.start()
        start = time.time()
        try:
            nodes.append(Node(args.rqlited, os.path.join(root, "follower"), join=leader, within=900))
            took = time.time() - start
        finally:
            writer.done = True
            writer.join()
        print(f"{args.gb:g} GB: ready after {took:.1f} s; meanwhile {writer.count / took:.0f} writes/s, "
              f"the slowest {writer.slowest * 1000:.0f} ms")
        for name, node in zip(("leader", "follower"), nodes):
            print(f"memory of the {name} at its peak: {node.memory_mb('VmHWM')} MB")
    finally:
        for each in nodes:
            each.kill()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
