"""One client's keep-alive connection to a node, and what comes back on it."""

import http.client
import json
from typing import NamedTuple
from urllib.parse import quote


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def results(self):
        return self.json["results"]

    @property
    def number(self):
        """The sequence number of a queued write."""
        return self.json["sequence_number"]


def target(path, flags=(), **parameters):
    """`/db/execute?queue&wait&timeout=1s`: flags as they are, then parameters with a value."""
    pairs = list(flags) + [f"{name}={quote(str(value))}" for name, value in parameters.items()]
    return path + ("?" + "&".join(pairs) if pairs else "")


class Client:
    """Not thread-safe: one for each thread."""

    def __init__(self, host, port, timeout=60, tls=None):
        """`tls` is an ssl.SSLContext, or None for HTTP in clear."""
        if tls is None:
            self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        else:
            self._connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)

    def send(self, method, path, body=None, headers=None):
        """A body that is no text and no bytes is sent as JSON."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        try:
            self._connection.request(method, path, body, headers or {})
            response = self._connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        except Exception:
            self.close()
            raise

    @property
    def socket(self):
        """Of the connection, which the first request opens."""
        return self._connection.sock

    def close(self):
        self._connection.close()

    # The API. `flags` are names of parameters without a value.

    def execute(self, body, *flags, **parameters):
        return self.send("POST", target("/db/execute", flags, **parameters), body)

    def execute_text(self, sql, *flags, **parameters):
        return self.send("POST", target("/db/execute", flags, **parameters), sql,
                         {"Content-Type": "text/plain"})

    def queue(self, body, *flags, **parameters):
        return self.execute(body, "queue", *flags, **parameters)

    def keyed(self, key, body, *flags, **parameters):
        """execute() under an idempotency key."""
        return self.send("POST", target("/db/execute", flags, **parameters), body,
                         {"Idempotency-Key": key})

    def ask(self, number, *flags, **parameters):
        """What became of a queued write."""
        return self.send("GET", target("/db/queue", flags, sequence_number=number, **parameters))

    def query(self, body, *flags, **parameters):
        return self.send("POST", target("/db/query", flags, **parameters), body)

    def query_text(self, sql, *flags, **parameters):
        return self.send("POST", target("/db/query", flags, **parameters), sql,
                         {"Content-Type": "text/plain"})

    def request(self, body, *flags, **parameters):
        return self.send("POST", target("/db/request", flags, **parameters), body)

    def get_query(self, sql, *flags, **parameters):
        return self.send("GET", target("/db/query", flags, q=sql, **parameters))

    def status(self, key=""):
        return self.send("GET", target("/status", key=key)).json

    # What tests ask all the time.

    def state(self, number):
        reply = self.ask(number)
        assert reply.status == 200, reply.text
        return reply.json["state"]

    def queue_report(self):
        """The whole queue, as it describes itself."""
        return self.send("GET", "/db/queue").json

    def rows(self, sql, *parameters):
        """The values that one SELECT returns."""
        reply = self.query([[sql, *parameters]])
        assert "error" not in reply.results[0], reply.text
        return reply.results[0].get("values", [])

    def column(self, sql, *parameters):
        return [row[0] for row in self.rows(sql, *parameters)]

    def value(self, sql, *parameters):
        return self.rows(sql, *parameters)[0][0]

    def must(self, *statements):
        """Executes them; all have to succeed. The result objects."""
        reply = self.execute(list(statements))
        assert reply.status == 200 and '"error"' not in reply.text, reply.text
        return reply.results
