"""Google's Python library as a command: `python -m bench.python_library put|get|list|rm …`.

It is told nothing but what `rempart env` exports, and prints one line for each object it moved.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from google.cloud import storage

T = TypeVar("T")
THREADS = 8
CHUNK_BYTES = 32 << 20


def main(words: list[str]) -> None:
    verb, *rest = words
    domain = os.environ["GOOGLE_CLOUD_UNIVERSE_DOMAIN"]
    client = storage.Client(client_options={"universe_domain": domain})
    verbs: dict[str, Callable[..., None]]
    verbs = {"put": _put, "get": _get, "list": _list, "rm": _remove}
    verbs[verb](client, *rest)


def _split(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("gs://").partition("/")
    return bucket, prefix


def _put(client: storage.Client, source: str, url: str) -> None:
    bucket_name, prefix = _split(url)
    bucket, root = client.bucket(bucket_name), Path(source)

    def one(path: Path) -> str:
        name = path.relative_to(root).as_posix() if path != root else ""
        blob = bucket.blob(f"{prefix}/{name}".rstrip("/"), chunk_size=CHUNK_BYTES)
        blob.upload_from_filename(str(path), checksum="crc32c")
        return f"Copying {path}"

    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    _each(one, iter(files))


def _get(client: storage.Client, url: str, target: str) -> None:
    bucket_name, prefix = _split(url)
    root = Path(target)

    def one(blob: storage.Blob) -> str:
        name = str(blob.name).removeprefix(prefix).lstrip("/")
        path = root / name if name else root
        path.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(path), checksum="crc32c")
        return f"Copying {url}"

    _each(one, iter(client.list_blobs(bucket_name, prefix=prefix)))


def _list(client: storage.Client, url: str) -> None:
    bucket_name, prefix = _split(url)
    for blob in client.list_blobs(bucket_name, prefix=prefix):
        print(f"gs://{bucket_name}/{blob.name}")


def _remove(client: storage.Client, url: str) -> None:
    bucket_name, prefix = _split(url)

    def one(blob: storage.Blob) -> str:
        blob.delete()
        return f"Removing {blob.name}"

    _each(one, iter(client.list_blobs(bucket_name, prefix=prefix)))


def _each(work: Callable[[T], str], things: Iterator[T]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        for line in threads.map(work, things):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
