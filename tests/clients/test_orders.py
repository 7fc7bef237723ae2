"""Orders of authorities end to end: the operator's keeper, the customer and the key holder.

The operator's people have every role that the operator could give them, and an order for all of it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from rempart.cli.order import command
from rempart.tlog.keys import Algorithm, seeded_signer
from support import staffed
from support.rest import new_account, posted
from support.two_parties import SPACE, TwoParties, two_parties
from support.universe import REMPART, Universe, program

KMS = "/cloudkms/v1"
RECORD = b"diagnosis: confidential " * 64
TOLD_SECONDS_MAX = 30
ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
ORDER = """
authority = "District Court of Northland"
country = "US"
law = "cloud-act"
reference = "24-mj-1234"
received = 2026-01-05T09:00:00Z
channel = "registered mail to the seat"

[scope]
resources = ["gs://files", "gs://open"]
kinds = ["content", "keys", "assistance"]
"""
GAG = '\n[gag]\nprovision = "18 U.S.C. § 2705(b)"\nreview = {review}\n'


@dataclass
class Stage:
    """The parties; `keeper` and `ada` are environments of the operator's people."""

    both: TwoParties
    keeper: dict[str, str]
    ada: dict[str, str]
    tokens: dict[str, str]
    folder: Path

    @property
    def universe(self) -> Universe:
        return self.both.universe

    @property
    def project(self) -> str:
        return f"projects/{self.universe.project}"

    def order(self, *words: str | Path, code: int = 0, who: dict[str, str] | None = None) -> str:
        done = self.typed(self.keeper if who is None else who, *words)
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.stderr

    def typed(self, who: dict[str, str], *words: str | Path) -> Result:
        """Type a command of the register; in this process, since starting one takes a second."""
        environment = self.universe.env | who
        return CliRunner().invoke(command, [str(one) for one in words], env=environment)

    def entered(self, text: str) -> dict[str, Any]:
        source, scan = self.folder / "order.toml", self.folder / "scan.pdf"
        source.write_text(text)
        scan.write_bytes(b"%PDF-1.7 the order as it came")
        found: dict[str, Any] = json.loads(
            self.order("enter", source, "--document", scan, "--json")
        )
        return found

    def told(self) -> list[dict[str, Any]]:
        """Return what the customer is told, by the customer's own command."""
        with self.universe.caller(None) as anybody:
            policy = anybody.get("/.log/policy").text
        (self.folder / "log.policy").write_text(policy)
        signed = ("--policy", self.folder / "log.policy")
        done = self.typed({}, "told", self.project, "--json", *signed)
        if done.exit_code:
            assert "No published checkpoint covers that entry yet" in done.stderr
            return []
        found: list[dict[str, Any]] = json.loads(done.stdout)["orders"]
        return found

    def reads(self, who: str) -> dict[str, int]:
        """Return the status of each way in which somebody may try to have the data."""
        token = self.tokens[who]
        with self.universe.caller(token) as caller:
            answers = {
                path: caller.get(path, params=query)
                for path, query in (
                    ("/storage/v1/b/files/o/record", {"alt": "media"}),
                    ("/storage/v1/b/files/o/record", {"alt": "json"}),
                    ("/storage/v1/b/open/o/record", {"alt": "media"}),
                    ("/storage/v1/b/files/o", {}),
                )
            }
        assert all(RECORD not in one.content for one in answers.values())
        return {path: one.status_code for path, one in answers.items()}


def _data(both: TwoParties, admin: httpx.Client) -> None:
    """Make a bucket under an external key, and one under the universe's root alone."""
    universe = both.universe
    place = f"{KMS}/projects/{universe.project}/locations/{universe.location}/keyRings"
    ring = str(posted(admin, place, {}, keyRingId="ring")["name"])
    path = both.create_key(f"{SPACE}/keys/files")
    template = {"protectionLevel": "EXTERNAL", "algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION"}
    body: dict[str, Any] = {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": template}
    query = {"cryptoKeyId": "files", "skipInitialVersionCreation": "true"}
    key = posted(admin, f"{KMS}/{ring}/cryptoKeys", body, **query)["name"]
    uri = {"externalKeyUri": f"https://{both.host}/{path}"}
    posted(admin, f"{KMS}/{key}/cryptoKeyVersions", {"externalProtectionLevelOptions": uri})
    posted(admin, f"{KMS}/{key}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"})
    found = admin.get(f"/storage/v1/projects/{universe.project}/serviceAccount").json()
    members = [f"serviceAccount:{found['email_address']}"]
    policy = {"bindings": [{"role": ENCRYPTER, "members": members}]}
    posted(admin, f"{KMS}/{key}:setIamPolicy", {"policy": policy})
    for name, more in (("files", {"encryption": {"defaultKmsKeyName": key}}), ("open", {})):
        settings = {"name": name, "location": universe.location, **more}
        posted(admin, "/storage/v1/b", settings, project=universe.project)
        upload = {"uploadType": "media", "name": "record"}
        path = f"/upload/storage/v1/b/{name}/o"
        assert admin.post(path, params=upload, content=RECORD).status_code == 200


