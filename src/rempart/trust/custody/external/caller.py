"""Asks external key managers: the verbs of docs/spec/external-key-manager.md.

Every answer is taken for what anybody could have written: its shape and sizes are checked before
anything of it is used.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from rempart.core.errors import CloudError
from rempart.core.limits import KIB
from rempart.trust.custody.external.connection import Answer
from rempart.trust.custody.external.endpoint import Endpoints, Place
from rempart.trust.custody.external.faults import Fault, failure, refusal

BLOB_BYTES_MAX = 8 * KIB
"""The most that a manager may answer to `wrap`: it was given a data key."""

LEASE_SECONDS_MAX = 86_400
_DURATION = re.compile(r"([0-9]{1,9})(?:\.[0-9]{1,9})?s")

Tokens = Callable[[str, str], str]
"""Return a bearer token for an audience in the name of a service agent's address."""


@dataclass(frozen=True, slots=True)
class Location:
    """A key, or a crypto space, of a manager: its path there, without a leading slash."""

    place: Place
    path: str

    @property
    def uri(self) -> str:
        """Return the whole URI."""
        return f"{self.place.origin}/{self.path}"


@dataclass(frozen=True, slots=True)
class Use:
    """Who asks for what and why, as the manager's policy will judge it.

    `agent` is the service agent's address, `resource` the key version. `reason` is one that the
    caller has: nobody may put a better one here. The universe sends no health checks of its own:
    what it asks is asked for somebody. `request`, the call's number, and `approved`, the name of
    the approval under which staff of the operator's act, are for its own log.
    """

    agent: str
    resource: str
    reason: str
    principal: str = ""
    operation: str = ""
    target: str = ""
    approval: str = ""
    request: str = ""
    approved: str = ""

    def shown(self, entry: str = "") -> dict[str, object]:
        """Return the additionalContext of a request; `entry` is the receipt of its own entry."""
        context: dict[str, object] = {
            "relativeResourceName": self.resource,
            "fullResourceName": f"//cloudkms.googleapis.com/{self.resource}",
            "accessReasonContext": {"reason": self.reason},
            "isKeyHealthCheck": False,
        }
        ours = {
            "principal": self.principal,
            "operation": self.operation,
            "target": self.target,
            "approval": self.approval,
            "entry": entry,
        }
        return context | {"rempartContext": {name: said for name, said in ours.items() if said}}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What a manager opened, and for how many seconds it may be kept; 0 is for this use only."""

    plaintext: bytes = field(repr=False)
    lease_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ManagersPublicKey:
    """The public half of an asymmetric key and the algorithm that the manager gives it."""

    pem: str
    algorithm: str


class Record(Protocol):
    """Where it is put on record that a manager is asked."""

    async def asks(self, use: Use, verb: str, uri: str) -> str:
        """Put it on record before it happens; return the entry's receipt."""

    async def failed(
        self, use: Use, verb: str, uri: str, receipt: str, problem: CloudError
    ) -> None:
        """Put on record that the manager refused, or did not answer."""


