"""A dnsmasq that only certain processes ask, and stand-ins for what keeps keys."""

import base64
import json
import os
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "127.0.57.1"  # where nobody else asks for names


class NameService:
    """Answers on port 53 of an address of its own. Takes root, as does the way to ask it."""

    def __init__(self, home):
        self.home = home
        self.records = []
        self.process = None
        (home / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")

    @staticmethod
    def why_not():
        """Why there can be none; nothing if there can."""
        if shutil.which("dnsmasq", path="/usr/sbin:/usr/bin") is None:
            return "dnsmasq is not installed: scripts/setup test installs it"
        if os.geteuid() != 0:
            return "it takes root to bind port 53 and to mount"
        tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
        return "" if tried.returncode == 0 else "namespaces are not allowed here"

    def wrapper(self):
        """In front of a command that is to ask it."""
        return ["unshare", "-m", "sh", "-c",
                f'mount --bind {self.home}/resolv.conf /etc/resolv.conf && exec "$@"', "sh"]

    def serve(self, *records):
        """These records from now on, in dnsmasq's words."""
        self.stop()
        self.process = subprocess.Popen(
            ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
             "--no-hosts", "--bind-interfaces", f"--listen-address={ADDRESS}", "--user=root",
             "--pid-file=", "--local=/test/", *records],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class ConsulStandIn:
    """The key/value store as Consul documents its HTTP API: GET, and PUT with and without cas."""

    def __init__(self):
        self.values = {}
        self.tokens = set()
        self.lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b"", content="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", content)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def key(self):
                split = urllib.parse.urlsplit(self.path)
                self.parameters = urllib.parse.parse_qs(split.query, keep_blank_values=True)
                return urllib.parse.unquote(split.path.removeprefix("/v1/kv/"))

            def do_GET(self):
                key = self.key()
                with stand_in.lock:
                    stand_in.tokens.add(self.headers.get("X-Consul-Token"))
                    value = stand_in.values.get(key)
                if value is None:
                    return self.answer(404)
                if "raw" in self.parameters:
                    return self.answer(200, value, "application/octet-stream")
                entry = {"Key": key, "Flags": 0, "Value": base64.b64encode(value).decode()}
                return self.answer(200, json.dumps([entry]).encode())

            def do_PUT(self):
                key = self.key()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with stand_in.lock:
                    may = self.parameters.get("cas") != ["0"] or key not in stand_in.values
                    if may:
                        stand_in.values[key] = body
                return self.answer(200, b"true" if may else b"false")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:{}".format(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def value(self, key):
        with self.lock:
            return self.values.get(key)

    def put(self, key, value):
        with self.lock:
            self.values[key] = value

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Etcd:
    """A real one, with nothing in it."""

    @staticmethod
    def why_not():
        return "" if os.path.exists("/usr/bin/etcd") else (
            "etcd is not installed: scripts/setup test installs it")

    def __init__(self, home, client_port, peer_port):
        self.address = f"127.0.0.1:{client_port}"
        client, peer = f"http://{self.address}", f"http://127.0.0.1:{peer_port}"
        self.process = subprocess.Popen(
            ["/usr/bin/etcd", "--data-dir", str(home / "etcd"), "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--unsafe-no-fsync", "--log-level", "error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, what, body):
        request = urllib.request.Request(f"http://{self.address}/v3/kv/{what}",
                                         json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def value(self, key):
        try:
            found = self.ask("range", {"key": base64.b64encode(key.encode()).decode()})
        except OSError:
            return None
        entries = found.get("kvs", [])
        return base64.b64decode(entries[0]["value"]) if entries else None

    def put(self, key, value):
        self.ask("put", {"key": base64.b64encode(key.encode()).decode(),
                         "value": base64.b64encode(value).decode()})

    def stop(self):
        self.process.kill()
        self.process.wait()
