"""A client that does everything wrong, as fast as it can: hostile.py <port>, until it is killed."""

import json
import sys

from client import Client
from node import HOST

REQUESTS = [
    json.dumps(["INSERT INTO ghosts VALUES(1)"] * 5),                     # fails
    json.dumps([["INSERT INTO log(id, line) VALUES(?, 'hostile')", 0]]),  # fails from the second on
    json.dumps(["BEGIN", "INSERT INTO log(line) VALUES('hostile')"]),     # leaves its mess behind
    '[["INSERT INTO log(line) VALUES(?)", "hostile"]',                    # malformed
    json.dumps(["PRAGMA journal_mode=DELETE"]),                           # forbidden
    json.dumps([["INSERT INTO log(line) VALUES(?)", "hostile" * 30_000]]),  # oversized
]


def main(port):
    client = Client(HOST, port)
    while True:
        for flags in ((), ("wait",), ("transaction",)):
            for body in REQUESTS:
                client.queue(body, *flags)


if __name__ == "__main__":
    main(int(sys.argv[1]))
