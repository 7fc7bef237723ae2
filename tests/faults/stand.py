"""What stands while a workload runs, and the step that an operation is made into."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from faults.book import Fields, State
from faults.cloud import Answer, Cloud

Do = Callable[[Cloud], Awaitable[Answer]]
Told = Callable[[Answer], State]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: what it changes, how it is asked, and what the answer adds to the changes."""

    changes: State
    do: Do
    told: Told | None = None


@dataclass(slots=True)
class Stand:
    """What stands, as far as it was acknowledged, and the contents by their hash."""

    chance: random.Random
    state: State = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    drawn: int = 0

    def content(self, size: int) -> bytes:
        """Return new content, never the same twice."""
        self.drawn += 1
        data = hashlib.shake_256(b"content %d %d" % (self.drawn, size)).digest(size)
        self.contents[sha256(data)] = data
        return data

    def name(self, word: str) -> str:
        self.drawn += 1
        return f"{word}-{self.drawn}"

    def keys(self, kind: str, bucket: str = "") -> list[str]:
        start = f"{kind}/{bucket}/" if bucket else f"{kind}/"
        return sorted(
            key for key, value in self.state.items() if value is not None and key.startswith(start)
        )

    def value(self, key: str) -> Fields:
        value = self.state[key]
        if value is None:
            raise LookupError(key)
        return value

    def bucket(self) -> str | None:
        found = self.keys("bucket")
        return found[self.drawn % len(found)].split("/")[1] if found else None

    def object(self, *, held: bool = False) -> str | None:
        found = [
            key for key in self.keys("object") if bool(self.value(key).get("hold", False)) is held
        ]
        return self.chance.choice(found) if found else None


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def body(data: bytes, **more: object) -> Fields:
    return {"sha256": sha256(data), "size": len(data), **more}


def object_path(key: str) -> str:
    _, bucket, name = key.split("/", 2)
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


def upload_path(bucket: str) -> str:
    return f"/upload/storage/v1/b/{bucket}/o"


def published(key: str) -> Told:
    return lambda answer: {key: {"generation": answer.document()["generation"]}}


def gone(stand: Stand, key: str) -> State:
    """Return what becomes of a live object: a version where its bucket keeps them."""
    old = stand.state.get(key)
    if old is None:
        return {}
    _, bucket, name = key.split("/", 2)
    kept = stand.value(f"bucket/{bucket}")["versioning"]
    return {f"version/{bucket}/{name}/{old['generation']}": dict(old) if kept else None}
