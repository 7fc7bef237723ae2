"""Buckets under keys that somebody else holds: what stops reads, and what is dead for good."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.softhsm import SoftHSM
from support.two_parties import SPACE, TwoParties, two_parties
from support.universe import Universe, free_ports

RECORD = b"diagnosis: confidential " * 64
SECONDS_FROM_BLOCK_MAX = 1.0
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
KMS = "/cloudkms/v1"


@dataclass
class Customer:
    """A customer of a universe: asks over HTTP as the administrator."""

    universe: Universe
    http: httpx.Client

    @property
    def place(self) -> str:
        return f"projects/{self.universe.project}/locations/{self.universe.location}"

    def post(self, path: str, document: dict[str, Any], **query: str) -> dict[str, Any]:
        answer = self.http.post(path, json=document, params=query)
        assert answer.status_code == httpx.codes.OK, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def key(self, ring: str, level: str, version: dict[str, Any] | None = None) -> str:
        """Create a key of a protection level that Cloud Storage's service agent may use."""
        self.post(f"{KMS}/{self.place}/keyRings", {}, keyRingId=ring)
        template = {"protectionLevel": level}
        if version is not None:
            template["algorithm"] = "EXTERNAL_SYMMETRIC_ENCRYPTION"
        skip = {"skipInitialVersionCreation": "true"} if version is not None else {}
        made = self.post(
            f"{KMS}/{self.place}/keyRings/{ring}/cryptoKeys",
            {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": template},
            cryptoKeyId="key",
            **skip,
        )
        name = str(made["name"])
        if version is not None:
            self.post(f"{KMS}/{name}/cryptoKeyVersions", version)
            self.post(f"{KMS}/{name}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"})
        agent = self.http.get(f"/storage/v1/projects/{self.universe.project}/serviceAccount")
        member = f"serviceAccount:{agent.json()['email_address']}"
        policy = {"bindings": [{"role": USER, "members": [member]}]}
        self.post(f"{KMS}/{name}:setIamPolicy", {"policy": policy})
        return name

    def bucket(self, name: str, key: str) -> str:
        document = {
            "name": name,
            "location": self.universe.location,
            "encryption": {"defaultKmsKeyName": key},
        }
        self.post("/storage/v1/b", document, project=self.universe.project)
        return name

    def put(self, bucket: str, name: str, content: bytes = RECORD) -> None:
        answer = self.http.post(
            f"/upload/storage/v1/b/{bucket}/o",
            params={"uploadType": "media", "name": name},
            content=content,
        )
        assert answer.status_code == httpx.codes.OK, answer.text

    def get(self, bucket: str, name: str) -> httpx.Response:
        return self.http.get(f"/storage/v1/b/{bucket}/o/{name}", params={"alt": "media"})

    def refused(self, bucket: str, name: str) -> tuple[int, str]:
        answer = self.get(bucket, name)
        assert RECORD not in answer.content
        error = answer.json()["error"]
        return answer.status_code, str(error["errors"][0]["reason"])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoParties]:
    with two_parties(tmp_path_factory.mktemp("parties")) as made:
        yield made


@pytest.fixture
def customer(both: TwoParties) -> Iterator[Customer]:
    with both.universe.caller(both.universe.token()) as http:
        yield Customer(both.universe, http)


def under_external_key(both: TwoParties, customer: Customer, name: str) -> tuple[str, str]:
    """Return a path at the key holder's, and a bucket whose default key it is."""
    path = both.create_key(f"{SPACE}/keys/{name}")
    uri = {"externalKeyUri": f"https://{both.host}/{path}"}
    key = customer.key(name, "EXTERNAL", {"externalProtectionLevelOptions": uri})
    return path, customer.bucket(f"bucket-{name}", key)


def unwraps(both: TwoParties, path: str) -> list[dict[str, Any]]:
    """Return what the key holder's log says of unwrapping under a key."""
    return [
        entry for entry in both.holder.entries() if path in json.dumps(entry) and "unwrap" in
        json.dumps(entry)
    ]  # fmt: skip


def test_a_block_at_the_key_holder_stops_the_very_next_read_and_an_unblock_lets_it_go_on(
    both: TwoParties, customer: Customer
) -> None:
    path, bucket = under_external_key(both, customer, "blocked")
    customer.put(bucket, "o")
    assert customer.get(bucket, "o").content == RECORD

    both.officer("block", path)
    blocked = time.monotonic()
    assert customer.refused(bucket, "o") == (403, "forbidden")
    assert time.monotonic() - blocked < SECONDS_FROM_BLOCK_MAX
    answer = customer.http.post(
        f"/upload/storage/v1/b/{bucket}/o",
        params={"uploadType": "media", "name": "new"},
        content=RECORD,
    )
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert customer.http.get(f"/storage/v1/b/{bucket}/o").json()["items"][0]["name"] == "o"

    blocks = json.loads(both.officer("status"))["blocks"]
    both.officer("unblock", str(blocks[0]["digest"]))
    assert customer.get(bucket, "o").content == RECORD


