"""Cloud KMS of a universe in memory, asked through the gate."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rempart.config import HSMConfig
from rempart.core.call import Call, MethodId
from rempart.engine.seam import Engine
from rempart.services.kms.work import DueKeys
from support.cloud_storage import CONFIG, Bytes, Cloud, resource

LOCATION = "projects/lab:demo/locations/u-here1"
RING = f"{LOCATION}/keyRings/ring"
DAY = 86_400


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Kms:
    """A universe with one key ring, its administrator and a clock that tests set."""

    cloud: Cloud

    @classmethod
    async def start(
        cls,
        hsm: HSMConfig | None = None,
        engine: Engine | None = None,
        managers: Mapping[str, str] | None = None,
    ) -> Kms:
        """Return one with a token, that may ask external key managers, by host and address."""
        config = replace(CONFIG, key_managers=tuple((managers or {}).items()), hsm=hsm)
        kms = cls(await Cloud.start(engine, config=config))
        await kms.ask("keyRings.create", parent=LOCATION, query={"keyRingId": "ring"})
        return kms

    async def ask(
        self,
        method: str,
        document: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        """Call a method, below `projects.locations` unless told whole, and return its answer."""
        whole = method.startswith(("cloudkms.", "kmsinventory."))
        call = Call(
            method=MethodId(method if whole else f"cloudkms.projects.locations.{method}"),
            path=path,
            query=query or {},
            headers={"authorization": f"Bearer {token or self.cloud.token}"} | dict(headers or {}),
            document=document or {},
            body=Bytes(b""),
            kind="plain",
            base_url="https://cloudkms.apis.example.test",
            remote="127.0.0.1",
            request_id="test",
            time=self.cloud.clock(),
            verb="POST",
        )
        return resource(await self.cloud.parts.gate.serve(call))

    async def key(
        self,
        id_: str = "key",
        purpose: str = "ENCRYPT_DECRYPT",
        algorithm: str = "GOOGLE_SYMMETRIC_ENCRYPTION",
        **document: Any,
    ) -> str:
        """Create a key with its first version and return its name."""
        body = {"purpose": purpose, "versionTemplate": {"algorithm": algorithm}, **document}
        made = await self.ask(
            "keyRings.cryptoKeys.create", body, parent=RING, query={"cryptoKeyId": id_}
        )
        return str(made["name"])

    async def encrypt(self, name: str, plaintext: bytes, aad: bytes = b"") -> bytes:
        body = {"plaintext": b64(plaintext), "additionalAuthenticatedData": b64(aad)}
        done = await self.ask("keyRings.cryptoKeys.encrypt", body, name=name)
        return base64.b64decode(done["ciphertext"])

    async def decrypt(self, name: str, ciphertext: bytes, aad: bytes = b"") -> bytes:
        body = {"ciphertext": b64(ciphertext), "additionalAuthenticatedData": b64(aad)}
        done = await self.ask("keyRings.cryptoKeys.decrypt", body, name=name)
        return base64.b64decode(done["plaintext"])

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the runner do what falls due meanwhile."""
        self.cloud.clock.advance(seconds)
        await DueKeys(self.cloud.parts.sealed, self.cloud.parts.kms).run()
