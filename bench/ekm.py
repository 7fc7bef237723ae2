"""How long a key holder takes to wrap and unwrap on loopback, its log synced before each answer.

`python -m bench.ekm`. Beside it, in the same run: a key in a token of SoftHSM2, where that is
installed; the same server with a log that is not synced; and the disk's own time for appending and
syncing one block.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import softhsm
from bench.load import Connection
from bench.report import machine, table

SECONDS = float(os.environ.get("BENCH_EKM_SECONDS", "5"))
WARM_SECONDS = 0.5
CONNECTIONS = (1, 16)
BLOCK = bytes(4096)
REMPART = str(Path(sys.executable).with_name("rempart"))
ISSUER, DOMAIN = "https://accounts.bench.test", "gcp-sa-ekms.bench.test"
KEY = "v0/cryptospaces/bench/keys/key"
TOKEN_KEY = "v0/cryptospaces/bench/keys/token"
CONTEXT = {
    "relativeResourceName": "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    "accessReasonContext": {"reason": "CUSTOMER_INITIATED_ACCESS"},
    "rempartContext": {
        "principal": "user:someone@example.test",
        "operation": "storage.objects.get",
        "target": "projects/_/buckets/b/objects/o",
    },
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A key holder that runs, and what a caller needs."""

    port: int
    tls: ssl.SSLContext
    token: str
    key: str = KEY

    def request(self, verb: str, body: dict[str, object]) -> bytes:
        content = json.dumps({**body, "additionalContext": CONTEXT}).encode()
        head = (
            f"POST /{self.key}:{verb} HTTP/1.1\r\nHost: localhost:{self.port}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def wrapped(self) -> str:
        with httpx.Client(verify=self.tls, trust_env=False) as client:
            answer = client.post(
                f"https://localhost:{self.port}/{self.key}:wrap",
                json={"plaintext": _PLAIN, "additionalContext": CONTEXT},
                headers={"authorization": f"Bearer {self.token}"},
            )
        return str(answer.raise_for_status().json()["wrappedBlob"])


_PLAIN = base64.b64encode(bytes(32)).decode()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-ekm-", dir=Path.cwd()) as under:
        data, key = Path(under) / "data", rsa.generate_private_key(65537, 2048)
        _create(data, key)
        lines = []
        for name, words in (("log synced", ()), ("log not synced", ("unsynced",))):
            with _running(data, key, words) as holder:
                lines += list(_rows(name, holder))
                if softhsm.installed() and not words:
                    in_token = replace(holder, key=TOKEN_KEY)
                    lines += list(_rows(f"key in a token, {name}", in_token))
        lines.append(["the disk: append and sync 4 KiB", "1", *_told(_syncs(Path(under)))])
        holder_log = [REMPART, "ekm", "log", "--verify", "--data", str(data)]
        verified = subprocess.run(holder_log, check=True, capture_output=True, text=True).stdout
    print(machine())
    print(table(["what", "connections", "p50 ms", "p99 ms", "max ms", "/s"], lines))
    print(verified)


def _rows(name: str, holder: Holder) -> Iterator[list[str]]:
    requests = {
        "wrap 32 bytes": holder.request("wrap", {"plaintext": _PLAIN}),
        "unwrap 32 bytes": holder.request("unwrap", {"wrappedBlob": holder.wrapped()}),
    }
    for connections in CONNECTIONS:
        for verb, request in requests.items():
            asyncio.run(_ask(holder, request, connections, WARM_SECONDS))
            taken = asyncio.run(_ask(holder, request, connections, SECONDS))
            yield [f"{verb}, {name}", str(connections), *_told(taken, SECONDS)]


def _told(taken: Sequence[float], seconds: float = 0.0) -> list[str]:
    cuts = statistics.quantiles(taken, n=100)
    rate = len(taken) / (seconds or sum(taken))
    shown = (statistics.median(taken), cuts[98], max(taken))
    return [*(f"{value * 1000:.2f}" for value in shown), f"{rate:,.0f}"]


async def _ask(holder: Holder, request: bytes, connections: int, seconds: float) -> list[float]:
    until = time.perf_counter() + seconds
    each = await asyncio.gather(
        *(_ask_over_one(holder, request, until) for _ in range(connections))
    )
    return [taken for one in each for taken in one]


async def _ask_over_one(holder: Holder, request: bytes, until: float) -> list[float]:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        Connection, "127.0.0.1", holder.port, ssl=holder.tls, server_hostname="localhost"
    )
    taken = []
    while (begun := time.perf_counter()) < until:
        await connection.ask(request, b"")
        taken.append(time.perf_counter() - begun)
    await connection.close()
    return taken


def _syncs(under: Path) -> list[float]:
    path, taken = under / "limit", []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    until = time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < until:
        os.write(descriptor, BLOCK)
        os.fdatasync(descriptor)
        taken.append(time.perf_counter() - begun)
    os.close(descriptor)
    return taken


def _create(data: Path, key: rsa.RSAPrivateKey) -> None:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    keys = data.with_name("keys.json")
    keys.write_text(json.dumps({"keys": [{**jwk, "kid": "k", "alg": "RS256"}]}))
    made = (
        ("init", "--host", "localhost", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0",
         "--key-file", str(data.with_name("sealing.key"))),
        ("trust", "add", ISSUER, "--mail-domain", DOMAIN, "--keys-file", str(keys)),
        ("keys", "create", KEY),
    )  # fmt: skip
    for words in made:
        _say(data, *words)
    if softhsm.installed():
        with (data / "ekm.toml").open("a") as settings:
            settings.write(softhsm.make(data.with_name("hsm")))
        _say(data, "keys", "create", TOKEN_KEY)


def _say(data: Path, *words: str) -> None:
    command = [REMPART, "ekm", *words, "--data", str(data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _running(data: Path, key: rsa.RSAPrivateKey, words: tuple[str, ...]) -> Iterator[Holder]:
    note = data / "run.json"
    note.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.ekm_server", str(data), *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not note.exists():
            if process.poll() is not None:
                raise SystemExit("The key holder did not start.")
            time.sleep(0.02)
        port = int(json.loads(note.read_text())["listen"].rpartition(":")[2])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(data / "tls/certificate.pem")
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": f"https://localhost:{port}", "sub": "1", "iat": now,
            "exp": now + 3600, "email": f"service-1@{DOMAIN}", "email_verified": True,
        }  # fmt: skip
        token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k"})
        yield Holder(port, tls, token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    main()
