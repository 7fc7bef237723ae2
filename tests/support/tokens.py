"""Tokens as attackers and owners write them: any header, any payload, any signature."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rempart.trust.identity.accounts import IssuedKey, ServiceAccount
from support.worlds import NOW

SCOPE = "https://www.googleapis.com/auth/"
CLOUD = SCOPE + "cloud-platform"


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Signer:
    """The owner of a key file."""

    account: ServiceAccount
    issued: IssuedKey
    private: RSAPrivateKey

    @classmethod
    def of(cls, account: ServiceAccount, issued: IssuedKey) -> Signer:
        private = load_pem_private_key(json.loads(issued.file)["private_key"].encode(), None)
        assert isinstance(private, RSAPrivateKey)
        return cls(account, issued, private)

    def header(self, **changes: Any) -> dict[str, Any]:
        return _changed({"typ": "JWT", "alg": "RS256", "kid": self.issued.key.id}, changes)

    def claims(self, **changes: Any) -> dict[str, Any]:
        email = self.account.email
        claims = {"iss": email, "sub": email, "iat": NOW, "exp": NOW + 3600, "scope": CLOUD}
        return _changed(claims, changes)

    def sign(self, header: bytes, payload: bytes) -> str:
        signed = f"{b64(header)}.{b64(payload)}"
        return f"{signed}.{b64(self.private.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def token(self, header: dict[str, Any] | None = None, /, **claims: Any) -> str:
        """Return a token that is good but for what is changed; None removes a claim."""
        return self.sign(
            json.dumps(self.header() if header is None else header).encode(),
            json.dumps(self.claims(**claims)).encode(),
        )


def _changed(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = content | changes
    return {name: value for name, value in merged.items() if value is not None}
