"""`gsutil` as it comes, told nothing but what `rempart env` exports."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.universe import Universe, contents, program

MIB = 1024 * 1024
GSUtil = Callable[..., str]


@pytest.fixture
def gsutil(universe: Universe) -> GSUtil:
    """Return a function that runs `gsutil …` and returns what it prints."""
    path = program("gsutil")

    def run(*words: str | Path, stdin: bytes | None = None, code: int = 0) -> str:
        done = universe.run(path, *words, stdin=stdin, code=code)
        return done.stdout if code == 0 else done.stderr

    return run


def test_a_bucket_is_made_versioned_shared_and_removed(
    gsutil: GSUtil, universe: Universe, name: str
) -> None:
    url = f"gs://{name}"
    gsutil("mb", "-l", universe.location, "-b", "on", url)
    assert f"{url}/" in gsutil("ls").split()
    gsutil("versioning", "set", "on", url)
    shown = gsutil("ls", "-L", "-b", url)
    assert universe.location.upper() in shown
    assert "Versioning enabled:\t\tTrue" in shown

    member = f"serviceAccount:{universe.keys['stranger']['client_email']}"
    gsutil("iam", "ch", f"{member}:objectViewer", url)
    bindings = json.loads(gsutil("iam", "get", url))["bindings"]
    assert {"role": "roles/storage.objectViewer", "members": [member]} in bindings
    gsutil("iam", "ch", "-d", f"{member}:objectViewer", url)
    assert member not in gsutil("iam", "get", url)

    gsutil("rb", url)
    assert "404" in gsutil("ls", url, code=1)


def test_files_go_up_and_come_back(gsutil: GSUtil, bucket: str, tmp_path: Path) -> None:
    url, small, big = f"gs://{bucket}", tmp_path / "small.txt", tmp_path / "big"
    small.write_text("a few words\n")
    big.write_bytes(os.urandom(9 * MIB + 1))
    gsutil("-h", "x-goog-meta-colour:red", "cp", small, big, url)
    assert gsutil("cat", f"{url}/small.txt") == "a few words\n"
    assert gsutil("cat", "-r", "2-4", f"{url}/small.txt") == "few"

    stat = gsutil("stat", f"{url}/small.txt")
    digest = base64.b64encode(hashlib.md5(b"a few words\n").digest()).decode()
    assert digest in stat
    assert "colour" in stat
    assert digest in gsutil("hash", "-m", f"{url}/small.txt")
    assert digest in gsutil("ls", "-L", f"{url}/small.txt")

    gsutil("cp", f"{url}/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == big.read_bytes()
    gsutil("mv", f"{url}/small.txt", f"{url}/moved.txt")
    gsutil("compose", f"{url}/moved.txt", f"{url}/moved.txt", f"{url}/twice.txt")
    assert gsutil("cat", f"{url}/twice.txt") == "a few words\n" * 2
    gsutil("setmeta", "-h", "Content-Type:text/x-words", f"{url}/twice.txt")
    assert "text/x-words" in gsutil("stat", f"{url}/twice.txt")
    assert gsutil("du", "-s", url).split()[0] == str(9 * MIB + 1 + 36)
    gsutil("rm", f"{url}/**")
    assert gsutil("ls", url) == ""


def test_a_compressed_upload_comes_back_plain(gsutil: GSUtil, bucket: str, tmp_path: Path) -> None:
    source, url = tmp_path / "words.txt", f"gs://{bucket}/words.txt"
    source.write_text("again and " * 1000)
    gsutil("cp", "-Z", source, url)
    assert "gzip" in gsutil("stat", url)
    gsutil("cp", url, tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_text() == source.read_text()


def test_a_tree_is_synchronised_both_ways(
    gsutil: GSUtil, bucket: str, tree: Path, tmp_path: Path
) -> None:
    url, down = f"gs://{bucket}/tree", tmp_path / "down"
    down.mkdir()
    gsutil("-m", "rsync", "-r", tree, url)
    assert set(gsutil("ls", f"{url}/**").splitlines()) == {
        f"{url}/{path}" for path in contents(tree)
    }
    (tree / "deep/sister.txt").unlink()
    (tree / "a.txt").write_bytes(b"changed, and longer\n")
    gsutil("-m", "rsync", "-r", "-d", tree, url)
    gsutil("-m", "rsync", "-r", url, down)
    assert contents(down) == contents(tree)
    gsutil("-m", "rm", "-r", url)
    assert gsutil("ls", f"gs://{bucket}") == ""


def test_standard_input_is_streamed_up(gsutil: GSUtil, bucket: str, tmp_path: Path) -> None:
    content = os.urandom(MIB + 3)
    gsutil("cp", "-", f"gs://{bucket}/streamed", stdin=content)
    gsutil("cp", f"gs://{bucket}/streamed", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_access_control_lists_are_shown_and_changed(gsutil: GSUtil, fine_bucket: str) -> None:
    url = f"gs://{fine_bucket}/o"
    gsutil("cp", "-", url, stdin=b"shared")
    gsutil("acl", "ch", "-u", "friend@example.test:R", url)
    assert "friend@example.test" in gsutil("acl", "get", url)
    gsutil("acl", "ch", "-d", "friend@example.test", url)
    assert "friend@example.test" not in gsutil("acl", "get", url)