class Caller:
    """Speaks with managers for the whole universe.

    Without a `record` nothing is on record: so it is before the store is open.
    """

    def __init__(self, endpoints: Endpoints, tokens: Tokens, record: Record | None = None) -> None:
        self._endpoints = endpoints
        self._tokens = tokens
        self._record = record

    async def wrap(self, key: Location, plaintext: bytes, use: Use) -> bytes:
        """Return a blob that `unwrap` opens."""
        answer = await self._post(key, "wrap", {"plaintext": _b64(plaintext)}, use)
        return _bytes(answer, "wrappedBlob", BLOB_BYTES_MAX, key)

    async def unwrap(self, key: Location, blob: bytes, use: Use) -> Unwrapped:
        """Return what a blob holds."""
        answer = await self._post(key, "unwrap", {"wrappedBlob": _b64(blob)}, use)
        plaintext = _bytes(answer, "plaintext", BLOB_BYTES_MAX, key)
        return Unwrapped(plaintext, _lease(answer, key))

    async def sign(self, key: Location, digest: Mapping[str, bytes], use: Use) -> bytes:
        """Return the signature of a digest, named as Google's `Digest` names it."""
        body = {"digest": {name: _b64(value) for name, value in digest.items()}}
        answer = await self._post(key, "asymmetricSign", body, use)
        return _bytes(answer, "signature", BLOB_BYTES_MAX, key)

    async def public_key(self, key: Location, use: Use) -> ManagersPublicKey:
        """Return the public half of an asymmetric key."""
        answer = await self._post(key, "getPublicKey", {}, use)
        found = answer.get("publicKey")
        pem = found.get("pem") if isinstance(found, dict) else None
        algorithm = answer.get("algorithm")
        if not isinstance(pem, str) or not isinstance(algorithm, str):
            raise _unexpected("publicKey.pem and algorithm", key)
        return ManagersPublicKey(pem, algorithm)

    async def create_key(self, space: Location, algorithm: str, use: Use) -> str:
        """Make a key in a crypto space and return its path."""
        answer = await self._post(space, "createKey", {"algorithm": algorithm}, use)
        path = answer.get("keyPath")
        if not isinstance(path, str) or not is_path(path):
            raise _unexpected("keyPath", space)
        return path

    async def destroy_key(self, key: Location, use: Use) -> None:
        """Destroy a key for ever."""
        await self._post(key, "destroyKey", {}, use)

    async def check_space(self, space: Location, use: Use) -> None:
        """Raise unless the universe may create keys in a crypto space."""
        answer = await self._post(space, "checkCryptoSpacePermissions", {}, use)
        if answer.get("allowed") is not True:
            message = "The external key manager does not allow keys in the crypto space."
            raise failure(Fault.EXTERNAL_PERMISSION_DENIED, message, space.uri)

    async def info(self, place: Place, agent: str) -> None:
        """Raise unless a manager answers who it is."""
        where = Location(place, "v0/info")
        answer = _document(await self._ask(where, "GET", "", b"", agent), where)
        if not isinstance(answer.get("name"), str):
            raise _unexpected("name", where)

    async def _post(
        self, at: Location, verb: str, body: Mapping[str, object], use: Use
    ) -> dict[str, object]:
        if self._record is None:
            return await self._told(at, verb, body, use)
        receipt = await self._record.asks(use, verb, at.uri)
        try:
            return await self._told(at, verb, body, use, receipt)
        except CloudError as problem:
            await self._record.failed(use, verb, at.uri, receipt, problem)
            raise

    async def _told(
        self, at: Location, verb: str, body: Mapping[str, object], use: Use, entry: str = ""
    ) -> dict[str, object]:
        whole = {"keyPath": at.path, "additionalContext": use.shown(entry), **body}
        content = msgspec.json.encode(whole)
        return _document(await self._ask(at, "POST", f":{verb}", content, use.agent), at)

    async def _ask(
        self, at: Location, verb: str, suffix: str, content: bytes, agent: str
    ) -> Answer:
        head = (
            f"{verb} /{at.path}{suffix} HTTP/1.1\r\n"
            f"Host: {at.place.authority}\r\n"
            f"Authorization: Bearer {self._tokens(at.place.origin, agent)}\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
            "Accept: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        once = suffix in {":createKey", ":destroyKey"}
        return await self._endpoints.exchange(
            at.place, head.encode() + content, repeatable=not once
        )


def is_path(path: str) -> bool:
    """Tell whether a key's path may stand in a request as it is."""
    segments = path.split("/")
    return bool(_PATH.fullmatch(path)) and not {"", ".", ".."} & set(segments)


PATH_CHARS_MAX = 512
_PATH = re.compile(rf"[A-Za-z0-9._~/-]{{1,{PATH_CHARS_MAX}}}")


def _document(answer: Answer, at: Location) -> dict[str, object]:
    try:
        document = msgspec.json.decode(answer.content or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise _refused(answer.status, document, at)
    if not isinstance(document, dict):
        raise _unexpected("a JSON object", at)
    return document


def _refused(status: int, document: object, at: Location) -> CloudError:
    error = document.get("error") if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {}
    said, details = error.get("message"), error.get("details")
    reasons = [
        one.get("reason")
        for one in (details if isinstance(details, list) else [])
        if isinstance(one, dict)
    ]
    reason = Fault.DECRYPTION_FAILED if "DECRYPTION_FAILED" in reasons else ""
    return refusal(status, said if isinstance(said, str) else "", reason, at.uri)


def _bytes(answer: Mapping[str, object], name: str, most: int, at: Location) -> bytes:
    """Return a member of bytes, which must not be empty."""
    value = answer.get(name)
    try:
        found = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        found = b""
    if not 0 < len(found) <= most:
        raise _unexpected(name, at)
    return found


def _lease(answer: Mapping[str, object], at: Location) -> int:
    value = answer.get("allowedCacheDuration")
    if value is None:
        return 0
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _unexpected("allowedCacheDuration", at)
    return min(int(found[1]), LEASE_SECONDS_MAX)


def _unexpected(wanted: str, at: Location) -> CloudError:
    message = f"The external key manager's answer lacks {wanted}, or has another form of it."
    return failure(Fault.UNEXPECTED_RESPONSE, message, at.uri)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
