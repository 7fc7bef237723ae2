"""`gcloud storage` as it comes, told nothing but what `rempart env` exports."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.universe import Universe, contents, program

MIB = 1024 * 1024
Storage = Callable[..., str]


@pytest.fixture
def storage(universe: Universe) -> Storage:
    """Return a function that runs `gcloud storage …` and returns what it prints."""
    gcloud = program("gcloud")

    def run(*words: str | Path, stdin: bytes | None = None, code: int = 0) -> str:
        # One process each: gcloud's pool costs a second of start-up and is not what is tried here.
        alone = {"CLOUDSDK_STORAGE_PROCESS_COUNT": "1"}
        done = universe.run(gcloud, "storage", *words, stdin=stdin, code=code, env=alone)
        return done.stdout if code == 0 else done.stderr

    return run


def described(storage: Storage, noun: str, url: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(storage(noun, "describe", url, "--format=json"))
    return content


def test_a_bucket_is_made_described_changed_shared_and_removed(
    storage: Storage, universe: Universe, name: str
) -> None:
    url = f"gs://{name}"
    where = f"--location={universe.location}"
    uniform = "--uniform-bucket-level-access"
    storage("buckets", "create", url, where, uniform, "--default-storage-class=NEARLINE")
    assert "409" in storage("buckets", "create", url, where, code=1)
    assert url in storage("buckets", "list", "--format=value(storage_url)")

    storage("buckets", "update", url, "--update-labels=team=red,level=7", "--versioning")
    changed = described(storage, "buckets", url)
    assert changed["location"] == universe.location.upper()
    assert changed["uniform_bucket_level_access"] is True
    assert changed["default_storage_class"] == "NEARLINE"
    assert changed["labels"] == {"team": "red", "level": "7"}
    assert changed["versioning_enabled"] is True

    member = f"serviceAccount:{universe.keys['stranger']['client_email']}"
    binding = (url, f"--member={member}", "--role=roles/storage.objectViewer")
    storage("buckets", "add-iam-policy-binding", *binding)
    policy = json.loads(storage("buckets", "get-iam-policy", url, "--format=json"))
    assert {"role": "roles/storage.objectViewer", "members": [member]} in policy["bindings"]
    left = json.loads(storage("buckets", "remove-iam-policy-binding", *binding, "--format=json"))
    assert all(member not in one["members"] for one in left["bindings"])

    storage("buckets", "delete", url)
    assert "404" in storage("buckets", "describe", url, code=1)


def test_a_policy_etag_may_come_back_in_the_url_safe_alphabet(
    admin: httpx.Client, bucket: str
) -> None:
    path = f"/storage/v1/b/{bucket}/iam"
    for _ in range(200):
        policy = admin.get(path).json()
        etag = policy["etag"].replace("+", "-").replace("/", "_")
        answer = admin.put(path, json=policy | {"etag": etag})
        assert answer.status_code == 200, answer.text
        if etag != policy["etag"]:
            return
    pytest.fail("no etag in 200 had a character that the two alphabets write differently")


def test_a_small_file_goes_up_is_changed_moved_and_comes_back(
    storage: Storage, bucket: str, tmp_path: Path
) -> None:
    url, source = f"gs://{bucket}/dir/small.txt", tmp_path / "small.txt"
    source.write_text("a few words\n")
    storage("cp", source, url, "--content-type=text/x-words", "--custom-metadata=colour=red")
    storage("objects", "update", url, "--custom-metadata=shape=round", "--cache-control=no-store")
    changed = described(storage, "objects", url)
    assert changed["content_type"] == "text/x-words"
    assert changed["custom_fields"]["shape"] == "round"
    assert changed["cache_control"] == "no-store"
    assert changed["size"] == len("a few words\n")
    assert storage("cat", "--range=2-4", url) == "few"

    digest = base64.b64encode(hashlib.md5(b"a few words\n").digest()).decode()
    assert digest in storage("hash", url)
    storage("mv", url, f"gs://{bucket}/moved.txt")
    assert storage("ls", f"gs://{bucket}/**").split() == [f"gs://{bucket}/moved.txt"]
    storage("cp", f"gs://{bucket}/moved.txt", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "a few words\n"
    assert "matched no objects" in storage("cp", f"gs://{bucket}/absent", "-", code=1)


def test_large_streamed_and_compressed_files_come_back_whole(
    storage: Storage, bucket: str, tmp_path: Path
) -> None:
    large, words, down = tmp_path / "large", tmp_path / "words.txt", tmp_path / "down"
    down.mkdir()
    # Above 8 MiB gcloud uploads resumably.
    large.write_bytes(os.urandom(9 * MIB + 5))
    words.write_text("again and " * 1000)
    storage("cp", "--gzip-local=txt", large, words, f"gs://{bucket}/")
    storage("cp", "-", f"gs://{bucket}/streamed", stdin=large.read_bytes())
    shown = described(storage, "objects", f"gs://{bucket}/words.txt")
    assert shown["content_encoding"] == "gzip"
    assert shown["size"] < 1000
    storage("cp", f"gs://{bucket}/**", down)
    assert (down / "large").read_bytes() == large.read_bytes()
    assert (down / "streamed").read_bytes() == large.read_bytes()
    assert (down / "words.txt").read_text() == words.read_text()


def test_a_huge_file_goes_up_in_parallel_and_leaves_no_parts_behind(
    universe: Universe, storage: Storage, bucket: str, tmp_path: Path
) -> None:
    source = tmp_path / "huge"
    source.write_bytes(os.urandom(MIB) * 151)
    universe.run(program("gcloud"), "storage", "cp", source, f"gs://{bucket}/huge")
    made = described(storage, "objects", f"gs://{bucket}/huge")
    assert made["size"] == 151 * MIB
    assert made["component_count"] > 1
    assert storage("ls", f"gs://{bucket}/**").split() == [f"gs://{bucket}/huge"]
    universe.run(program("gcloud"), "storage", "cp", f"gs://{bucket}/huge", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_tree_goes_up_is_listed_measured_synchronised_and_removed(
    storage: Storage, bucket: str, tree: Path, tmp_path: Path
) -> None:
    url, files, down = f"gs://{bucket}/tree", contents(tree), tmp_path / "down"
    down.mkdir()
    storage("cp", "-r", tree, f"gs://{bucket}/")
    top = storage("ls", f"{url}/").splitlines()
    assert f"{url}/a.txt" in top
    assert f"{url}/deep/" in top
    size = sum(map(len, files.values()))
    assert storage("du", "-s", url).split()[0] == str(size)
    long = storage("ls", "-l", "-r", url)
    assert all(f"{url}/{path}" in long for path in files)
    assert f"TOTAL: {len(files)} objects, {size} bytes" in long

    (tree / "a.txt").write_bytes(b"changed, and longer\n")
    (tree / "deep/sister.txt").unlink()
    storage("rsync", "-r", "--delete-unmatched-destination-objects", tree, url)
    storage("rsync", "-r", url, down)
    assert contents(down) == contents(tree)
    storage("rm", "-r", url)
    assert "matched no objects" in storage("ls", f"gs://{bucket}/**", code=1)


def test_versions_are_kept_listed_and_brought_back(
    admin: httpx.Client, storage: Storage, bucket: str
) -> None:
    url = f"gs://{bucket}/o"
    admin.patch(f"/storage/v1/b/{bucket}", json={"versioning": {"enabled": True}})
    storage("cp", "-", url, stdin=b"one")
    storage("cp", "-", url, stdin=b"two")
    versions = storage("ls", "--all-versions", url).split()
    assert len(versions) == 2
    storage("rm", url)
    storage("cp", versions[0], url)
    assert storage("cat", url) == "one"
