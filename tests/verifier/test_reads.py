"""A report says since when reads of data are on record: none in it may be none that was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rempart.verifier.__main__ import main
from support.proofs import POLICY, SHOP, PaperProofs

FILES = "projects/_/buckets/files"
ORGANIZATION = "organizations/1"
ABOVE = "What folders or organizations above ask for is told in their bundles alone"
READS = "Reads of data of gs://files"


class Shop(PaperProofs):
    """A log of the shop, in which things are set."""

    def bucket(self, sensitivity: str, *, name: str = "files", method: str = "patch") -> int:
        facts = {"bucket": name, "sensitivity": sensitivity}
        resource = SHOP if method == "insert" else f"projects/_/buckets/{name}"
        method = f"storage.buckets.{method}"
        return self.add(SHOP, "outcome", method=method, resource=resource, facts=facts)

    def audit(self, configs: str, of: str = SHOP) -> int:
        facts = {"bindings": "3", "auditConfigs": configs}
        return self.add(of, "outcome", method="x.setIamPolicy", resource=of, facts=facts)

    def read(self) -> int:
        return self.add(SHOP, "use", access="DATA_READ", resource=f"{FILES}/objects/o")


def told(
    log: PaperProofs,
    folder: Path,
    *,
    start: int = 0,
    resource: str = "gs://files",
    parent: str = SHOP,
) -> str:
    """Return what the report says of reads; in JSON it says the same."""
    stated = log.state(parent, start, len(log.openings))
    (folder / "proof.zip").write_bytes(log.bundle(start, [stated], parent=parent))
    (folder / "policy").write_bytes(POLICY.encode())
    asked = [str(folder / "proof.zip"), "--policy", str(folder / "policy"), "--report"]
    asked += ["--resource", resource]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    document = json.loads(CliRunner().invoke(main, [*asked, "--json"]).stdout)
    [reads] = document["bundles"][0]["reads"]
    said = done.output[done.output.index("Reads of data") :]
    assert reads["onRecord"] == (" on." in said)
    return said


def test_reads_that_nobody_asked_for_are_plainly_not_on_record(tmp_path: Path) -> None:
    log = Shop()
    log.bucket("", method="insert")
    log.bucket("restricted", name="other")
    log.audit("storage.googleapis.com DATA_WRITE, cloudkms.googleapis.com DATA_READ")
    said = told(log, tmp_path)
    assert f"{READS} are not on record: no entry of this bundle asks for it." in said
    assert ABOVE in said


@pytest.mark.parametrize("level", ["sensitive", "restricted"])
def test_a_classified_bucket_has_them_from_then_on(tmp_path: Path, level: str) -> None:
    log = Shop()
    log.bucket("internal", method="insert")
    at = log.bucket(level)
    log.bucket(level)
    said = told(log, tmp_path)
    assert (
        f"{READS} are on record from 2026-07-25 17:30:00Z ({FILES} is {level}; entry {at}) on."
        in said
    )


def test_what_was_asked_for_and_taken_back_is_told_with_both_entries(tmp_path: Path) -> None:
    log = Shop()
    first, last = log.bucket("sensitive", method="insert"), log.bucket("")
    again = log.audit("allServices DATA_READ except 2")
    said = told(log, tmp_path)
    assert (
        f"({FILES} is sensitive; entry {first}) to 2026-07-25 17:30:00Z (entry {last}) and" in said
    )
    assert f"({SHOP} audits allServices DATA_READ except 2; entry {again}) on." in said
    log.audit("")
    assert "Now they are not." in told(log, tmp_path)


def test_a_classified_project_has_them_in_each_bucket(tmp_path: Path) -> None:
    log = Shop()
    facts = {"project": "shop", "sensitivity": "restricted"}
    log.add(SHOP, "outcome", method="x.projects.patch", resource=SHOP, facts=facts)
    for resource in ("gs://files/o", "", SHOP):
        assert f"({SHOP} is restricted; entry 0) on." in told(log, tmp_path, resource=resource)


def test_reads_that_are_there_without_a_reason_are_told(tmp_path: Path) -> None:
    log = Shop()
    log.bucket("sensitive", method="insert")
    log.read()
    log.read()
    said = told(log, tmp_path, start=1)
    assert f"{READS}: 2 are on record, the first of 2026-07-25 17:30:00Z; no entry of this" in said
    assert "What was asked for before entry 1 is not in this bundle." in said


@pytest.mark.parametrize("of", [SHOP, ORGANIZATION])
def test_an_organizations_bundle_tells_of_itself_and_of_the_buckets_project(
    tmp_path: Path, of: str
) -> None:
    log = Shop()
    log.audit("allServices DATA_READ", of=of)
    first = log.bucket("", method="insert")
    log.audit("allServices DATA_READ", of="projects/other")
    log.containers = [ORGANIZATION] * len(log.openings)
    said = told(log, tmp_path, parent=ORGANIZATION)
    entry = 0 if of == ORGANIZATION else first
    assert f"({of} audits allServices DATA_READ; entry {entry}) on." in said
