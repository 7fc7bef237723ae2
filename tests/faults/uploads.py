"""The operations that bring bytes: small and large objects, and resumable sessions."""

from __future__ import annotations

import json

from faults.book import State
from faults.cloud import Answer
from faults.stand import Stand, Step, body, gone, published, sha256, upload_path

PIECE = 256 * 1024
SMALL, LARGE = 3_000, 90_000


def put(stand: Stand, key: str, data: bytes) -> Step:
    _, bucket, name = key.split("/", 2)
    metadata = {"drawn": str(stand.drawn)}
    return Step(
        gone(stand, key) | {key: body(data, metadata=metadata)},
        lambda cloud: cloud.ask(
            "POST",
            upload_path(bucket),
            {"uploadType": "multipart"},
            headers={"content-type": "multipart/related; boundary=edge"},
            body=multipart({"name": name, "metadata": metadata}, data),
        ),
        published(key),
    )


def multipart(document: object, data: bytes) -> bytes:
    head = json.dumps(document).encode()
    return (
        b"--edge\r\ncontent-type: application/json\r\n\r\n"
        + head
        + b"\r\n--edge\r\ncontent-type: text/plain\r\n\r\n"
        + data
        + b"\r\n--edge--\r\n"
    )


def put_small(stand: Stand) -> Step | None:
    bucket = stand.bucket()
    if bucket is None:
        return None
    key = f"object/{bucket}/{stand.name('small/o')}"
    return put(stand, key, stand.content(SMALL + stand.chance.randrange(1_000)))


def put_large(stand: Stand) -> Step | None:
    bucket = stand.bucket()
    if bucket is None:
        return None
    key = f"object/{bucket}/{stand.name('large')}"
    return put(stand, key, stand.content(LARGE + stand.chance.randrange(9_000)))


def session_begin(stand: Stand) -> Step | None:
    bucket = stand.bucket()
    if bucket is None:
        return None
    name = stand.name("resumed")

    def told(answer: Answer) -> State:
        session = answer.headers["x-guploader-uploadid"]
        return {f"session/{bucket}/{session}": {"offset": 0, "name": name, "pieces": []}}

    return Step(
        {},
        lambda cloud: cloud.ask(
            "POST", upload_path(bucket), {"uploadType": "resumable", "name": name}, document={}
        ),
        told,
    )


def session_chunk(stand: Stand) -> Step | None:
    """Send a whole chunk to a session that has fewer than two, or the end to one that has two."""
    found = [key for key in stand.keys("session") if "done" not in stand.value(key)]
    if not found:
        return None
    key = found[0]
    old = stand.value(key)
    last = len(old["pieces"]) == 2
    data = stand.content(10_000 if last else PIECE)
    start = old["offset"]
    total = str(start + len(data)) if last else "*"
    pieces = [*old["pieces"], sha256(data)]
    _, bucket, session = key.split("/")
    changes: State = {key: {"offset": start + len(data), "name": old["name"], "pieces": pieces}}
    made = f"object/{bucket}/{old['name']}"
    if last:
        whole = b"".join(stand.contents[piece] for piece in pieces)
        stand.contents[sha256(whole)] = whole
        changes = {key: {"done": True}, made: body(whole)}
    return Step(
        changes,
        lambda cloud: cloud.ask(
            "PUT",
            upload_path(bucket),
            {"uploadType": "resumable", "upload_id": session},
            headers={"content-range": f"bytes {start}-{start + len(data) - 1}/{total}"},
            body=data,
        ),
        published(made) if last else None,
    )
