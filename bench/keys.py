"""What keys of Cloud KMS do in a second, asked over plain HTTP by the small requests' generator."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import grpc_load, load, ours, softhsm
from bench.load import Place
from bench.report import Figure
from bench.rows import Scale
from bench.universe import Universe, temporary_universe
from rempart.edge.grpc.messages import google_messages

CONNECTIONS = 16
GRPC = "Rempart TLS, gRPC"
PLAIN = base64.b64encode(bytes(32)).decode()


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a key: its row, the key's purpose and algorithm, and the method asked."""

    row: str
    purpose: str
    algorithm: str
    method: str
    field: str
    level: str = "SOFTWARE"


SEALS = ("ENCRYPT_DECRYPT", "GOOGLE_SYMMETRIC_ENCRYPTION")
SIGNS = "ASYMMETRIC_SIGN"
USES: tuple[Use, ...] = (
    Use("encrypt 32 bytes", *SEALS, "encrypt", "plaintext"),
    Use("decrypt 32 bytes", *SEALS, "decrypt", ""),
    Use("HMAC-SHA256 of 32 bytes", "MAC", "HMAC_SHA256", "macSign", "data"),
    Use("sign, P-256", SIGNS, "EC_SIGN_P256_SHA256", "asymmetricSign", "data"),
    Use("sign, RSA-3072 PSS", SIGNS, "RSA_SIGN_PSS_3072_SHA256", "asymmetricSign", "data"),
    Use("sign, ML-DSA-65", SIGNS, "PQ_SIGN_ML_DSA_65", "asymmetricSign", "data"),
)
IN_TOKEN = (
    Use("SoftHSM2: encrypt 32 bytes", *SEALS, "encrypt", "plaintext", "HSM"),
    Use("SoftHSM2: sign, P-256", SIGNS, "EC_SIGN_P256_SHA256", "asymmetricSign", "data", "HSM"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a key, for either protocol."""

    method: str
    name: str
    document: dict[str, str]

    def over_rest(self, token: str, seconds: float) -> load.Load:
        """Return the request as REST has it, over plain HTTP."""
        body = json.dumps(self.document).encode()
        head = (
            f"POST /cloudkms/v1/{self.name}:{self.method} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return load.Load([head.encode()], body, CONNECTIONS, seconds)

    def over_grpc(self) -> grpc_load.Request:
        """Return the request as gRPC has it."""
        verb = f"{self.method[0].upper()}{self.method[1:]}"
        message = f"google.cloud.kms.v1.{verb}Request"
        content = google_messages().write(message, {"name": self.name, **self.document})
        return grpc_load.Request(f"/google.cloud.kms.v1.KeyManagementService/{verb}", content)


def keys(scale: Scale, under: Path) -> Iterator[Figure]:
    """Measure each use with 16 requests in flight, over REST and over gRPC in turns."""
    busy, rates = ours.busyness(), dict[tuple[str, str], list[float]]()
    with temporary_universe(under) as universe:
        universe.start()
        uses = USES
        if softhsm.installed():
            softhsm.give(universe)
            uses += IN_TOKEN
        work = {use.row: _asked(universe, use) for use in uses}
        for _ in range(scale.runs):
            for row, asked in work.items():
                token = universe.token()
                rest = load.rate(Place(universe.http), asked.over_rest(token, scale.seconds))
                rates.setdefault((row, "Rempart"), []).append(rest)
                place = grpc_load.Place(universe.listen, _authority(universe), token)
                fast = grpc_load.rate(place, asked.over_grpc(), CONNECTIONS, scale.seconds)
                rates.setdefault((row, GRPC), []).append(fast)
    for (row, server), values in rates.items():
        yield Figure(f"{row}, {CONNECTIONS} in flight", "/s", server, tuple(values), busy)


def _authority(universe: Universe) -> bytes:
    return Path(universe.environment["REQUESTS_CA_BUNDLE"]).read_bytes()


def _asked(universe: Universe, use: Use) -> Asked:
    name = _key(universe, use)
    document = {use.field: PLAIN}
    if use.method == "decrypt":
        document = {
            "ciphertext": _ask(universe, f"{name}:encrypt", {"plaintext": PLAIN})["ciphertext"]
        }
    target = name if use.purpose == "ENCRYPT_DECRYPT" else f"{name}/cryptoKeyVersions/1"
    return Asked(use.method, target, document)


def _key(universe: Universe, use: Use) -> str:
    told = universe.environment
    place = f"projects/{told['GOOGLE_CLOUD_PROJECT']}/locations/{told['REMPART_LOCATION']}"
    id_ = "".join(letter for letter in use.row if letter.isalnum())
    _ask(universe, f"{place}/keyRings?keyRingId={id_}", {})
    version = {"algorithm": use.algorithm, "protectionLevel": use.level}
    template = {"purpose": use.purpose, "versionTemplate": version}
    made = _ask(universe, f"{place}/keyRings/{id_}/cryptoKeys?cryptoKeyId=key", template)
    return str(made["name"])


def _ask(universe: Universe, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(
        f"{universe.plain_url}/cloudkms/v1/{path}",
        headers={"authorization": f"Bearer {universe.token()}"},
        json=document,
        trust_env=False,
    )
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
