"""rqlited as scripts, service managers and people at a terminal see it."""

import re
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest

from exposition import parse
from node import HOST, eventually, run

LINE = r"\[\w[\w-]*\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d .+"


def usage():
    return run("-h").stderr


# What ends at once.

def test_no_arguments_at_all():
    done = run()
    assert done.returncode == 1
    assert re.fullmatch(r"\[rqlited\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d failed to parse command-line "
                        r"flags: missing required argument: DataPath\n", done.stderr)


@pytest.mark.parametrize("flag", ["-h", "-help", "--help", "--h"])
def test_help_goes_to_stderr_and_succeeds(flag):
    done = run(flag)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == usage()


def test_help_has_the_documented_layout():
    text = usage()
    assert re.match(r"\n[^\n]+\n\n[^\n]*rqlite\.io[^\n]*\n\n"
                    r"Usage: rqlited \[flags\] <data directory>\n  -", text)
    flags = text.split("<data directory>\n")[1]
    assert re.fullmatch(r"(  -[\w-]+( (string|int|uint|duration))?\n    \t[^\n]+\n)+", flags)
    names = re.findall(r"^  -([\w-]+)", flags, re.M)
    assert names == sorted(names)


@pytest.mark.parametrize("flag, default", [
    ("fk", None),
    ("http-addr string", '"localhost:4001"'),
    ("http-adv-addr string", None),
    ("http-cert string", None),
    ("http-key string", None),
    ("http-ca-cert string", None),
    ("http-verify-client", None),
    ("http-verify-common-name string", None),
    ("raft-addr string", '"localhost:4002"'),
    ("node-id string", None),
    ("db-max-ro-conns int", "256"),
    ("write-queue-capacity int", "1024"),
    ("write-queue-batch-size int", "128"),
    ("write-queue-timeout duration", "50ms"),
    ("write-queue-tx", None),
    ("raft-log-level string", '"WARN"'),
    ("raft-snap uint", "8192"),
    ("raft-snap-wal-size uint", "4194304"),
    ("raft-snap-int duration", "10s"),
    ("raft-heartbeat-timeout duration", "1s"),
    ("version", None),
])
def test_help_shows_name_type_and_default(flag, default):
    entry = re.search(rf"^  -{flag}\n    \t(.+)$", usage(), re.M)
    assert entry
    shown = re.search(r" \(default (.+)\)$", entry[1])
    assert (shown and shown[1]) == default


def test_version_has_eight_fields():
    done = run("-version")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"rqlited \S+ linux \S+ \S+ sqlite3\.\S+ \(commit \S+, compiler \S+\)\n",
                        done.stderr)


def test_version_needs_and_checks_nothing_else():
    assert run("-version", "-http-addr", "nonsense").returncode == 0


# Flags.

SYNTAX = [
    (["-foo"], "flag provided but not defined: -foo"),
    (["--foo=1"], "flag provided but not defined: -foo"),
    (["-raft-snap", "x"], 'invalid value "x" for flag -raft-snap: parse error'),
    (["-raft-snap", "-1"], 'invalid value "-1" for flag -raft-snap: parse error'),
    (["-write-queue-capacity", "9" * 20],
     f'invalid value "{"9" * 20}" for flag -write-queue-capacity: value out of range'),
    (["-write-queue-timeout", "50"], 'invalid value "50" for flag -write-queue-timeout: parse error'),
    (["-fk=maybe"], 'invalid boolean value "maybe" for -fk: parse error'),
    (["-node-id"], "flag needs an argument: -node-id"),
    (["---x"], "bad flag syntax: ---x"),
    (["-=x"], "bad flag syntax: -=x"),
]


@pytest.mark.parametrize("arguments, message", SYNTAX, ids=[" ".join(a) for a, _ in SYNTAX])
def test_bad_flag_syntax_exits_2_and_shows_the_usage(arguments, message):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == message + "\n" + usage()


@pytest.mark.parametrize("arguments, directory, extra", [
    (["d", "extra", "-fk"], "d", "extra -fk"),
    (["-fk", "false", "d"], "false", "d"),
    (["-", "d"], "-", "d"),
    (["--", "-d", "e"], "-d", "e"),
])
def test_flags_end_at_the_data_directory(arguments, directory, extra):
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr == f"arguments after data directory ({directory}) are not accepted ([{extra}])\n"


