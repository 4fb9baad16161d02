"""The clients of a run, and the judge of what they were told. The programs do the work."""

import json
import subprocess

from programs import program

SCHEMA = ["CREATE TABLE registers(name TEXT PRIMARY KEY, value INTEGER)",
          "CREATE TABLE lines(id INTEGER PRIMARY KEY, line TEXT)"]
ALL_LINES = "SELECT id, line FROM lines ORDER BY id"


class Clients:
    """Clients of several kinds that use nodes and record what happens, in a process of their own.
    The nodes have SCHEMA."""

    def __init__(self, home, seed, **options):
        """`options` are flags of the program load: think="5ms", clients="plain=3"."""
        self._history = home / "history"
        self._rows = home / "rows"
        words = [word for name, value in options.items()
                 for word in (f"-{name.replace('_', '-')}", str(value))]
        self._process = subprocess.Popen(
            [program("load"), "-history", str(self._history), "-seed", str(seed), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def use(self, nodes):
        """These are the nodes from now on: pairs of identity and address. The first time, the
        clients begin."""
        self._tell("nodes " + " ".join(f"{name}={address}" for name, address in nodes))

    def stop(self):
        """Lets all of them end what they are at, and ask every node some last questions."""
        self._tell("stop")
        assert self._process.wait(60) == 0

    def _tell(self, order):
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer == "ok\n", f"load ended: {answer}"

    def close(self):
        """Whatever they are at."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def judge(self, rows):
        """What is wrong, given the rows that are there in the end: a list; how much was done; and
        why not all of it worked."""
        self._rows.write_text(json.dumps(rows))
        done = subprocess.run([program("judge"), "-history", self._history, "-rows", self._rows],
                              stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode in (0, 1), "the judge failed"
        report = json.loads(done.stdout)
        return report["violations"], report["counts"], report["reasons"]

    def operations(self):
        """What was recorded, after stop()."""
        with open(self._history) as file:
            return [json.loads(line) for line in file]


def pauses(operations, begin, end, kind="plain"):
    """The longest time without an acknowledged write of that kind between two moments of
    time.monotonic()."""
    ends = sorted(each["return"] / 1e9 for each in operations
                  if each["kind"] == kind and each["outcome"] == "ok")
    inside = [begin, *(at for at in ends if begin < at < end), end]
    return max(later - earlier for earlier, later in zip(inside, inside[1:]))
