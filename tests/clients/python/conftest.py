import pytest

from nodes import CREDENTIALS, a_locked_node, a_locked_tls_node, a_node


def drop_all(client):
    """Leaves the database of this node as it was when it was new."""
    kinds = client.rows("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') "
                        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    if kinds:
        client.must(*(f'DROP {kind} IF EXISTS "{name}"' for kind, name in kinds))


def cleaned(make):
    """A fixture for a node that all tests share, with an empty database for each of them."""
    @pytest.fixture
    def fixture(request):
        node = request.getfixturevalue(make)
        yield node
        drop_all(node.client)
    return fixture


@pytest.fixture(scope="session")
def shared_node():
    with a_node() as node:
        yield node


@pytest.fixture(scope="session")
def shared_strict_node():
    with a_node("-fk") as node:
        yield node


@pytest.fixture(scope="session")
def shared_locked_node():
    with a_locked_node() as node:
        yield node


@pytest.fixture(scope="session")
def shared_tls_node():
    with a_locked_tls_node() as node:
        yield node


node = cleaned("shared_node")
strict_node = cleaned("shared_strict_node")  # checks foreign keys


def with_foo(node):
    """A node that only those in CREDENTIALS may use, with a table `foo` with one row."""
    mary = CREDENTIALS[0]
    headers = {"Authorization": basic(mary["username"], mary["password"])}
    send = node.client.send
    for statements in (["DROP TABLE IF EXISTS foo"],
                       ["CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)"],
                       ["INSERT INTO foo(name) VALUES('fiona')"]):
        assert '"error"' not in send("POST", "/db/execute", statements, headers).text
    return node


@pytest.fixture
def locked_node(shared_locked_node):
    return with_foo(shared_locked_node)


@pytest.fixture
def tls_node(shared_tls_node, monkeypatch):
    """The same over HTTPS, with a certificate that clients trust if they ask OpenSSL whom to."""
    monkeypatch.setenv("SSL_CERT_FILE", shared_tls_node.authority)
    return with_foo(shared_tls_node)


def basic(username, password):
    import base64
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def own_node():
    """A node that the test may stop and restart."""
    with a_node() as node:
        yield node
