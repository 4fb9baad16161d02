"""The console's page and its files, and the licenses."""

import re

import pytest

from node import ROOT

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


@pytest.fixture
def node(shared):
    return shared


# The console.

@pytest.mark.parametrize("path, status, what", [("/", 302, "Found"),
                                                ("/?a=b", 302, "Found"),
                                                ("/console", 301, "Moved Permanently"),
                                                ("/console?x", 301, "Moved Permanently")])
def test_the_root_leads_to_the_console(client, path, status, what):
    reply = client.send("GET", path)
    assert (reply.status, reply.text) == (status, f'<a href="/console/">{what}</a>.\n\n')
    assert reply.headers["Content-Type"] == HTML
    assert reply.headers["Location"] == "/console/"
    for method in ("HEAD", "POST", "DELETE"):
        reply = client.send(method, path)
        assert (reply.status, reply.body, reply.headers["Location"]) == (status, b"", "/console/")


def test_the_console_is_one_page_and_its_files(client):
    page = client.send("GET", "/console/")
    assert (page.status, page.headers["Content-Type"]) == (200, HTML)
    assert "rqlite" in page.text
    names = re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)
    assert {"static/console.css", "static/favicon.ico", "static/console.js"} <= set(names)
    types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
             "ico": "image/x-icon"}
    for name in names:
        reply = client.send("GET", "/console/" + name)
        assert reply.status == 200
        assert reply.headers["Content-Type"] == types[name.rsplit(".")[-1]]
        assert reply.body == (ROOT / "src/http/console" / name).read_bytes()
        head = client.send("HEAD", "/console/" + name)
        assert (head.status, head.body) == (200, b"")


def test_the_console_asks_nobody_else(client):
    for name in ("", *(f"static/{name}" for name in ("console.css", "api.js", "status.js"))):
        reply = client.send("GET", "/console/" + name)
        assert not re.search(r"""(?:src|href|url|fetch|import)\W{1,3}(?:https?:)?//""", reply.text)
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_the_console_lists_its_files(client):
    reply = client.send("GET", "/console/static/")
    assert (reply.status, reply.headers["Content-Type"]) == (200, HTML)
    assert sorted(re.findall(r'href="([^"]+)"', reply.text)) == sorted(
        each.name for each in (ROOT / "src/http/console/static").iterdir())


@pytest.mark.parametrize("path, to", [("/console/index.html", "./"), ("/console/static", "static/")])
def test_other_names_of_the_page_lead_to_it(client, path, to):
    reply = client.send("GET", path)
    assert (reply.status, reply.body, reply.headers["Location"]) == (301, b"", to)


@pytest.mark.parametrize("path", [
    "/consolefoo", "/console/x", "/console/static/x", "/console/static/../index.html",
    "/console/static/..%2findex.html", "/console/../../../../etc/passwd", "/console/licenses.txt",
    "/console/static//console.js", "/console/static/console.js/", "/console/static/console.js%00",
    "/console/%2e%2e/licenses.txt"])
def test_there_is_nothing_else_below_the_console(client, path):
    reply = client.send("GET", path)
    assert (reply.status, reply.text) == (404, "404 page not found\n")
    assert reply.headers["Content-Type"] == TEXT
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_licenses_name_everything_that_is_linked(client):
    reply = client.send("GET", "/licenses")
    assert (reply.status, reply.headers["Content-Type"]) == (200, TEXT)
    assert "MIT License" in reply.text and "Apache License" in reply.text
    for name in ("SQLite", "Boost", "simdjson", "fmt", "spdlog", "protozero", "xxHash", "OpenSSL",
                 "zlib", "libxcrypt"):
        assert name in reply.text
    lock = (ROOT / "src/raft/core/Cargo.lock").read_text()
    for crate in set(re.findall(r'^name = "(.+)"', lock, re.M)) - {"raft_core"}:
        assert re.search(rf"(^|[\s(]){re.escape(crate)}\b", reply.text), crate
