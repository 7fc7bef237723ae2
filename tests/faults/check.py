"""Opens a data directory after a fault and compares what clients see with what was promised.

Everything acknowledged is there and whole; what was under way is there as a whole or not at all;
nothing else is listed; the log verifies and holds every receipt; the sweep leaves exactly the blobs
that are referred to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from faults.book import Book, Entry, Fields, State
from faults.cloud import CHECK_SECONDS, SETTINGS, Cloud, opened
from faults.operations import VIEWER
from rempart import app
from rempart.core.errors import CloudError
from rempart.engine.seam import EngineError
from rempart.services.storage.kinds import REFERENCE
from rempart.services.storage.sweep import Sweep
from rempart.tlog.tree import leaf_hash
from rempart.trust.witness.leaf import FEED

ABSENT = frozenset((404, 410))
FEED_PAGE = 5000


async def violations(data: Path, book: Book) -> list[str]:
    """Return in words what does not hold in a data directory."""
    try:
        async with opened(data, seed=1, seconds=CHECK_SECONDS) as cloud:
            found = await _swept(cloud, data)
            found += await _state(cloud, book)
            return found + await _log(cloud, book.acknowledged)
    except EngineError as problem:
        return [f"the universe does not open: {type(problem).__name__}: {problem}"]


async def _state(cloud: Cloud, book: Book) -> list[str]:
    candidates = book.candidates()
    seen = await look(cloud, {key for state in candidates for key in state})
    best: list[str] | None = None
    for state in candidates:
        wrong = _differences(state, seen)
        if not wrong:
            return []
        best = wrong if best is None or len(wrong) < len(best) else best
    return best or []


def _differences(state: State, seen: State) -> list[str]:
    wrong = [
        f"{key}: {_shown(expected)} was promised, {_shown(seen[key])} is there"
        for key, expected in state.items()
        if not _fits(expected, seen[key])
    ]
    listed = {key for key, value in seen.items() if key.startswith("list/") and value}
    expected_names = {
        f"list/{key}"
        for key, value in state.items()
        if value is not None and key.split("/")[0] in {"bucket", "object"}
    }
    wrong += [f"{key} is listed and was not promised" for key in sorted(listed - expected_names)]
    wrong += [f"{key} is not listed" for key in sorted(expected_names - listed)]
    return wrong


def _shown(value: Fields | None) -> str:
    return "nothing" if value is None else repr(value)


def _fits(expected: Fields | None, got: Fields | None) -> bool:
    if expected is None or got is None:
        return expected is got
    skipped = {"name", "pieces"} if "offset" in expected else set()
    return all(got.get(name) == value for name, value in expected.items() if name not in skipped)


async def look(cloud: Cloud, keys: Iterable[str]) -> State:
    """Return what a client sees under these keys, and everything that is listed."""
    seen: State = {}
    for key in keys:
        kind = key.split("/", 1)[0]
        seen[key] = await _LOOKS[kind](cloud, key)
    answer = await cloud.ask("GET", "/storage/v1/b", {"project": SETTINGS.project})
    for bucket in answer.document().get("items", []):
        seen[f"list/bucket/{bucket['name']}"] = {}
        path = f"/storage/v1/b/{bucket['name']}/o"
        listed = (await cloud.ask("GET", path)).document().get("items", [])
        seen |= {f"list/object/{bucket['name']}/{one['name']}": {"": 1} for one in listed}
        seen[f"list/bucket/{bucket['name']}"] = {"": 1}
    return seen


async def stands(cloud: Cloud, changes: State) -> bool:
    """Tell whether what was asked for has happened, although the answer did not say so."""
    for key, expected in changes.items():
        seen = await _LOOKS[key.split("/", 1)[0]](cloud, key)
        if not _fits(expected, seen):
            return False
        if expected is not None and seen is not None:
            expected.update(seen)
    return bool(changes)


async def _look_bucket(cloud: Cloud, key: str) -> Fields | None:
    answer = await cloud.ask("GET", f"/storage/v1/b/{key.split('/')[1]}")
    if answer.status in ABSENT:
        return None
    got = answer.document()
    return {
        "labels": got.get("labels", {}),
        "versioning": got.get("versioning", {}).get("enabled", False),
    }


async def _look_object(cloud: Cloud, key: str) -> Fields | None:
    _, bucket, name = key.split("/", 2)
    return await _object(cloud, bucket, name, {})


async def _look_version(cloud: Cloud, key: str) -> Fields | None:
    _, bucket, rest = key.split("/", 2)
    name, generation = rest.rsplit("/", 1)
    return await _object(cloud, bucket, name, {"generation": generation})


async def _object(cloud: Cloud, bucket: str, name: str, which: dict[str, str]) -> Fields | None:
    path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    answer = await cloud.ask("GET", path, which | {"projection": "full"})
    if answer.status in ABSENT:
        return None
    if answer.status != 200:
        return {"error": answer.status}
    got = answer.document()
    media = await cloud.ask("GET", path, which | {"alt": "media"})
    if media.status != 200 or media.cut:
        return {"error": f"{media.status}{' cut' if media.cut else ''} on the media"}
    readers = (str(one.get("entity", "")) for one in got.get("acl", []))
    return {
        "sha256": hashlib.sha256(media.content).hexdigest(),
        "size": int(got["size"]),
        "generation": got["generation"],
        "metadata": got.get("metadata", {}),
        "hold": got.get("temporaryHold", False),
        "readers": sorted(one for one in readers if one.startswith("user-reader")),
    }


async def _look_session(cloud: Cloud, key: str) -> Fields | None:
    _, bucket, session = key.split("/")
    answer = await cloud.ask(
        "PUT",
        f"/upload/storage/v1/b/{bucket}/o",
        {"uploadType": "resumable", "upload_id": session},
        headers={"content-range": "bytes */*"},
    )
    if answer.status == 308:
        return {"offset": int(answer.headers.get("range", "bytes=0--1").split("-", 1)[1]) + 1}
    # The object that it made may be gone by now; the session stays complete.
    return {"done": True} if answer.status in {200, 404} else {"error": answer.status}


async def _look_iam(cloud: Cloud, key: str) -> Fields | None:
    answer = await cloud.ask("GET", f"/storage/v1/b/{key.split('/')[1]}/iam")
    if answer.status in ABSENT:
        return None
    bindings = answer.document()["bindings"]
    return {"members": [m for one in bindings if one["role"] == VIEWER for m in one["members"]]}


_LOOKS = {
    "bucket": _look_bucket,
    "object": _look_object,
    "version": _look_version,
    "session": _look_session,
    "iam": _look_iam,
}


async def _swept(cloud: Cloud, data: Path) -> list[str]:
    """Sweep as a server does, then compare the blobs with what the records refer to."""
    blobs = cloud.engine.blobs
    await Sweep(cloud.parts.sealed, blobs, cloud.parts.bodies, cloud.parts.world).run()
    there = {str(blob) async for blob in blobs.list()}
    held = {
        found.key[1:-1].decode()
        for found in await cloud.parts.sealed.scan(REFERENCE, REFERENCE.under(), limit=5000)
    }
    wrong = [f"the blob {blob} is referred to and missing" for blob in sorted(held - there)]
    wrong += [f"the orphan {blob} outlived the sweep" for blob in sorted(there - held)]
    parts = sorted((data / "engine" / "blobs").glob("*/*.part"))
    return wrong + [f"{part.name} outlived the opening" for part in parts]


async def _log(cloud: Cloud, acknowledged: list[Entry]) -> list[str]:
    try:
        checks = await app.checks(cloud.engine, cloud.parts)
    except CloudError as problem:
        return [f"verification failed: {problem}"]
    wrong = [f"verify {check.name}: {check.detail}" for check in checks if not check.ok]
    receipts = {entry.receipt for entry in acknowledged if entry.receipt}
    page = await cloud.engine.feeds.read(FEED, 0, limit=FEED_PAGE)
    held = {f"{FEED}/{entry.index}/{leaf_hash(entry.entry).hex()}" for entry in page}
    return wrong + [f"the log lacks the receipt {one}" for one in sorted(receipts - held)]
