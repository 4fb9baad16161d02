"""Usage: with_nodes.py command [argument...]

Runs the command while nodes run, and exits as it did. The command's environment says where they
are:

  RQLITE_ADDRESS         host:port of an open node
  RQLITE_LOCKED_ADDRESS  host:port of one that only those in nodes.CREDENTIALS may use
  RQLITE_TLS_ADDRESS     host:port of another such node, which speaks HTTPS
  RQLITE_DEAD_ADDRESS    host:port where nobody listens

Whom the certificate of the HTTPS node is from is told in the ways that OpenSSL, Go and Node.js know.
"""

import contextlib
import os
import signal
import subprocess
import sys

from nodes import HOST, a_locked_node, a_locked_tls_node, a_node, free_ports


def main(command):
    # An end from outside is an exception, so that the nodes end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with contextlib.ExitStack() as nodes:
        places = {"RQLITE_ADDRESS": nodes.enter_context(a_node()).address,
                  "RQLITE_LOCKED_ADDRESS": nodes.enter_context(a_locked_node()).address,
                  "RQLITE_DEAD_ADDRESS": f"{HOST}:{free_ports(1)[0]}"}
        tls = nodes.enter_context(a_locked_tls_node())
        places |= {"RQLITE_TLS_ADDRESS": tls.address, "SSL_CERT_FILE": tls.authority,
                   "NODE_EXTRA_CA_CERTS": tls.authority}
        return subprocess.run(command, env=os.environ | places, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
