"""Certificates made for a test, with the openssl command."""

import os
import ssl
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True, timeout=30)


def new_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


class Pair(NamedTuple):
    """The files of a certificate and of its key."""
    certificate: Path
    key: Path

    def install(self, to):
        """Replaces the files of another pair, one after the other, as an operator would."""
        for source, target in zip(self, to):
            fresh = target.with_name(target.name + ".new")
            fresh.write_bytes(source.read_bytes())
            os.replace(fresh, target)


class Authority:
    """Issues certificates for a server on 127.0.0.1 and for its clients."""

    def __init__(self, directory, name):
        self._directory = Path(directory) / name
        self._directory.mkdir()
        self.certificate = self._directory / "ca.pem"
        self._key = self._directory / "ca-key.pem"
        self._config = self._directory / "config"
        self._config.write_text(f"""[ca]
default_ca = this
[this]
database = {self._directory}/issued
new_certs_dir = {self._directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = names
[names]
commonName = supplied
""")
        (self._directory / "issued").touch()
        new_key(self._key)
        # Strict clients demand this of an authority, beside what openssl adds by itself.
        openssl("req", "-x509", "-new", "-key", self._key, "-out", self.certificate, "-days", 2,
                "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, days=2):
        """A pair whose common name is `name`; of negative days, one that has expired."""
        pair = Pair(self._directory / f"{name}.pem", self._directory / f"{name}-key.pem")
        request, extensions = self._directory / "request.pem", self._directory / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n"
                              "authorityKeyIdentifier=keyid\n")
        new_key(pair.key)
        openssl("req", "-new", "-key", pair.key, "-out", request, "-subj", f"/CN={name}")
        now = datetime.now(timezone.utc)
        start, end = (f"{now + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in (min(days, 0) - 1, days))
        openssl("ca", "-batch", "-notext", "-config", self._config, "-in", request,
                "-cert", self.certificate, "-keyfile", self._key, "-startdate", start,
                "-enddate", end, "-extfile", extensions, "-out", pair.certificate)
        return pair

    def client(self, identity=None, version=None):
        """What a client that trusts this authority uses; `identity` is the pair that it shows, and
        `version` the only one of TLS that it speaks."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does by itself from 3.13 on
        if identity is not None:
            context.load_cert_chain(*identity)
        if version is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")  # or it would not speak an old one at all
            context.minimum_version = context.maximum_version = version
        return context
