"""A real server under use, killed, stopped: no file of its data directory holds a customer's word.

Memory is out of scope here: this is what a thief of the disk or of a backup sees.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from custody_e2e.words import OWN_NAMES, Words, hits
from support.universe import Universe

pytestmark = pytest.mark.faults

WORDS = Words()
PIECE = 256 * 1024
SMALL, LARGE = WORDS.content * 20, WORDS.content * 40_000


@pytest.fixture
def universe(tmp_path: Path) -> Iterator[Universe]:
    made = Universe.create(tmp_path / "data")
    yield made
    made.terminate()


def test_no_word_of_a_customer_lies_on_the_disk(universe: Universe) -> None:
    with universe.caller(universe.token(), plain=True) as caller:
        _write(caller, universe)
        _nothing(universe, "while it runs")
        with _upload_under_way(caller):
            assert list((universe.data / "engine" / "blobs").glob("*/*.part"))
            _nothing(universe, "in the middle of an upload")
    universe.kill()
    _nothing(universe, "after kill -9")
    universe.start()
    with universe.caller(universe.token(), plain=True) as caller:
        path = f"/storage/v1/b/{WORDS.bucket}/o/{WORDS.object.replace('/', '%2F')}"
        assert caller.get(path, params={"alt": "media"}).content == SMALL
        _nothing(universe, "after reading")
    assert universe.terminate() == 0
    _nothing(universe, "after a clean stop")


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    for number, (_, needle) in enumerate(WORDS.needles()):
        (tmp_path / f"file-{number}").write_bytes(b"before" + needle + b"after")
    searched, found = hits(tmp_path, WORDS)
    assert searched == len(list(WORDS.needles()))
    assert {one.split(":")[0] for one in found} == {f"file-{n}" for n in range(searched)}


def _nothing(universe: Universe, when: str) -> None:
    searched, found = hits(universe.data, WORDS)
    assert searched > 8, when
    assert (universe.data / "engine" / "records.db-wal").exists(), when
    assert found == [], when
    for name in OWN_NAMES:
        path = universe.data / name
        own = path.read_bytes() if path.exists() else b""
        assert not any(word in own for _, word in WORDS.needles()), f"{name} {when}"


def _write(caller: httpx.Client, universe: Universe) -> None:
    bucket = {"name": WORDS.bucket, "location": universe.location}
    bucket["labels"] = {WORDS.label: WORDS.label}  # type: ignore[assignment]  # a JSON document
    _ok(caller.post("/storage/v1/b", params={"project": universe.project}, json=bucket))
    _put(caller, WORDS.object, SMALL)
    _put(caller, f"{WORDS.object}.large", LARGE)
    policy = _ok(caller.get(f"/storage/v1/b/{WORDS.bucket}/iam")).json()
    policy["bindings"].append({"role": "roles/storage.objectViewer", "members": [WORDS.member]})
    _ok(caller.put(f"/storage/v1/b/{WORDS.bucket}/iam", json=policy))
    _half_an_upload(caller)
    # Refusals and absences are written down somewhere too.
    caller.get(f"/storage/v1/b/{WORDS.bucket}/o/{WORDS.metadata_value}")
    caller.get(f"/storage/v1/b/{WORDS.bucket}/o", params={"prefix": WORDS.object})


def _put(caller: httpx.Client, name: str, data: bytes) -> None:
    document = {
        "name": name,
        "contentType": WORDS.content_type,
        "metadata": {WORDS.metadata_key: WORDS.metadata_value},
    }
    head = b"--edge\r\ncontent-type: application/json\r\n\r\n" + json.dumps(document).encode()
    media = b"\r\n--edge\r\ncontent-type: " + WORDS.content_type.encode() + b"\r\n\r\n" + data
    _ok(
        caller.post(
            f"/upload/storage/v1/b/{WORDS.bucket}/o",
            params={"uploadType": "multipart"},
            content=head + media + b"\r\n--edge--\r\n",
            headers={"content-type": "multipart/related; boundary=edge"},
        )
    )


@contextmanager
def _upload_under_way(caller: httpx.Client) -> Iterator[None]:
    """Hold an upload in the middle of its body."""
    sent, go_on = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield LARGE
        sent.set()
        go_on.wait(30)
        yield WORDS.content

    query = {"uploadType": "media", "name": f"{WORDS.object}.slow"}
    upload = f"/upload/storage/v1/b/{WORDS.bucket}/o"
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(caller.post, upload, params=query, content=body())
        try:
            assert sent.wait(30)
            time.sleep(0.3)
            yield
        finally:
            go_on.set()
        _ok(answer.result())


def _half_an_upload(caller: httpx.Client) -> None:
    upload = f"/upload/storage/v1/b/{WORDS.bucket}/o"
    name = f"{WORDS.object}.half"
    document = {"contentType": WORDS.content_type, "metadata": {WORDS.metadata_key: name}}
    query = {"uploadType": "resumable", "name": name}
    begun = _ok(caller.post(upload, params=query, json=document))
    query = {"uploadType": "resumable", "upload_id": begun.headers["x-guploader-uploadid"]}
    headers = {"content-range": f"bytes 0-{PIECE - 1}/*"}
    assert (
        caller.put(upload, params=query, content=LARGE[:PIECE], headers=headers).status_code == 308
    )


def _ok(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 200, answer.text
    return answer