INVALID = [
    (["-fk"], "data directory path is required"),
    (["  "], "data directory path is required"),
    (["-http-cert", "c.pem", "-http-verify-common-name", "x", "d"],
     "either both -http-cert and -http-key must be set, or neither"),
    (["-http-key", "k.pem", "d"], "either both -http-cert and -http-key must be set, or neither"),
    (["-http-verify-common-name", "x", "-raft-addr", "localhost:4001", "d"],
     "-http-verify-common-name requires -http-verify-client"),
    (["-raft-addr", "localhost:4001", "d"], "HTTP and Raft addresses must differ"),
    (["-http-addr", "http://localhost:4001", "d"],
     "HTTP options should not include protocol (http:// or https://)"),
    (["-http-adv-addr", "HTTPS://a:1", "d"],
     "HTTP options should not include protocol (http:// or https://)"),
    (["-http-addr", "localhost", "d"], "HTTP bind address not valid"),
    (["-http-adv-addr", "localhost", "d"], "HTTP advertised HTTP address not valid"),
    (["-http-adv-addr", "a\r\nX: b:1", "d"], "HTTP advertised HTTP address not valid"),
    (["-http-addr", "0.0.0.0:4001", "d"],
     "advertised HTTP address is not routable (0.0.0.0), specify it via -http-addr or -http-adv-addr"),
    (["-http-addr", "[::]:4001", "d"],
     "advertised HTTP address is not routable (::), specify it via -http-addr or -http-adv-addr"),
    (["-raft-addr", "localhost", "d"], "raft bind address not valid"),
    (["-raft-addr", "localhost:raft", "d"], "raft bind port not valid"),
    (["-raft-adv-addr", "localhost", "d"], "raft advertised address not valid"),
    (["-raft-addr", "0.0.0.0:4002", "d"],
     "advertised Raft address is not routable (0.0.0.0), specify it via -raft-addr or -raft-adv-addr"),
    (["-raft-adv-addr", "localhost:raft", "d"], "raft advertised port is not valid"),
    (["-http-adv-addr", "a:1", "-raft-adv-addr", "a:1", "d"],
     "advertised HTTP and Raft addresses must differ"),
    (["-node-cert", "c.pem", "d"], "either both -node-cert and -node-key must be set, or neither"),
    (["-node-verify-common-name", "n", "d"],
     "-node-verify-common-name requires -node-verify-client"),
    (["-node-verify-client", "d"],
     "-node-ca-cert and -node-verify-client require -node-cert and -node-key"),
    (["-join", "a:1,b", "d"], "b is an invalid join address"),
    (["-join", "localhost:4002", "d"], "node cannot join with itself unless bootstrapping"),
    (["-join", "a:1", "-bootstrap-expect", "2", "-raft-non-voter", "d"],
     "bootstrapping only applicable to voting nodes"),
    (["-join", "a:1", "-disco-mode", "dns", "d"],
     "disco mode cannot be used when also explicitly joining a cluster"),
    (["-disco-mode", "etcd-kv", "-bootstrap-expect", "3", "d"],
     "bootstrapping not applicable when using etcd-kv"),
    (["-disco-mode", "dns-srv", "d"],
     "bootstrap-expect value required when using dns-srv with a voting node"),
    (["-disco-mode", "mdns", "d"],
     "disco mode must be one of consul-kv, etcd-kv, dns, or dns-srv"),
    (["-join", "a:1", "-join-attempts", "0", "d"], "-join-attempts must be greater than 0"),
    (["-cluster-connect-timeout", "0s", "d"],
     "-cluster-connect-timeout must be greater than 0"),
    (["-http-addr", "localhost", "-raft-addr", "localhost", "d"],
     "HTTP and Raft addresses must differ"),
    (["-raft-reap-node-timeout", "0s", "d", "extra"],
     "-raft-reap-node-timeout must be greater than 0"),
    (["-raft-reap-read-only-node-timeout", "-1m", "d"],
     "-raft-reap-read-only-node-timeout must be greater than 0"),
]


@pytest.mark.parametrize("arguments, message", INVALID, ids=[" ".join(a) for a, _ in INVALID])
def test_an_invalid_value_is_fatal(arguments, message):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fatal: {message}\n"


@pytest.mark.parametrize("flag", [["-auto-backup", "f"],
                                  ["-cdc-config", "stdout"]])
