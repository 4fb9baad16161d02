"""-extensions-path: functions and collations from shared libraries, on every connection."""

import io
import os
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile

import pytest

from node import ROOT, run

SOURCE = ROOT / "tests" / "fakes" / "extension.c"


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """An extension with rot13(), run_sql() and the collation `backwards`."""
    made = tmp_path_factory.mktemp("extension") / "rot13.so"
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-o", made, SOURCE],
                   check=True)
    return made


@pytest.fixture
def directory(home, library):
    made = home / "libraries"
    made.mkdir()
    shutil.copy(library, made / "b.so")
    shutil.copy(library, made / "a.so")
    (made / ".hidden").write_text("no library")
    (made / "folder").mkdir()
    return made


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make_tar(path, *members):
    """A content that is None makes a folder, one that is a list a link to its only element."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, list):
                member.type, member.linkname = tarfile.SYMTYPE, content[0]
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


MAKERS = {"zip": make_zip, "tar.gz": make_tar}


def check_that_it_works(client):
    assert client.value("SELECT rot13('Hello')") == "Uryyb"
    assert client.value("SELECT 'za' < 'ab' COLLATE backwards") == 1


def names(client):
    names = client.status("extensions.names")
    assert client.status("store.sqlite3.extensions") == names
    return names


# Where they come from.

def test_without_any_the_lists_are_empty(node):
    status = node.client.status()
    assert status["extensions"] == {"dir": str(node.data / "extensions"), "names": []}
    assert status["store"]["sqlite3"]["extensions"] == []
    assert "extensions" not in status["store"]["db_conf"]
    assert node.client.query(["SELECT rot13('a')"]).results == [
        {"error": "no such function: rot13"}]


def test_a_library(start_node, library):
    node = start_node("-extensions-path", library)
    check_that_it_works(node.client)
    assert names(node.client) == ["rot13.so"]
    assert node.client.status("store.db_conf.extensions") == [
        str(node.data / "extensions" / "rot13.so")]
    assert "[db]" in node.log() and "loaded extensions: rot13.so\n" in node.log()


def test_a_directory(start_node, directory):
    client = start_node("-extensions-path", directory).client
    check_that_it_works(client)
    assert names(client) == ["a.so", "b.so"]


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive(start_node, home, library, kind):
    archive = MAKERS[kind](home / "archive", ("x.so", library.read_bytes()),
                           ("w.so", library.read_bytes()))
    client = start_node("-extensions-path", archive).client
    check_that_it_works(client)
    assert names(client) == ["w.so", "x.so"]


def test_several_sources(start_node, home, library, directory):
    (home / "empty").mkdir()
    archive = make_zip(home / "one.zip", ("z.so", library.read_bytes()))
    client = start_node(f"-extensions-path={library},{directory},{archive},{home / 'empty'}").client
    check_that_it_works(client)
    assert names(client) == ["a.so", "b.so", "rot13.so", "z.so"]


# What they are good for.

@pytest.fixture
def node(request, start_node, library):
    flags = [] if "without" in request.node.name else ["-extensions-path", library]
    return start_node(*flags)


@pytest.fixture
def words(node):
    node.client.must("CREATE TABLE words(w TEXT COLLATE backwards, r AS (rot13(w)) STORED)",
                     "CREATE INDEX by_rot13 ON words(rot13(w))")
    node.client.must("INSERT INTO words(w) VALUES(rot13('no')), ('za')")
    return node.client


def test_reads_and_writes_of_every_kind(words):
    assert words.rows("SELECT w, r FROM words ORDER BY w") == [["za", "mn"], ["ab", "no"]]
    assert words.queue([["UPDATE words SET w = rot13(?) WHERE w = 'za'", "dhrhrq"]],
                       "wait").status == 200
    assert words.column("SELECT w FROM words ORDER BY w") == ["ab", "queued"]
    unified = words.send("POST", "/db/request", ["INSERT INTO words(w) VALUES(rot13('a'))",
                                                 "SELECT rot13(w) FROM words WHERE w = 'n'"])
    assert unified.results[1]["values"] == [["a"]]
    for level in ("none", "weak", "linearizable", "strong"):
        assert words.get_query("SELECT rot13('n')", level=level).results[0]["values"] == [["a"]]


def test_a_large_read_on_a_thread_of_its_own(words):
    reply = words.query(["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT "
                         "50000) SELECT rot13('n' || i) FROM n"])
    assert reply.results[0]["values"][-1] == ["a50000"]


def test_a_request_that_changes_the_session_keeps_them(words):
    words.must("CREATE TEMP TABLE t(x)")
    words.must("INSERT INTO words(w) VALUES(rot13('q'))")
    assert words.value("SELECT count(*) FROM words WHERE w = 'd'") == 1


@pytest.mark.parametrize("end", ["restart", "crash"])
def test_they_are_there_after_a_restart(node, words, end):
    if end == "crash":
        node.kill()
        node.start()
    else:
        node.restart()
    node.client.must("INSERT INTO words(w) VALUES(rot13('q'))")
    assert node.client.value("SELECT r FROM words WHERE w = 'd'") == "q"
    assert names(node.client) == ["rot13.so"]


@pytest.mark.parametrize("path", ["/db/load", "/boot"])
def test_they_are_there_for_another_database(node, words, path):
    words.must("INSERT INTO words(w) VALUES('more')")
    copy = words.send("GET", "/db/backup").body
    words.must("DROP TABLE words")
    reply = words.send("POST", path, copy)
    assert reply.status == 200, reply.text
    assert words.column("SELECT w FROM words ORDER BY w") == ["za", "ab", "more"]
    words.must("INSERT INTO words(w) VALUES(rot13('q'))")
    assert words.value("SELECT r FROM words WHERE rot13(w) = 'q'") == "q"


def test_backups_of_every_kind(words, home):
    assert words.send("GET", "/db/backup?vacuum").status == 200
    dump = words.send("GET", "/db/backup?fmt=sql").text
    assert "INSERT INTO" in dump and "rot13(w)" in dump


def test_a_database_that_needs_them_is_refused_without(node, home):
    path = home / "made.sqlite"
    made = sqlite3.connect(path)
    made.create_function("rot13", 1, lambda text: text, deterministic=True)
    made.execute("CREATE TABLE t(x)")
    made.execute("CREATE INDEX i ON t(rot13(x))")
    made.commit()
    made.close()
    reply = node.client.send("POST", "/db/load", path.read_bytes())
    assert reply.status != 200 and "unknown function: rot13()" in reply.text


def test_sql_still_loads_nothing(node, library):
    sql = f"SELECT load_extension('{library}')"
    assert node.client.query([sql]).results == [{"error": "not authorized"}]
    assert node.client.execute([sql]).results == [{"error": "not authorized"}]


def test_a_function_that_runs_sql_ends_no_transaction(node):
    client = node.client
    client.must("CREATE TABLE t(x)")
    attack = ["INSERT INTO t VALUES(1)", "SELECT run_sql('COMMIT')",
              "INSERT INTO t SELECT run_sql('RELEASE request')",
              "INSERT INTO t SELECT run_sql('ROLLBACK')", "INSERT INTO nowhere VALUES(1)"]
    for _ in range(20):
        client.queue(attack, "transaction")
    reply = client.queue(attack, "transaction", "wait")
    assert "no such table: nowhere" in reply.text
    assert client.value("SELECT count(*) FROM t") == 0
    client.must("INSERT INTO t SELECT run_sql('COMMIT')")
    assert client.column("SELECT x FROM t") == ["not authorized"]


# A start makes the folder anew.

def test_what_was_there_before_is_gone(make_node, home, library, directory):
    node = make_node("-extensions-path", directory)
    node.start()
    node.stop()
    (node.data / "extensions" / "foreign").mkdir()
    node.flags = ("-extensions-path", library)
    node.start()
    assert names(node.client) == ["rot13.so"]
    assert os.listdir(node.data / "extensions") == ["rot13.so"]
    node.stop()
    node.flags = ()
    node.start()
    assert names(node.client) == []
    assert os.listdir(node.data / "extensions") == []


def test_a_second_process_leaves_the_folder_alone(node, make_node):
    second = make_node(directory=node.home)
    code, log = second.fail_to_start()
    assert code == 1 and "failed to open store: " in log
    assert os.listdir(node.data / "extensions") == ["rot13.so"]


def test_a_start_that_fails_leaves_the_folder_alone(node, home):
    node.stop()
    node.flags = ("-extensions-path", make_zip(home / "bad.zip", ("a/b.so", b"")))
    assert node.fail_to_start()[0] == 1
    assert os.listdir(node.data / "extensions") == ["rot13.so"]


# What stops the start.

def failure(make_node, *sources):
    node = make_node("-extensions-path", ",".join(map(str, sources)))
    code, log = node.fail_to_start()
    assert code == 1
    assert not (node.home / "evil").exists() and not (node.data / "evil").exists()
    return log.splitlines()[-1].split(" ", 3)[3]


@pytest.mark.parametrize("given, named", [
    ("/nonexistent/x.so", "/nonexistent/x.so"), ("/etc,/nonexistent/y", "/nonexistent/y"),
    ("/etc,", ""), ("/etc, /tmp", " /tmp")])
def test_a_path_that_does_not_exist(given, named):
    done = run("-extensions-path", given, "-raft-addr", "localhost:4001", "d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fatal: extension path does not exist: {named}\n"


def test_no_data_directory_is_wrong_before_that():
    done = run("-extensions-path", "/nonexistent", " ")
    assert done.stderr == "fatal: data directory path is required\n"


def test_a_broken_library(make_node, home, library):
    broken = home / "broken.so"
    broken.write_bytes(library.read_bytes()[:1000])
    message = failure(make_node, broken)
    assert message.startswith("failed to open store: failed to create on-disk database: ")
    assert "extensions/broken.so" in message


def test_a_library_that_is_no_extension(make_node, home):
    source = home / "plain.c"
    source.write_text("int nothing(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", home / "plain.so", source], check=True)
    message = failure(make_node, home / "plain.so")
    assert message.startswith("failed to open store: failed to create on-disk database: ")
    assert "sqlite3_plain_init" in message


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["../evil", "evil/x.so", "./x.so", "/evil"])
def test_an_archive_with_a_path_in_it(make_node, home, kind, name):
    archive = MAKERS[kind](home / "archive", ("fine.so", b""), (name, b"evil"))
    assert failure(make_node, archive) == (f"failed to load extensions from {kind} file: "
                                           f"{kind} file contains subdirectories")


def test_an_archive_with_a_folder_or_a_link(make_node, home):
    prefix = "failed to load extensions from tar.gz file: tar.gz file contains "
    archive = make_tar(home / "folder.tgz", ("folder", None))
    assert failure(make_node, archive) == prefix + "subdirectories"
    archive = make_tar(home / "link.tgz", ("link.so", ["/etc/passwd"]))
    assert failure(make_node, archive) == prefix + "'link.so', which is not a plain file"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_archive(make_node, home, library, kind):
    archive = MAKERS[kind](home / "archive", ("x.so", library.read_bytes()))
    archive.write_bytes(archive.read_bytes()[:2000])
    assert failure(make_node, archive).startswith(f"failed to load extensions from {kind} file: ")
