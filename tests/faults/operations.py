"""The operations of a workload: each picks its target from what stands, says what it will change,
then does it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import quote

from faults.cloud import SETTINGS, Answer, Cloud
from faults.stand import Stand, Step, body, gone, object_path, published, sha256
from faults.uploads import LARGE, SMALL, put, put_large, put_small, session_begin, session_chunk


def bucket_create(stand: Stand) -> Step:
    name = stand.name("bucket")
    versioning = len(stand.keys("bucket")) % 2 == 0
    labels = {"made": name}
    document = {
        "name": name,
        "location": SETTINGS.regions[0],
        "labels": labels,
        "versioning": {"enabled": versioning},
    }
    return Step(
        {f"bucket/{name}": {"labels": labels, "versioning": versioning}},
        lambda cloud: cloud.ask(
            "POST", "/storage/v1/b", {"project": SETTINGS.project}, document=document
        ),
    )


def bucket_patch(stand: Stand) -> Step | None:
    name = stand.bucket()
    if name is None:
        return None
    old = stand.value(f"bucket/{name}")
    label = stand.name("label")
    labels = old["labels"] | {"patched": label}
    return Step(
        {f"bucket/{name}": old | {"labels": labels}},
        lambda cloud: cloud.ask(
            "PATCH", f"/storage/v1/b/{name}", document={"labels": {"patched": label}}
        ),
    )


def bucket_delete(stand: Stand) -> Step | None:
    empty = [
        key.split("/")[1]
        for key in stand.keys("bucket")
        if not stand.keys("object", key.split("/")[1])
        and not stand.keys("version", key.split("/")[1])
        and not stand.keys("session", key.split("/")[1])
    ]
    if not empty:
        return None
    name = empty[-1]
    return Step(
        {f"bucket/{name}": None, f"iam/{name}": None},
        lambda cloud: cloud.ask("DELETE", f"/storage/v1/b/{name}"),
    )


def overwrite(stand: Stand) -> Step | None:
    key = stand.object()
    size = stand.chance.choice((SMALL, LARGE))
    return None if key is None else put(stand, key, stand.content(size))


def object_patch(stand: Stand) -> Step | None:
    key = stand.object()
    if key is None:
        return None
    old = stand.value(key)
    metadata = old.get("metadata", {}) | {"patched": stand.name("value")}
    return Step(
        {key: old | {"metadata": metadata}},
        lambda cloud: cloud.ask("PATCH", object_path(key), document={"metadata": metadata}),
    )


def hold(stand: Stand) -> Step | None:
    key = stand.object()
    return None if key is None else _hold(stand, key, on=True)


def release(stand: Stand) -> Step | None:
    key = stand.object(held=True)
    return None if key is None else _hold(stand, key, on=False)


def _hold(stand: Stand, key: str, *, on: bool) -> Step:
    return Step(
        {key: stand.value(key) | {"hold": on}},
        lambda cloud: cloud.ask("PATCH", object_path(key), document={"temporaryHold": on}),
    )


def acl(stand: Stand) -> Step | None:
    key = stand.object()
    if key is None:
        return None
    old = stand.value(key)
    entity = f"user-{stand.name('reader')}@example.com"
    return Step(
        {key: old | {"readers": sorted([*old.get("readers", []), entity])}},
        lambda cloud: cloud.ask(
            "POST", f"{object_path(key)}/acl", document={"entity": entity, "role": "READER"}
        ),
    )


def iam(stand: Stand) -> Step | None:
    bucket = stand.bucket()
    if bucket is None:
        return None
    member = f"user:{stand.name('viewer')}@example.com"

    async def do(cloud: Cloud) -> Answer:
        path = f"/storage/v1/b/{bucket}/iam"
        policy = (await cloud.ask("GET", path)).document()
        bindings = [one for one in policy["bindings"] if one["role"] != VIEWER]
        policy["bindings"] = [*bindings, {"role": VIEWER, "members": [member]}]
        return await cloud.ask("PUT", path, document=policy)

    return Step({f"iam/{bucket}": {"members": [member]}}, do)


VIEWER = "roles/storage.objectViewer"


def compose(stand: Stand) -> Step | None:
    filled = sorted({key.split("/")[1] for key in stand.keys("object")})
    if not filled:
        return None
    bucket = stand.chance.choice(filled)
    found = stand.keys("object", bucket)
    sources = [stand.chance.choice(found), stand.chance.choice(found)]
    data = b"".join(stand.contents[stand.value(key)["sha256"]] for key in sources)
    stand.contents[sha256(data)] = data
    key = f"object/{bucket}/{stand.name('composed')}"
    document = {"sourceObjects": [{"name": source.split("/", 2)[2]} for source in sources]}
    return Step(
        {key: body(data)},
        lambda cloud: cloud.ask("POST", f"{object_path(key)}/compose", document=document),
        published(key),
    )


def copy(stand: Stand) -> Step | None:
    source, bucket = stand.object(), stand.bucket()
    if source is None or bucket is None:
        return None
    key = f"object/{bucket}/{stand.name('copy')}"
    old = stand.value(source)
    where = object_path(key).removeprefix("/storage/v1")
    return Step(
        {key: {name: old[name] for name in ("sha256", "size", "metadata") if name in old}},
        lambda cloud: cloud.ask("POST", f"{object_path(source)}/rewriteTo{where}", document={}),
        lambda answer: {key: {"generation": answer.document()["resource"]["generation"]}},
    )


def move(stand: Stand) -> Step | None:
    source = stand.object()
    if source is None:
        return None
    _, bucket, _ = source.split("/", 2)
    key = f"object/{bucket}/{stand.name('moved')}"
    old = stand.value(source)
    name = quote(key.split("/", 2)[2], safe="")
    return Step(
        gone(stand, source)
        | {source: None}
        | {key: {name: old[name] for name in ("sha256", "size", "metadata") if name in old}},
        lambda cloud: cloud.ask("POST", f"{object_path(source)}/moveTo/o/{name}"),
        published(key),
    )


def delete(stand: Stand) -> Step | None:
    key = stand.object()
    if key is None:
        return None
    return Step(gone(stand, key) | {key: None}, lambda cloud: cloud.ask("DELETE", object_path(key)))


def version_delete(stand: Stand) -> Step | None:
    found = [key for key in stand.keys("version") if not stand.value(key).get("hold", False)]
    if not found:
        return None
    key = stand.chance.choice(found)
    path, generation = key.rsplit("/", 1)
    return Step(
        {key: None},
        lambda cloud: cloud.ask("DELETE", object_path(path), {"generation": generation}),
    )


Operation = Callable[[Stand], Step | None]

EVERY: tuple[Operation, ...] = (
    bucket_create, bucket_create, bucket_patch, put_small, put_small, put_large, overwrite,
    session_begin, session_chunk, session_chunk, session_chunk, compose, copy, move, object_patch,
    hold, release, acl, iam, overwrite, overwrite, delete, put_large, version_delete,
    bucket_create, bucket_delete, compose, session_begin, session_chunk, put_small, copy, delete,
)  # fmt: skip
"""Thirty-two operations, every kind at least once."""

MENU: tuple[Operation, ...] = (
    bucket_patch, put_small, put_large, overwrite, overwrite, session_begin, session_chunk,
    session_chunk, compose, copy, move, object_patch, hold, release, acl, iam, delete, delete,
    version_delete, bucket_create, bucket_delete,
)  # fmt: skip


def chosen(seed: int, count: int) -> list[Operation]:
    """Return a list of operations: seed 0 has every kind, others are drawn."""
    if seed == 0:
        return list(EVERY)
    chance = random.Random(seed)
    drawn = [chance.choice(MENU) for _ in range(count - 3)]
    return [bucket_create, put_small, put_large, *drawn]
