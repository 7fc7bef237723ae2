"""A real `rempart ekm up` in a process of its own, an issuer that signs tokens, and a client."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from rempart.ekm.record.segments import walk
from support.key_holder_program import ALLOWED_PROJECT

REMPART = str(Path(sys.executable).with_name("rempart"))
ISSUER = "https://accounts.cloud.test"
DOMAIN = "gcp-sa-ekms.cloud.iam.gserviceaccount.com"
PASSPHRASE = "correct horse battery staple"
SPACE = "v0/cryptospaces/blue"
KEY = f"{SPACE}/keys/first"
SIGNING_KEY = f"{SPACE}/keys/signing"
RESOURCE = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
READY_SECONDS_MAX = 30
Document = dict[str, Any]


def agent(project: str = ALLOWED_PROJECT) -> str:
    return f"service-{project}@{DOMAIN}"


@dataclass(frozen=True)
class Issuer:
    """Signs callers' tokens as a cloud does."""

    name: str = ISSUER
    key_id: str = "k1"
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False
    )

    def jwks(self) -> str:
        algorithm = jwt.algorithms.RSAAlgorithm
        jwk = algorithm.to_jwk(self.key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**jwk, "kid": self.key_id, "alg": "RS256", "use": "sig"}]})

    def claims(self, audience: str, **changed: object) -> Document:
        now = int(time.time())
        claims: Document = {
            "iss": self.name,
            "aud": audience,
            "sub": "1234567890",
            "email": agent(),
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def token(self, audience: str, **changed: object) -> str:
        return self.sign(self.claims(audience, **changed))

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        return jwt.encode(
            dict(claims), self.key, algorithm="RS256", headers={"kid": self.key_id, **header}
        )


@dataclass
class KeyHolder:
    """One data directory; `start` runs it with the judge of `key_holder_program`."""

    data: Path
    issuer: Issuer
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    status_port: int = 0

    @classmethod
    def create(cls, data: Path, *options: str) -> KeyHolder:
        """Make one that trusts an issuer and holds two keys; it does not run yet."""
        holder = cls(data, Issuer())
        secret = data.parent / f"{data.name}.passphrase"
        secret.write_text(PASSPHRASE + "\n")
        secret.chmod(0o600)
        holder.run(
            "init", "--host", "localhost", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0",
            "--passphrase-file", str(secret), *options,
        )  # fmt: skip
        keys = data.parent / f"{data.name}.jwks"
        keys.write_text(holder.issuer.jwks())
        holder.run("trust", "add", ISSUER, "--mail-domain", DOMAIN, "--keys-file", str(keys))
        holder.run("keys", "create", KEY)
        holder.run("keys", "create", SIGNING_KEY, "--algorithm", "EC_SIGN_P256_SHA256")
        return holder

    def run(self, *words: str, fails: bool = False, anywhere: bool = False) -> str:
        """Type `rempart ekm …`, of this data directory or of none, and return what it says."""
        command = [REMPART, "ekm", *words, *(() if anywhere else ("--data", str(self.data)))]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return said if fails else done.stdout

    def start(self, *, program: str = "support.key_holder_program") -> None:
        note = self.data / "run.json"
        note.unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        with (self.data.parent / "ekm.err").open("ab") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, str(self.data)], env=environment,
                stdout=subprocess.DEVNULL, stderr=complaints,
            )  # fmt: skip
        until = time.monotonic() + READY_SECONDS_MAX
        while not note.exists():
            assert self.process.poll() is None, (self.data.parent / "ekm.err").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        told = json.loads(note.read_text())
        self.port = int(told["listen"].rpartition(":")[2])
        self.status_port = int(told["status"].rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    @property
    def audience(self) -> str:
        return f"https://localhost:{self.port}"

    def pinned(self) -> ssl.SSLContext:
        """Trust this manager's certificate and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.data / "tls/certificate.pem")
        return context

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.audience, verify=self.pinned(), trust_env=False, timeout=20
        )

    def ask(self, verb: str, body: Document | None = None, **how: Any) -> httpx.Response:
        """Post a verb for KEY, or `path`, as the service agent, or with `token`."""
        with self.client() as client:
            return self.ask_over(client, verb, body, **how)

    def ask_over(
        self,
        client: httpx.Client,
        verb: str,
        body: Document | None = None,
        *,
        path: str = KEY,
        token: str | None = None,
    ) -> httpx.Response:
        credential = self.issuer.token(self.audience) if token is None else token
        return client.post(
            f"/{path}:{verb}", json=body or {}, headers={"authorization": f"Bearer {credential}"}
        )

    def entries(self) -> list[Document]:
        """Return the log, verified."""
        return [json.loads(line.content) for line in walk(self.data / "log")]


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def use(*, aad: bytes = b"", resource: str = RESOURCE, **members: object) -> Document:
    """Return a body with the context that a cloud sends."""
    context = {
        "relativeResourceName": resource,
        "accessReasonContext": {"reason": "CUSTOMER_INITIATED_ACCESS"},
    }
    body: Document = {"additionalContext": context, **members}
    return {**body, "additionalAuthenticatedData": b64(aad)} if aad else body


@contextmanager
def running(data: Path) -> Iterator[KeyHolder]:
    holder = KeyHolder.create(data)
    holder.start()
    try:
        yield holder
    finally:
        holder.stop()
