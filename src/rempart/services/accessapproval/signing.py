"""Signing of approvals: by the customer's own key version, or by the universe's own key.

Each approval is signed twice: over its protocol buffer, as Google does it, and, where a key version
of the customer's can, as docs/spec/approval.md has it, for the key holder's program.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.core.clock import Random
from rempart.core.errors import CloudError, Code
from rempart.core.principal import Member, Principal
from rempart.core.signing import keys
from rempart.core.signing.keys import VerifyingKey
from rempart.services.kms.api.use import Usable, attempt, usable_in
from rempart.services.kms.model import names as kms_names
from rempart.services.kms.store import KmsStore
from rempart.services.kms.store import Setup as KmsSetup
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.policy.support.documents import Request, Signature
from rempart.trust.session import Session

EVIDENCE_TYPE = "rempart-approval+jwt"
USE_TO_SIGN = "cloudkms.cryptoKeyVersions.useToSign"
TOKENS_MAX = 4
"""How many external keys one approval vouches for; the key holder weighs eight for a request."""

_HALF = 32
_ID_BYTES = 16
_SECOND = 1_000_000
_JOSE = {"EC_SIGN_P256_SHA256": "ES256", "EC_SIGN_ED25519": "EdDSA"}


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an approval for a key holder says (docs/spec/approval.md)."""

    iss: str
    jti: str
    iat: int
    exp: int
    cloud: str
    project: str
    principal: str
    reasons: tuple[str, ...]
    nbf: int | None = None
    keys: str = ""
    target: str = ""
    detail: str = ""
    ticket: str = ""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    typ: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """What is to be signed: a request, whom it is for, and until when it would be approved."""

    request: Request
    name: str
    approver: str
    serialized: bytes
    project: str
    """The number of the request's project, empty where it is in none."""

    time: int
    until: int


@dataclass(frozen=True, slots=True)
class Signing:
    """Signs for the whole universe; `seed` makes the universe's own key, `cloud` is its name."""

    kms: KmsSetup
    seed: bytes
    cloud: str
    random: Random

    async def by_key(
        self, session: Session, agent: str, version: str, vouched: Vouched
    ) -> Signature:
        """Return the signature of a customer's key version, used in the name of the agent."""
        used = await self.usable(session, agent, version, vouched.name)
        signature = await attempt("data", used.key.sign(vouched.serialized))
        return Signature(
            approver=vouched.approver,
            time=vouched.time,
            algorithm=used.version.algorithm,
            serialized=vouched.serialized,
            signature=signature,
            key=version,
            evidence=await self._evidence(used, vouched),
        )

    async def usable(self, session: Session, agent: str, version: str, target: str) -> Usable:
        """Return a key version that may sign now in the name of the agent, or raise why not."""
        store = KmsStore(self.kms, session.acting_as(_account(agent)))
        name = kms_names.version(version)
        resource = await store.version_resource(name)
        grant = await store.session.authority.require(USE_TO_SIGN, resource)
        context = UseContext(
            version=version,
            key=str(name.parent),
            reason=CUSTOMER_INITIATED_ACCESS,
            principal=session.caller.member,
            method=session.call.method,
            target=target,
            request=session.call.request_id,
        )
        return await usable_in(context, grant, store, name, Purpose.ASYMMETRIC_SIGN)

    async def by_universe(self, vouched: Vouched) -> Signature:
        """Return the signature of the universe's own key, which the operator could make too."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return Signature(
            approver=vouched.approver,
            time=vouched.time,
            algorithm="EC_SIGN_ED25519",
            serialized=vouched.serialized,
            signature=key.sign(vouched.serialized),
            pem=pem.decode(),
        )

    async def _evidence(self, used: Usable, vouched: Vouched) -> str:
        """Return the approval for the key holder, one for each external key; empty without."""
        algorithm = _JOSE.get(used.version.algorithm)
        if algorithm is None or not vouched.project:
            return ""
        pem = (await used.key.public_key()).pem
        public = await asyncio.to_thread(load_pem_public_key, pem.encode())
        if not isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
            return ""
        registered = keys.of(public)
        header = _Header(algorithm, registered.id, EVIDENCE_TYPE)
        tokens = []
        for path in vouched.request.keys[:TOKENS_MAX]:
            claims = self._claims(approver_name(registered), path, vouched)
            signed = f"{_b64(msgspec.json.encode(header))}.{_b64(msgspec.json.encode(claims))}"
            signature = await attempt("data", used.key.sign(signed.encode()))
            raw = _raw(signature) if algorithm == "ES256" else signature
            tokens.append(f"{signed}.{_b64(raw)}")
        return "~".join(tokens)

    def _claims(self, approver: str, path: str, vouched: Vouched) -> Claims:
        request, now = vouched.request, vouched.time // _SECOND
        stored = request.scope.startswith("projects/_/buckets/")
        return Claims(
            iss=approver,
            jti=keys.base64url(self.random(_ID_BYTES)),
            iat=now,
            nbf=request.begins // _SECOND if request.begins > vouched.time else None,
            exp=min(vouched.until // _SECOND, now + 7 * 86_400),
            cloud=self.cloud,
            project=vouched.project,
            principal=request.principal,
            reasons=(request.reason,),
            keys=path,
            target=request.scope.rstrip("/") if stored else "",
            detail=request.detail,
            ticket=request.case,
        )


def approver_name(key: VerifyingKey) -> str:
    """Return the name under which a key holder registers a key version as an approver."""
    return f"kms.{key.id}"


def unusable(version: str, problem: CloudError) -> CloudError:
    """Return the refusal to approve while the key version that signs cannot be used."""
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"The key version that signs approvals cannot be used: {version}. {problem.message}",
        reason="INVALID_KEY_VERSION",
    )


def _account(email: str) -> Principal:
    return Principal(Member(f"serviceAccount:{email}"), email, "", None)


def _raw(signature: bytes) -> bytes:
    """Return an ECDSA signature as JOSE has it: both numbers, one after the other (RFC 7518)."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def _b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
