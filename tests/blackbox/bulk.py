"""Thousands of requests on one connection, none of which waits for the answer to the one before."""

import email.message
import json
import threading

from client import Reply

# Sent at once. The node reads no further while it waits to be read from.
PART = 500


def _encoded(path, body, headers):
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: bulk", f"Content-Length: {len(content)}",
             *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _read_reply(stream):
    status = int(stream.readline().split()[1])
    headers = email.message.Message()
    while line := stream.readline().decode().rstrip():
        name, value = line.split(": ", 1)
        headers[name] = value
    return Reply(status, headers, stream.read(int(headers["Content-Length"])))


def pipeline(node, requests):
    """Sends all (path, body[, headers]) as POST; the replies, in order."""
    requests = [(path, body, headers[0] if headers else {}) for path, body, *headers in requests]

    def send():
        for start in range(0, len(requests), PART):
            connection.sendall(b"".join(_encoded(*each) for each in requests[start:start + PART]))

    with node.connect() as connection, connection.makefile("rb") as stream:
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        replies = [_read_reply(stream) for _ in requests]
        sender.join()
        return replies
