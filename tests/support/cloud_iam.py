"""IAM of a universe in memory, asked through the gate."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from rempart.core.call import Call, MethodId
from rempart.core.principal import Principal
from rempart.trust.identity.accounts import ACCOUNTS, ServiceAccount
from rempart.trust.policy.decision import PolicyDecision
from support.cloud_storage import Bytes, Cloud, resource, token

PROJECT = "projects/lab:demo"
MAIL = "demo.lab.iam.gserviceaccount.com"
DAY = 86_400
ACCOUNT = "iam.projects.serviceAccounts"
KEY = f"{ACCOUNT}.keys"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"
USE = "iam.serviceAccounts.getAccessToken"


def email(id_: str) -> str:
    return f"{id_}@{MAIL}"


def path(account: str, project: str = PROJECT) -> str:
    """Return the name of an account, by its id or unique id."""
    return f"{project}/serviceAccounts/{account if account.isdigit() else email(account)}"


def granting(role: str, *members: str) -> dict[str, Any]:
    return {"policy": {"bindings": [{"role": role, "members": list(members)}]}}


@dataclass
class Iam:
    """A universe with its administrator and a clock that tests set."""

    cloud: Cloud

    @classmethod
    async def start(cls) -> Iam:
        return cls(await Cloud.start())

    async def ask(
        self,
        method: str,
        name: str = "",
        document: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        key: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call a method as the administrator, or as the owner of a key file."""
        clock = self.cloud.clock
        bearer = self.cloud.token if key is None else token(key, clock() // 1_000_000)
        call = Call(
            method=MethodId(method),
            path=dict.fromkeys(("name", "parent", "resource", "bucket"), name),
            query=query or {},
            headers={"authorization": f"Bearer {bearer}"},
            document=document or {},
            body=Bytes(b""),
            kind="plain",
            base_url="https://iam.apis.example.test",
            remote="127.0.0.1",
            request_id="test",
            time=clock(),
            verb="POST",
        )
        return resource(await self.cloud.parts.gate.serve(call))

    async def account(self, id_: str = "robot-1", **given: str) -> dict[str, Any]:
        body = {"accountId": id_, "serviceAccount": given}
        return await self.ask(f"{ACCOUNT}.create", PROJECT, body)

    async def key(self, id_: str = "robot-1") -> dict[str, str]:
        """Return the file of a new key of an account."""
        body = {"keyAlgorithm": "KEY_ALG_RSA_2048"}
        made = await self.ask(f"{KEY}.create", path(id_), body)
        content: dict[str, str] = json.loads(base64.b64decode(made["privateKeyData"]))
        return content

    async def stored(self, id_: str) -> ServiceAccount:
        found = await self.cloud.parts.sealed.find(ACCOUNTS, ACCOUNTS.key(email(id_)))
        assert found is not None
        return found.value

    async def may(self, id_: str, target: str, permission: str = USE) -> bool:
        """Tell whether an account has a permission on another, as a caller of this moment."""
        caller, of = await self.stored(id_), (await self.stored(target)).resource
        principal = Principal(caller.member, caller.email, caller.unique_id, caller.project)
        parts = self.cloud.parts
        decision = PolicyDecision(parts.sealed, parts.world)
        return await decision.allowed(principal, permission, of, time=self.cloud.clock())


@lru_cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, begins: datetime, days: int = 30
) -> str:
    """Return a self-signed certificate in PEM, in base64 as the API takes it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mine")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def date(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC)