def test_a_flag_that_is_not_built_is_refused_by_name(flag):
    done = run(*flag, "d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fatal: {flag[0].split('=')[0]} is not built yet\n"


def test_a_flag_of_older_versions_is_refused_with_the_reason():
    done = run("-on-disk-path", "x", "d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("fatal: -on-disk-path is not supported: the database is the file "
                           "db.sqlite in the data directory\n")
    assert "-on-disk-path" not in usage()


@pytest.mark.parametrize("flag", ["-fk", "--fk", "-fk=true", "-fk=T", "--fk=1"])
def test_a_boolean_flag_is_on(start_node, flag):
    assert start_node(flag).client.status("store.db_conf.fk_constraints") is True


def test_the_last_of_two_flags_wins(start_node):
    node = start_node("-fk", "-write-queue-capacity", "5", "-fk=false",
                      "-write-queue-capacity=0x_10", "--write-queue-timeout=1m1.5s")
    assert node.client.status("store.db_conf.fk_constraints") is False
    queue = node.client.status("http.queue._default")
    assert (queue["max_size"], queue["timeout"]) == (16, "1m1.5s")


def test_a_node_has_the_name_it_is_given(start_node):
    node = start_node("-node-id", "n1")
    assert node.client.status("store.leader.node_id") == "n1"
    assert f"this node (ID=n1, addr={node.raft_address}) is now Leader" in node.log()


def test_foreign_keys_are_enforced_with_the_flag(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p REFERENCES p(id))")
    assert client.execute(["INSERT INTO c VALUES(1)"]).results == [
        {"error": "FOREIGN KEY constraint failed"}]


# A running node.

def test_every_line_of_the_log_has_the_documented_form(node):
    node.stop()
    for line in node.log().splitlines():
        assert re.fullmatch(LINE, line), line


def test_the_log_says_what_tools_look_for(node):
    node.stop()
    log = node.log()
    command = " ".join(map(re.escape, [node.process.args[0], *node.arguments()]))
    for message in (
            r"\[rqlited\] .* rqlited starting, version \S+, SQLite 3\.\S+, commit \S+, "
            r"compiler \(toolchain\) \S+, compiler \(command\) \S+",
            r"\[rqlited\] .* \S+, target architecture is \w+, operating system target is linux",
            rf"\[rqlited\] .* launch command: {command}",
            rf"\[rqlited\] .* no preexisting node state detected in {re.escape(str(node.data))}, "
            r"node may be bootstrapping",
            r"\[rqlited\] .* bootstrapping single new node",
            rf"\[store\] .* this node \(ID={node.raft_address}, addr={node.raft_address}\) "
            r"is now Leader",
            rf"\[rqlited\] .* node HTTP API available at http://{node.address}",
            rf"\[rqlited\] .* connect using the command-line tool via 'rqlite -H {HOST} "
            rf"-p {node.port}'",
            r'\[rqlited\] .* received signal "terminated"'):
        assert re.search(f"^{message}$", log, re.M), message
    assert log.splitlines()[-1].endswith(" rqlite server stopped")


def test_stdout_has_the_banner_only(node):
    node.stop()
    out = (node.home / "stdout").read_text()
    assert "[" not in out and len(out.splitlines()) < 20


def test_a_restart_finds_its_state(node):
    node.restart()
    assert f"preexisting node state detected in {node.data}" in node.log()
    assert "bootstrapping" not in node.log()


@pytest.mark.parametrize("number, name", [(signal.SIGTERM, "terminated"),
                                          (signal.SIGINT, "interrupt")])
def test_a_signal_stops_the_node_with_exit_code_0(node, number, name):
    node.signal(number)
    assert node.wait() == 0
    assert f'received signal "{name}"' in node.log()


def test_a_signal_in_the_first_moment_stops_the_node_too(make_node):
    for delay in (0, 0.002, 0.005, 0.01, 0.02):
        node = make_node()
        node.launch()
        eventually(lambda node=node: "starting, version" in node.log(), every=0.001)
        time.sleep(delay)
        assert node.stop() == 0


def test_a_stop_does_not_wait_for_idle_connections(node):
    idle = [node.connect() for _ in range(5)]
    assert node.client.send("GET", "/readyz").status == 200
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 5
    for connection in idle:
        connection.close()


def test_a_stop_answers_the_request_in_hand(node):
    with node.connect() as connection:
        slow = (b'["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n '
                b'WHERE i < 2000000) SELECT count(*) FROM n"]')
        connection.sendall(b"POST /db/query HTTP/1.1\r\nHost: a\r\n"
                           b"Content-Length: %d\r\n\r\n%b" % (len(slow), slow))
        eventually(lambda: node.client.status("store.sqlite3.conn_pool_stats.ro.in_use") == 1)
        node.signal(signal.SIGTERM)
        # One signal is enough; another one does not end it before it is done.
        eventually(lambda: 'received signal "terminated"' in node.log())
        node.signal(signal.SIGINT)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert b"[[2000000]]" in answer
    assert node.wait() == 0
    assert 'received signal "interrupt"' in node.log()
    assert "rqlite server stopped" in node.log()


# Start-ups that cannot succeed.

def test_a_second_process_on_the_same_directory_is_refused(node, make_node):
    second = make_node(directory=node.home)
    code, log = second.fail_to_start()
    assert code == 1
    assert re.search(r"failed to open store: .*another process", log)
    node.client.must("CREATE TABLE t(n)")


@pytest.mark.parametrize("which, message", [
    ("port", r"failed to start HTTP server: listen tcp .*in use"),
    ("raft_port", r"failed to listen on \S+: .*in use"),
])
def test_a_busy_port_is_fatal(make_node, which, message):
    """And nothing has been founded by then, nor is it said."""
    node = make_node()
    with socket.socket() as busy:
        busy.bind((HOST, getattr(node, which)))
        busy.listen()
        code, log = node.fail_to_start()
    assert code == 1
    assert re.search(message, log)
    assert "bootstrapping single new node" not in log


def test_a_data_directory_that_is_a_file_is_fatal(make_node):
    node = make_node()
    node.home.mkdir()
    node.data.write_text("not a directory")
    code, log = node.fail_to_start()
    assert code == 1
    assert f"failed to create extension store: mkdir {node.data}: not a directory" in log


def test_a_data_directory_is_made_with_its_parents(make_node):
    node = make_node()
    node.data = node.home / "a" / "b" / "c"
    node.start()
    assert node.stop() == 0
    assert (node.data / "db.sqlite").exists()


def test_the_data_directory_may_be_relative_and_is_trimmed(home, make_node, monkeypatch):
    monkeypatch.chdir(home)
    node = make_node()
    node.data = " relative/ "
    node.start()
    assert node.client.status("store.dir") == str(home / "relative")
    assert node.stop() == 0
    assert (home / "relative" / "db.sqlite").exists()


# Profiles.

def thread_names(node):
    names = set()
    for each in Path(f"/proc/{node.process.pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            names.add((each / "comm").read_text().strip())
    return names


def test_profiles_are_made_at_the_start_and_filled_at_a_clean_stop(start_node, home):
    paths = {kind: home / kind for kind in ("cpu", "mem", "trace")}
    paths["cpu"].write_text("what an earlier run left, and longer than nothing")
    node = start_node(*(f"-{kind}-profile={path}" for kind, path in paths.items()))
    assert {path.read_text() for path in paths.values()} == {""}
    # A thread gives itself its name when it first runs, which may be late on a busy machine: that
    # of the queue has had nothing to do yet.
    threads = {"http-1", "raft", "apply", "queue"}
    eventually(lambda: threads <= thread_names(node))
    node.client.must("CREATE TABLE t(n)", "INSERT INTO t VALUES(1)")
    assert node.stop() == 0
    cpu = paths["cpu"].read_text()
    for thread in (*threads, "(ended)", "(all)"):
        assert re.search(rf"^{re.escape(thread)} .* \d+\.\d%$", cpu, re.M), cpu
    shares = [float(each) for each in re.findall(r" ([\d.]+)%$", cpu, re.M)]
    assert shares[-1] == 100
    memory = ElementTree.parse(paths["mem"]).getroot()
    assert memory.tag == "malloc" and memory.find("system") is not None
    trace = parse(paths["trace"].read_text())
    assert trace["rqlite_raft_applied_index"].value() >= 3
    assert trace["process_cpu_seconds_total"].value() > 0


def test_a_crash_leaves_profiles_empty(start_node, home):
    node = start_node("-cpu-profile", home / "cpu")
    node.kill()
    assert (home / "cpu").read_text() == ""


@pytest.mark.parametrize("flag, name", [("cpu", "CPU"), ("mem", "memory"), ("trace", "trace")])
def test_a_profile_that_cannot_be_made_is_fatal(make_node, home, flag, name):
    path = home / "nowhere" / "profile"
    node = make_node(f"-{flag}-profile", path)
    code, log = node.fail_to_start()
    assert code == 1
    assert log.splitlines()[-1].endswith(
        f"failed to create {name} profile file at {path}: "
        f"open {path}: no such file or directory")
    assert not node.data.exists()
