"""A customer who brings keys of their own: wraps each under an import job, and uses it."""

from __future__ import annotations

import os
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rempart.config import HSMConfig
from rempart.core.errors import CloudError
from support.cloud_kms import RING, Kms, b64

VERSIONS = "keyRings.cryptoKeys.cryptoKeyVersions"


@dataclass
class Importer:
    """Imports keys by one job, each once."""

    kms: Kms
    job: dict[str, Any]
    purpose: str
    level: str = "SOFTWARE"
    known: dict[tuple[str, bytes], str] = field(default_factory=dict)

    @classmethod
    async def start(cls, purpose: str, hsm: HSMConfig | None = None) -> Importer:
        """Return one who brings keys to the token, where there is one."""
        kms, level = await Kms.start(hsm), "HSM" if hsm else "SOFTWARE"
        method = {"importMethod": "RSA_OAEP_3072_SHA256_AES_256", "protectionLevel": level}
        query = {"importJobId": "job"}
        job = await kms.ask("keyRings.importJobs.create", method, parent=RING, query=query)
        return cls(kms, job, purpose, level)

    async def version(self, algorithm: str, material: bytes) -> str:
        """Return the name of a version that holds the material."""
        place = (algorithm, material)
        if place not in self.known:
            self.known[place] = await self._import(algorithm, material)
        return self.known[place]

    async def _import(self, algorithm: str, material: bytes) -> str:
        version = {"algorithm": algorithm, "protectionLevel": self.level}
        template = {"purpose": self.purpose, "versionTemplate": version}
        query = {
            "cryptoKeyId": f"k{len(self.known)}",
            "skipInitialVersionCreation": "true",
        }
        key = await self.kms.ask(
            "keyRings.cryptoKeys.create",
            template | {"importOnly": True},
            parent=RING,
            query=query,
        )
        document = {
            "algorithm": algorithm,
            "importJob": self.job["name"],
            "wrappedKey": b64(self.wrapped(material)),
        }
        made = await self.kms.ask(f"{VERSIONS}.import", document, parent=key["name"])
        return str(made["name"])

    def wrapped(self, material: bytes) -> bytes:
        """Return material as the job takes it."""
        public = load_pem_public_key(self.job["publicKey"]["pem"].encode())
        assert isinstance(public, RSAPublicKey)
        ephemeral = os.urandom(32)
        mask = OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None)
        return public.encrypt(ephemeral, mask) + aes_key_wrap_with_padding(ephemeral, material)

    async def answer(self, method: str, version: str, document: dict[str, Any]) -> Any:
        """Return what a use of a version answers, or the code of its refusal."""
        try:
            return await self.kms.ask(f"{VERSIONS}.{method}", document, name=version)
        except CloudError as problem:
            return problem.code

    async def pem(self, version: str) -> str:
        """Return the public half of a key as PEM."""
        return str((await self.kms.ask(f"{VERSIONS}.getPublicKey", name=version))["pem"])

    async def public_key(self, version: str, form: str = "NIST_PQC") -> bytes:
        """Return the public half of a post-quantum key in its raw form."""
        asked = {"publicKeyFormat": form}
        shown = await self.kms.ask(f"{VERSIONS}.getPublicKey", name=version, query=asked)
        return b64decode(shown["publicKey"]["data"])
