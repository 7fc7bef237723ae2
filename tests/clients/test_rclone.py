"""`rclone` with its Google Cloud Storage back end, told nothing but what `rempart env` exports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.universe import Universe, contents, program

MIB = 1024 * 1024
RClone = Callable[..., str]


@pytest.fixture
def rclone(universe: Universe, tmp_path: Path) -> RClone:
    """Return a function that runs `rclone …`, with an empty configuration of its own."""
    path = program("rclone")
    (tmp_path / "rclone.conf").touch()

    def run(*words: str | Path, stdin: bytes | None = None, code: int = 0) -> str:
        own = {"RCLONE_CONFIG": str(tmp_path / "rclone.conf"), "RCLONE_RETRIES": "1"}
        return universe.run(path, *words, stdin=stdin, code=code, env=own).stdout

    return run


def test_a_tree_is_copied_checked_synchronised_and_purged(
    rclone: RClone, bucket: str, tree: Path, tmp_path: Path
) -> None:
    url, down = f":gcs:{bucket}/tree", tmp_path / "down"
    policy = "--gcs-bucket-policy-only"
    rclone("copy", policy, tree, url)
    rclone("check", tree, url)
    files = contents(tree)
    listed = json.loads(rclone("lsjson", "-R", "--files-only", "--hash", url))
    assert {item["Path"]: item["Size"] for item in listed} == {
        path: len(content) for path, content in files.items()
    }
    sizes = json.loads(rclone("size", "--json", url))
    assert (sizes["count"], sizes["bytes"]) == (len(files), sum(map(len, files.values())))

    (tree / "deep/sister.txt").unlink()
    (tree / "a.txt").write_bytes(b"changed, and longer\n")
    rclone("sync", policy, tree, url)
    rclone("sync", url, down)
    assert contents(down) == contents(tree)

    assert rclone("cat", f"{url}/a.txt") == "changed, and longer\n"
    rclone("moveto", policy, f"{url}/a.txt", f"{url}/b.txt")
    assert rclone("lsf", f"{url}/b.txt").split() == ["b.txt"]
    rclone("deletefile", f"{url}/b.txt")
    rclone("delete", url)
    assert rclone("lsf", "-R", "--files-only", url) == ""


def test_large_and_streamed_files_go_up_in_chunks(
    rclone: RClone, bucket: str, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    # Above rclone's own chunk size, so that it takes two.
    source.write_bytes(os.urandom(17 * MIB + 5))
    url, policy = f":gcs:{bucket}", "--gcs-bucket-policy-only"
    rclone("copyto", policy, source, f"{url}/large")
    rclone("copyto", f"{url}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    rclone("rcat", policy, f"{url}/streamed", stdin=source.read_bytes())
    rclone("copyto", f"{url}/streamed", tmp_path / "streamed")
    assert (tmp_path / "streamed").read_bytes() == source.read_bytes()


def test_buckets_are_made_listed_and_removed(rclone: RClone, name: str) -> None:
    rclone("mkdir", "--gcs-bucket-policy-only", f":gcs:{name}")
    assert f"{name}/" in rclone("lsf", ":gcs:").split()
    rclone("rmdir", f":gcs:{name}")
    assert f"{name}/" not in rclone("lsf", ":gcs:").split()
