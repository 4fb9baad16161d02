"""Usage: with_nodes.py command [argument...]

Runs the command while nodes run, and exits as it did. The command's environment says where they
are:

  RQLITE_ADDRESS         host:port of an open node
  RQLITE_LOCKED_ADDRESS  host:port of one that only those in nodes.CREDENTIALS may use,
  RQLITE_NOT_LOCKED      or why there is none: the server does not know -auth yet
  RQLITE_DEAD_ADDRESS    host:port where nobody listens
"""

import contextlib
import os
import signal
import subprocess
import sys

from nodes import HOST, a_locked_node, a_node, free_ports, no_locked_node


def main(command):
    # An end from outside is an exception, so that the nodes end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with contextlib.ExitStack() as nodes:
        places = {"RQLITE_ADDRESS": nodes.enter_context(a_node()).address,
                  "RQLITE_DEAD_ADDRESS": f"{HOST}:{free_ports(1)[0]}"}
        if reason := no_locked_node():
            places["RQLITE_NOT_LOCKED"] = reason
        else:
            places["RQLITE_LOCKED_ADDRESS"] = nodes.enter_context(a_locked_node()).address
        return subprocess.run(command, env=os.environ | places, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
