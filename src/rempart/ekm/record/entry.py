"""What an entry of the log says. Never in it: plaintext, blobs, digests, tokens, passphrases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import BLOCK_RULE
from rempart.ekm.record.segments import LogBroken, walk


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One entry; what is empty is left out.

    `kind` is `request`, `admin`, `start` or `stop`. `stage` is `intent` where a change is about to
    be made, and empty for an answer. `status` is the answer's HTTP status, `rule` what decided and
    `allowed` how, `cause` why it was refused. `caller`, `issuer` and `project` are there for
    verified tokens only. `approval` is the signed approval that came along: it is evidence, and
    whoever counts how often it was used counts here. `entry` is the receipt of the
    request in the cloud's own log. `generation` is that of the sealed file, where it may have
    changed.
    """

    time: int
    kind: str
    verb: str = ""
    key: str = ""
    stage: str = ""
    status: int = 0
    rule: str = ""
    allowed: bool = False
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
    entry: str = ""
    remote: str = ""
    generation: int = 0
    detail: dict[str, str] = {}


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Entry).decode
_OF_USE = frozenset(KeyUse.__struct_fields__)


def encoded(entry: Entry) -> bytes:
    """Return the entry as one line of JSON, without the newline."""
    return _encode(entry)


def decoded(content: bytes) -> Entry:
    """Return the entry that a line holds; raises `LogBroken` for one that is none."""
    try:
        return _decode(content)
    except msgspec.DecodeError as problem:
        raise LogBroken("an entry is not of this version") from problem


def of_use(use: KeyUse) -> dict[str, object]:
    """Return the members of an entry that a judged use gives, but for its time."""
    members = msgspec.structs.asdict(use)
    del members["time"]
    return members


def past_uses(directory: Path) -> Iterator[tuple[KeyUse, bool]]:
    """Yield every use that policy judged, in order, and whether it was allowed.

    Allowed means that policy spoke for it, whatever became of it then; what a block refused, policy
    was not asked about. Raises `LogBroken`.
    """
    for line in walk(directory):
        entry = decoded(line.content)
        blocked = not entry.allowed and entry.rule.startswith(BLOCK_RULE)
        if entry.kind == "request" and entry.rule and not entry.stage and not blocked:
            members = msgspec.structs.asdict(entry)
            yield KeyUse(**{name: members[name] for name in _OF_USE}), entry.allowed
