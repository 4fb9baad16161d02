"""Routes and what each asks for, users, and how a node that knows them is asked."""

import base64
import re
from typing import NamedTuple

from node import ROOT

JSON = "application/json; charset=utf-8"
ALL = ["backup", "execute", "join", "join-read-only", "leader-ops", "load", "query", "ready",
       "remove", "snapshot", "status", "ui"]


class Route(NamedTuple):
    method: str
    path: str
    needed: list
    preset: str | None  # the type of its refusals


# For each method of a route at least one request, which somebody who may do it would be answered.
ROUTES = [
    Route("POST", "/db/execute", ["execute"], JSON),
    Route("POST", "/db/execute?queue", ["execute"], JSON),
    Route("GET", "/db/query?q=SELECT%201", ["query"], JSON),
    Route("POST", "/db/query", ["query"], JSON),
    Route("POST", "/db/request", ["query", "execute"], JSON),
    Route("GET", "/db/backup", ["backup"], None),
    Route("GET", "/db/queue", ["execute"], JSON),
    Route("GET", "/db/queue?sequence_number=1&wait", ["execute"], JSON),
    Route("POST", "/snapshot", ["snapshot"], None),
    Route("GET", "/status", ["status"], JSON),
    Route("GET", "/metrics", ["status"], None),
    Route("GET", "/readyz", ["ready"], None),
    Route("GET", "/readyz?noleader", ["ready"], None),
    Route("POST", "/db/load", ["load"], None),
    Route("GET", "/db/sql?q=SELECT%201", ["query"], JSON),
    Route("POST", "/db/sql", ["query"], JSON),
    Route("POST", "/boot", ["load"], None),
    Route("POST", "/reap", ["snapshot"], None),
    Route("DELETE", "/remove", ["remove"], None),
    Route("GET", "/nodes", ["status"], JSON),
    Route("GET", "/leader", ["leader-ops"], JSON),
    Route("POST", "/leader", ["leader-ops"], JSON),
    Route("GET", "/licenses", ["status"], "text/plain; charset=utf-8"),
    Route("GET", "/debug/vars", ["status"], JSON),
    Route("GET", "/debug/pprof/heap", ["status"], None),
    Route("GET", "/console/", ["ui"], None),
    Route("GET", "/console/nothing", ["ui"], None),
    Route("HEAD", "/console/static/console.js", ["ui"], None),
]

# What everybody may ask: where the console is.
OPEN_PATHS = ["/", "", "/console"]


class ProgramRoute(NamedTuple):
    path: str
    is_prefix: bool
    methods: list  # empty: all
    needed: list

    def serves(self, method, target):
        path = target.split("?")[0]
        return ((not self.methods or method in self.methods)
                and (path.startswith(self.path) if self.is_prefix else path == self.path))


def routes_of_the_program():
    """As src/http/api.cc has them."""
    source = (ROOT / "src/http/api.cc").read_text()
    count = int(re.search(r"std::array<Route, (\d+)> kRoutes", source)[1])
    table = source.split("kRoutes{{", 1)[1].split("}};", 1)[0]
    found = re.findall(r'\{"([^"]*)",\s*(true|false),\s*(?:"([^"]*)"|\{\}),\s*\{([^}]*)\},', table)
    assert len(found) == count, "the table has another form than this pattern"
    spelled = {name.replace("-", ""): name for name in ALL}
    return [ProgramRoute(path, prefix == "true", methods.split(),
                         [spelled[each.strip()[1:].lower()] for each in needed.split(",") if each])
            for path, prefix, methods, needed in found]


def basic(user_name, password, scheme="Basic"):
    pair = base64.b64encode(f"{user_name}:{password}".encode()).decode()
    return {"Authorization": f"{scheme} {pair}"}


def user(name, *perms, password="pw"):
    return {"username": name, "password": password, "perms": list(perms)}


def ask(node, method, path, headers=None, body=None):
    return node.client.send(method, path, body, headers)
