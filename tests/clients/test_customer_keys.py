"""Buckets under customers' keys, by Google's tools as they come."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage

from support.universe import Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Run = Callable[..., str]
RECORD = b"a patient's record"
NINE_MIB = 9 * 1024 * 1024


@pytest.fixture
def run(universe: Universe, tmp_path: Path) -> Run:
    """Return a function that runs a program in an empty folder and returns what it prints."""

    def run(name: str, *words: str, code: int = 0) -> str:
        alone = {"CLOUDSDK_STORAGE_PROCESS_COUNT": "1"}
        done = universe.run(program(name), *words, code=code, cwd=tmp_path, env=alone)
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture
def key(run: Run, universe: Universe) -> str:
    """Return a fresh key's name; nobody but its owner may use it."""
    ring, where = f"r-{uuid.uuid4().hex[:12]}", f"--location={universe.location}"
    run("gcloud", "kms", "keyrings", "create", ring, where)
    made = run(
        "gcloud", "kms", "keys", "create", "k", f"--keyring={ring}", where,
        "--purpose=encryption", "--format=json",
    )  # fmt: skip
    return str(json.loads(made)[0]["name"])


def described(run: Run, noun: str, url: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        run("gcloud", "storage", noun, "describe", url, "--raw", "--format=json")
    )
    return content


def test_gcloud_authorizes_the_agent_sets_a_default_key_copies_rotates_and_is_refused(
    run: Run, key: str, name: str, universe: Universe, tmp_path: Path
) -> None:
    url, where = f"gs://{name}", f"--location={universe.location}"
    create = (
        "gcloud",
        "storage",
        "buckets",
        "create",
        url,
        where,
        f"--default-encryption-key={key}",
    )
    assert "service account" in run(*create, code=1)
    run("gcloud", "storage", "service-agent", f"--authorize-cmek={key}")
    run(*create)
    assert described(run, "buckets", url)["encryption"] == {"defaultKmsKeyName": key}

    (tmp_path / "small").write_bytes(RECORD)
    (tmp_path / "large").write_bytes(bytes(range(256)) * (NINE_MIB // 256))
    run("gcloud", "storage", "cp", "small", "large", f"{url}/")
    for name_ in ("small", "large"):
        assert described(run, "objects", f"{url}/{name_}")["kmsKeyName"] == (
            f"{key}/cryptoKeyVersions/1"
        )
    run("gcloud", "storage", "cp", f"{url}/large", "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()

    run("gcloud", "kms", "keys", "versions", "create", f"--key={key}", "--primary")
    run("gcloud", "storage", "objects", "update", f"{url}/small", f"--encryption-key={key}")
    assert described(run, "objects", f"{url}/small")["kmsKeyName"].endswith("/2")

    run("gcloud", "kms", "keys", "versions", "disable", f"{key}/cryptoKeyVersions/1")
    # gcloud shows nothing of the body of a refused download; Python's library does, below.
    run("gcloud", "storage", "cat", f"{url}/large", code=1)
    assert run("gcloud", "storage", "cat", f"{url}/small") == RECORD.decode()
    run("gcloud", "storage", "buckets", "update", url, "--clear-default-encryption-key")
    assert "encryption" not in described(run, "buckets", url)


def test_gsutil_authorizes_the_agent_and_puts_a_bucket_under_a_key(
    run: Run, key: str, name: str, universe: Universe, tmp_path: Path
) -> None:
    url = f"gs://{name}"
    (tmp_path / "small").write_bytes(RECORD)
    run("gsutil", "mb", "-l", universe.location, url)
    run("gsutil", "kms", "authorize", "-k", key)
    run("gsutil", "kms", "encryption", "-k", key, url)
    assert key in run("gsutil", "kms", "encryption", url)
    run("gsutil", "cp", "small", f"{url}/small")
    assert f"{key}/cryptoKeyVersions/1" in run("gsutil", "ls", "-L", f"{url}/small")
    assert run("gsutil", "cat", f"{url}/small") == RECORD.decode()


@pytest.fixture(scope="module")
def client(shell: Universe) -> Iterator[storage.Client]:
    made = storage.Client(client_options={"universe_domain": shell.domain})
    yield made
    made.close()


def test_python_writes_under_a_key_rewrites_and_sees_the_refusal(
    run: Run, key: str, bucket: str, client: storage.Client
) -> None:
    home = client.bucket(bucket)
    blob = home.blob("o", kms_key_name=key)
    with pytest.raises(exceptions.Forbidden, match="service account"):
        blob.upload_from_string(RECORD)
    run("gcloud", "storage", "service-agent", f"--authorize-cmek={key}")
    blob.upload_from_string(RECORD)
    assert blob.kms_key_name == f"{key}/cryptoKeyVersions/1"

    plain = home.blob("plain")
    assert plain.rewrite(blob) == (None, len(RECORD), len(RECORD))
    assert plain.kms_key_name is None
    again = home.blob("again", kms_key_name=key)
    again.rewrite(plain)
    assert again.kms_key_name == f"{key}/cryptoKeyVersions/1"

    run("gcloud", "kms", "keys", "versions", "disable", f"{key}/cryptoKeyVersions/1")
    with pytest.raises(exceptions.BadRequest, match="disabled"):
        blob.download_as_bytes()
    assert plain.download_as_bytes() == RECORD
    assert client.get_service_account_email() in run(
        "gcloud", "kms", "keys", "get-iam-policy", key, "--format=json"
    )