def _people(universe: Universe, admin: httpx.Client, members: list[str]) -> None:
    """Give all roles that the operator could give: none of them opens anything."""
    manager = f"/cloudresourcemanager/v3/projects/{universe.project}"
    policy = posted(admin, f"{manager}:getIamPolicy", {})
    powers = ("roles/owner", "roles/storage.admin", "roles/accessapproval.approver")
    bindings = [*policy.get("bindings", []), *({"role": one, "members": members} for one in powers)]
    posted(admin, f"{manager}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("orders")
    with two_parties(folder) as both, ExitStack() as stack:
        universe = both.universe
        neighbour = universe.keys["neighbour"]
        own = neighbour["project_id"]
        admin = stack.enter_context(universe.caller(universe.token(universe.admin_key)))
        owner = stack.enter_context(universe.caller(universe.token(neighbour)))
        people = {name: new_account(owner, own, f"{name}-staff") for name in ("carla", "ada")}
        members = {name: f"serviceAccount:{one['client_email']}" for name, one in people.items()}
        environments = {}
        for name, key in people.items():
            (folder / f"{name}.json").write_text(json.dumps(key))
            environments[name] = {"GOOGLE_APPLICATION_CREDENTIALS": str(folder / f"{name}.json")}
        more = staffed.ORDERS.format(keeper=members["carla"])
        staffed.write(universe.data, f"projects/{own}", members, more)
        _data(both, admin)
        _people(universe, admin, list(members.values()))
        tokens = {name: universe.token(key) for name, key in people.items()}
        yield Stage(both, environments["carla"], environments["ada"], tokens, folder)


def test_an_order_is_entered_and_nobody_reaches_anything_by_it(
    stage: Stage, tmp_path: Path
) -> None:
    holder, people = stage.both.holder, ("carla", "ada")
    before = {who: stage.reads(who) for who in people}
    assert {status for one in before.values() for status in one.values()} == {403}
    asked = len(holder.entries())
    order = stage.entered(ORDER + GAG.format(review=_ahead(60)))
    assert order["customers"] == [stage.project]
    assert {who: stage.reads(who) for who in people} == before
    gcloud, key = program("gcloud"), stage.ada["GOOGLE_APPLICATION_CREDENTIALS"]
    for bucket in ("files", "open"):
        done = stage.universe.run(
            gcloud, "storage", "cat", f"gs://{bucket}/record", code=None, cwd=tmp_path,
            env=stage.ada | {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": key},
        )  # fmt: skip
        assert done.returncode != 0
        assert RECORD.decode() not in done.stdout
        assert "403" in done.stderr or "denied" in done.stderr, done.stderr
    found = json.loads(stage.order("assess", order["id"], "--json"))
    assert {who: stage.reads(who) for who in people} == before
    assert len(holder.entries()) == asked, "the key holder was asked for nothing"
    parts = {one["asked"]: one for one in found["findings"]}
    assert (parts["gs://files"]["why"], parts["gs://files"]["content"]) == (
        "EXTERNAL",
        "CIPHERTEXT_ONLY",
    )
    assert (parts["gs://open"]["why"], parts["gs://open"]["content"]) == ("ROOT", "CONTENT")
    assert (parts["gs://files"]["objects"], parts["gs://files"]["bytes"]) == (1, len(RECORD))
    with stage.universe.caller(stage.universe.token()) as customer:
        query = {"alt": "media"}
        assert customer.get("/storage/v1/b/files/o/record", params=query).content == RECORD


def test_a_lease_that_holds_the_key_open_is_told(stage: Stage) -> None:
    path = f"{SPACE}/keys/files"
    stage.both.officer("propose", "cache", path, "300")
    try:
        with stage.universe.caller(stage.universe.token()) as customer:
            query = {"alt": "media"}
            assert customer.get("/storage/v1/b/files/o/record", params=query).content == RECORD
        order = stage.entered(ORDER + GAG.format(review=_ahead(60)))
        found = json.loads(stage.order("assess", order["id"], "--json"))
        [files] = [one for one in found["findings"] if one["asked"] == "gs://files"]
        assert (files["why"], files["content"]) == ("EXTERNAL_OPEN", "CONTENT_WHILE_OPEN")
    finally:
        stage.both.officer("propose", "cache", path, "0")


def test_the_draft_of_an_answer_is_printed_in_both_languages(stage: Stage) -> None:
    order = stage.entered(ORDER + GAG.format(review=_ahead(60)))
    assert "assess it first" in stage.order("answer", order["id"], code=1)
    said = stage.order("assess", order["id"])
    assert re.search(r"projects/_/buckets/files: CIPHERTEXT_ONLY|CONTENT_WHILE_OPEN", said)
    english, french = (stage.order("answer", order["id"], "--lang", one) for one in ("en", "fr"))
    assert "District Court of Northland" in english
    assert "Regulation (EU) 2016/679, article 48" in english
    assert "Loi n° 68-678" in french
    assert "key holder" in english


def test_what_is_wrong_with_a_file_is_told_by_field(stage: Stage, tmp_path: Path) -> None:
    source = tmp_path / "wrong.toml"
    digest = f'documentSha256 = "{"ab" * 32}"\n'
    for text, said in (
        ("authority = ", "is no TOML"),
        (ORDER, "documentSha256 is"),
        (digest + ORDER.replace('"US"', '"USA"'), "country is"),
        (digest + ORDER.replace("T09:00:00Z", ""), "received is a time with its zone"),
        (digest + ORDER + '\n[gag]\nprovision = "x"\n', "gag.review is required"),
    ):
        source.write_text(text)
        assert said in stage.order("enter", source, code=1), text


def test_nobody_else_of_the_staff_and_no_customer_has_the_register(stage: Stage) -> None:
    customer: dict[str, str] = {
        "GOOGLE_APPLICATION_CREDENTIALS": stage.universe.env["GOOGLE_APPLICATION_CREDENTIALS"]
    }
    for who in (stage.ada, customer):
        assert "Only the keepers" in stage.order("list", code=1, who=who)


def test_a_sealed_order_outlives_a_kill_and_is_told_with_its_proof(stage: Stage) -> None:
    order = stage.entered(ORDER + GAG.format(review=_ahead(60)))
    stage.order("prolong", order["id"], "--provision", "a second order", "--until", _ahead(90))
    stage.universe.restart(kill=True)
    listed = json.loads(stage.order("list", "--json"))["orders"]
    assert order["id"] in [one["id"] for one in listed]
    assert stage.told() == []
    assert order["reference"] not in stage.order("report")
    stage.order("disclose", order["id"], "--because", "lifted by the court")
    [told] = _soon(stage, order["id"])
    assert told["commitment"] == order["commitments"][0]
    assert told["entry"] < told["checkpointSize"]
    assert (told["authority"], told["resources"]) == (order["authority"], "gs://files\ngs://open")
    assert told["because"] == "lifted by the court"
    assert "a second order" in told["prolonged"]
    policy, other = stage.folder / "other.policy", seeded_signer("x", Algorithm.ED25519, b"x" * 32)
    for text, said in (
        ("log x", "no policy"),
        (f"log {other.key.text}\nquorum none\n", "not what"),
    ):
        policy.write_text(text)
        refused = stage.order("told", stage.project, "--policy", policy, code=1, who={})
        assert said in refused
    stage.order("close", order["id"], "--outcome", "out-of-reach", "--note", "to the customer")
    report = stage.order("report", "--year", "2026")
    assert "| US | 1 |" in report
    assert "| out-of-reach | 1 |" in report


def test_an_order_without_silence_is_told_by_the_universe_itself_and_all_of_it_verifies(
    stage: Stage,
) -> None:
    order = stage.entered(ORDER)
    [told] = _soon(stage, order["id"])
    assert told["reference"] == order["reference"]
    assert "| cloud-act | 2 |" in stage.order("report")
    universe = stage.universe
    universe.terminate()
    said = universe.run(REMPART, "verify", "--data", universe.data).stdout
    assert "orders of authorities, each as entered; 2 are told" in said


def _soon(stage: Stage, id_: str) -> list[dict[str, Any]]:
    """Return what the customer is told of an order, once the log shows it."""
    deadline = time.monotonic() + TOLD_SECONDS_MAX
    while not (found := [one for one in stage.told() if one["order"] == id_]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def _ahead(days: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86_400))
