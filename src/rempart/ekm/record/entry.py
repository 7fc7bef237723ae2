"""What an entry of the log says. Never in it: plaintext, blobs, digests, tokens, passphrases."""

from __future__ import annotations

import hashlib

import msgspec

from rempart.ekm.model.key_use import KeyUse


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One entry; what is empty is left out.

    `kind` is `request`, `admin`, `start` or `stop`. `stage` is `intent` where a change is about to
    be made, and empty for an answer. `status` is the answer's HTTP status, `rule` what decided,
    `cause` why it was refused. `caller`, `issuer` and `project` are there for verified tokens only.
    `approval` is the SHA-256 of the approval that came along.
    """

    time: int
    kind: str
    verb: str = ""
    key: str = ""
    stage: str = ""
    status: int = 0
    rule: str = ""
    cause: str = ""
    issuer: str = ""
    caller: str = ""
    project: str = ""
    resource: str = ""
    reason: str | None = None
    health_check: bool = False
    principal: str = ""
    operation: str = ""
    target: str = ""
    approval: str = ""
    remote: str = ""
    detail: dict[str, str] = {}


_encode = msgspec.json.Encoder(order="deterministic").encode


def encoded(entry: Entry) -> bytes:
    """Return the entry as one line of JSON, without the newline."""
    return _encode(entry)


def of_use(use: KeyUse) -> dict[str, object]:
    """Return the members of an entry that a judged use gives."""
    members = msgspec.structs.asdict(use)
    del members["time"]
    if use.approval:
        members["approval"] = hashlib.sha256(use.approval.encode()).hexdigest()
    return members