def test_without_a_lease_each_read_is_asked_for_and_the_log_says_who_read_what(
    both: TwoParties, customer: Customer
) -> None:
    path, bucket = under_external_key(both, customer, "unleased")
    customer.put(bucket, "first")
    before = len(unwraps(both, path))
    for _ in range(5):
        assert customer.get(bucket, "first").content == RECORD
    asked = unwraps(both, path)[before:]
    assert len(asked) == 5
    text = json.dumps(asked[-1])
    assert f"projects/_/buckets/{bucket}/objects/first" in text
    assert "storage.objects.get" in text
    assert "administrator@" in text
    assert "CUSTOMER_INITIATED_ACCESS" in text


def test_a_lease_of_the_key_holder_is_kept_to_the_second(
    both: TwoParties, customer: Customer
) -> None:
    path, bucket = under_external_key(both, customer, "leased")
    both.officer("propose", "cache", path, "3")
    customer.put(bucket, "o")
    before = len(unwraps(both, path))
    for _ in range(20):
        assert customer.get(bucket, "o").content == RECORD
    begun = time.monotonic()  # the lease began with the first read, so it ends before
    assert len(unwraps(both, path)) - before <= 1
    both.officer("block", path)
    while time.monotonic() - begun < 3:
        time.sleep(0.05)
    assert customer.refused(bucket, "o") == (403, "forbidden")


def test_a_key_holder_that_is_away_is_a_clear_refusal_until_it_is_back(
    both: TwoParties, customer: Customer
) -> None:
    _, bucket = under_external_key(both, customer, "away")
    customer.put(bucket, "o")
    plain = customer.http.post(
        "/storage/v1/b",
        json={"name": "bucket-plain", "location": customer.universe.location},
        params={"project": customer.universe.project},
    )
    assert plain.status_code == httpx.codes.OK
    customer.put("bucket-plain", "o")
    port = both.holder.port
    both.holder.stop()
    try:
        begun = time.monotonic()
        assert customer.refused(bucket, "o") == (503, "backendError")
        assert time.monotonic() - begun < 6
        assert customer.get("bucket-plain", "o").content == RECORD
    finally:
        settings = both.holder.data / "ekm.toml"
        settings.write_text(settings.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1))
        both.holder.start(program="support.officers_program")
    assert customer.get(bucket, "o").content == RECORD


def copied(universe: Universe, to: Path) -> Universe:
    """Return a universe that starts on a copy of a data directory."""
    shutil.copytree(universe.data, to, ignore=shutil.ignore_patterns("run.json", "*.sock"))
    listen, http = free_ports(2)
    return Universe(to, listen, http)


def test_a_key_destroyed_at_the_key_holder_s_is_dead_in_every_copy_of_the_universe(
    both: TwoParties, customer: Customer, tmp_path: Path
) -> None:
    path, bucket = under_external_key(both, customer, "erased")
    customer.put(bucket, "small")
    customer.put(bucket, "large", RECORD * 512)
    universe = both.universe
    universe.terminate()
    before = copied(universe, tmp_path / "before")
    universe.start()
    with universe.caller(universe.token()) as http:
        again = Customer(universe, http)
        assert again.get(bucket, "large").content == RECORD * 512
        both.officer("propose", "destroy-key", path)
        assert again.refused(bucket, "small")[0] in {400, 403}
    universe.terminate()
    try:
        # The copy has the root key, every record, the log and the blobs; the holder answers it.
        before.start()
        with before.caller(before.token()) as http:
            copy = Customer(before, http)
            assert copy.http.get(f"/storage/v1/b/{bucket}/o").json()["items"]
            for name in ("small", "large"):
                status, _ = copy.refused(bucket, name)
                assert status in {400, 403}
    finally:
        before.terminate()
        universe.start()


def test_a_key_destroyed_in_the_token_is_dead_in_every_copy_of_the_universe(
    tmp_path: Path,
) -> None:
    token = SoftHSM.create(tmp_path / "token")
    universe = Universe.create(tmp_path / "universe")
    universe.terminate()
    settings = universe.data / "rempart.toml"
    settings.write_text(settings.read_text() + token.toml())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in token.environment.items():
            patch.setenv(name, value)
        universe.start()
        try:
            with universe.caller(universe.token()) as http:
                customer = Customer(universe, http)
                bucket = customer.bucket("bucket-hsm", customer.key("ring", "HSM"))
                customer.put(bucket, "small")
                customer.put(bucket, "large", RECORD * 512)
            universe.terminate()
            before = copied(universe, tmp_path / "before")
            before.start()
            with before.caller(before.token()) as http:
                assert Customer(before, http).get(bucket, "large").content == RECORD * 512
            before.terminate()
            token.destroy_all()
            before.start()
            with before.caller(before.token()) as http:
                for name in ("small", "large"):
                    assert Customer(before, http).refused(bucket, name)[0] == 500
            before.terminate()
        finally:
            universe.terminate()
