"""The report for people: who touched what, from which country and employer, why, with which key."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec

from rempart.core.signing.keys import public
from rempart.core.signing.statement import sign
from rempart.verifier.__main__ import main
from rempart.verifier.staff import TYPE
from support.proofs import KEY, POLICY, SHOP, PaperProofs, story

VECTORS = Path(__file__).parents[2] / "docs" / "spec" / "vectors"
BUNDLE = story()[1]
COUNTRIES = "192.0.2.0,192.0.2.255,FR\n2001:db8::,2001:db8:0:0:ffff:ffff:ffff:ffff,BE\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a bundle, and what a reader brings to it."""
    register = json.loads((VECTORS / "staff-register.json").read_text())
    (tmp_path / "proof.zip").write_bytes(BUNDLE)
    (tmp_path / "policy").write_bytes(POLICY.encode())
    (tmp_path / "countries.csv").write_text(COUNTRIES)
    (tmp_path / "staff.jws").write_text(register["register"] + "\n")
    (tmp_path / "officer.json").write_text(json.dumps(register["officer"]))
    return tmp_path


def said(folder: Path, *words: str, code: int = 0) -> Result:
    known = ("--geography", "countries.csv", "--staff", "staff.jws", "--officer", "officer.json")
    files = [str(folder / it) if (folder / it).is_file() else it for it in (*words, *known)]
    asked = [str(folder / "proof.zip"), "--policy", str(folder / "policy"), *files]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == code, done.output
    return done


def test_it_tells_what_a_change_of_a_policy_gave_and_took(folder: Path) -> None:
    told = {
        "bindingDeltas": [
            {
                "action": "ADD",
                "role": "roles/owner",
                "members": ["user:eve@x.test", "user:m@x.test"],
            },
            {
                "action": "REMOVE",
                "role": "roles/viewer",
                "members": ["user:ann@x.test"],
                "condition": {"expression": "request.time < t", "title": "for now"},
            },
        ],
        "auditConfigDeltas": [
            {"action": "REMOVE", "service": "allServices", "logType": "DATA_READ"},
            {
                "action": "ADD",
                "service": "allServices",
                "logType": "DATA_WRITE",
                "exemptedMember": "user:eve@x.test",
            },
        ],
    }
    paper = PaperProofs()
    paper.add(SHOP, "outcome", facts={"policyDelta": json.dumps(told)})
    paper.add(SHOP, "outcome", facts={"policyDelta": '{"bindingDeltas": [{"action": "?"}]}'})
    (folder / "proof.zip").write_bytes(paper.bundle(0, [paper.state(SHOP, 0, 2)]))

    first, second = (
        line for line in said(folder, "--report").stdout.splitlines() if "change" in line
    )

    assert (
        "change gave roles/owner to user:eve@x.test, user:m@x.test; took roles/viewer from"
        " user:ann@x.test where request.time < t; ended logging DATA_READ of allServices;"
        " exempted user:eve@x.test from logging DATA_WRITE of allServices;" in first
    )
    assert "in a form that this program does not know" in second


def test_it_tells_which_bucket_was_made(folder: Path) -> None:
    paper, made = PaperProofs(), {"bucket": "files", "sensitivity": ""}
    insert = {"method": "storage.buckets.insert", "resource": SHOP, "facts": made}
    paper.add(SHOP, "outcome", status=200, **insert)
    paper.add(SHOP, "use", resource="projects/_/buckets/files/objects/a", facts=made)
    (folder / "proof.zip").write_bytes(paper.bundle(0, [paper.state(SHOP, 0, 2)]))
    for words in ((), ("--resource", "gs://files")):
        lines = said(folder, "--report", *words).stdout.splitlines()
        [told] = [line for line in lines if "bucket projects/_/buckets/files;" in line]
        assert told.startswith("    outcome 200; ")
        assert told.endswith("; entry 0")
    assert ",projects/_/buckets/files," in said(folder, "--csv").stdout


def test_it_tells_people_who_from_where_for_whom_and_why(folder: Path) -> None:
    lines = said(folder, "--report").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "bob@operator" in line)
    assert lines[at].startswith("2026-07-27 ")
    assert "workforcePools/staff/subject/bob acting as user:bob@operator.test" in lines[at]
    assert lines[at].endswith("storage.objects.get  projects/_/buckets/files/objects/año/=1+1")
    assert lines[at + 1] == (
        "    support 200; address 2001:db8::1; country BE; person Bob Durand;"
        " employer Sous-traitant SARL; reason CUSTOMER_INITIATED_SUPPORT;"
        f" approval projects/shop/approvalRequests/a1; key {KEY}; agent gcloud; entry 275"
    )
    assert lines[-1] == "Everything checks."


def test_it_moves_nothing_on_the_readers_terminal(folder: Path) -> None:
    assert "message No.\\u202e\\n" in said(folder, "--report").stdout


def test_a_bucket_is_told_with_all_that_is_in_it_and_nothing_beside(folder: Path) -> None:
    document = json.loads(said(folder, "--resource", "gs://files", "--json").stdout)
    assert set(document) == {"ok", "exitCode", "verdict", "bundles", "oneHistory"}
    [bundle] = document["bundles"]
    assert set(bundle) == {
        *("file", "ok", "checks", "notes", "complete", "counts", "report", "reads"),
    }
    assert set(bundle["checks"][0]) == {
        *("name", "ok", "detail", "problems", "count", "undecided"),
    }
    told = bundle["report"]
    assert [(one["outcome"], one.get("country", "")) for one in told] == [
        ("intent", "FR"),
        ("outcome 200", "FR"),
        ("refusal 403", ""),
        ("support 200", "BE"),
    ]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (("--month", "2026-07"), 11),
        (("--month", "2026-08"), 0),
        (("--from", "2026-07-27", "--to", "2026-07-27"), 11),
        (("--from", "2026-07-27T16:45:00+02:00"), 9),
        (("--to", "2026-07-26"), 0),
    ],
)
def test_a_time_is_told_and_no_other(folder: Path, asked: tuple[str, ...], count: int) -> None:
    document = json.loads(said(folder, *asked, "--json").stdout)
    assert len(document["bundles"][0]["report"]) == count


def test_as_csv_it_is_rows_alone_and_no_formula_to_a_spreadsheet(folder: Path) -> None:
    done = said(folder, "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 11
    assert [row["employer"] for row in rows if row["person"]] == ["Sous-traitant SARL"]
    assert "Everything checks." in done.stderr
    log = PaperProofs()
    log.add(SHOP, "use", agent="=HYPERLINK(1)")
    (folder / "proof.zip").write_bytes(log.bundle(0, [log.state(SHOP, 0, 1)]))
    [row, _] = csv.DictReader(io.StringIO(said(folder, "--csv").stdout))
    assert row["agent"] == "'=HYPERLINK(1)"


def test_nothing_is_told_of_a_bundle_that_does_not_hold(folder: Path) -> None:
    (folder / "policy").write_bytes(b"quorum none\n")
    assert "bob@operator" not in said(folder, "--report", code=1).stdout


def test_an_officer_may_have_a_key_of_p_256(folder: Path) -> None:
    register = json.loads((VECTORS / "staff-register.json").read_text())
    key = ec.derive_private_key(7, ec.SECP256R1())
    officer = msgspec.to_builtins(public(key))
    (folder / "officer.json").write_text(json.dumps({"name": "Chloe", "key": officer}))
    (folder / "staff.jws").write_text(sign(key, TYPE, register["payload"].encode()))
    assert "employer Sous-traitant SARL" in said(folder, "--report").stdout
    (folder / "staff.jws").write_text(sign(key, "another+jwt", register["payload"].encode()))
    assert "is not signed by this officer" in said(folder, "--report", code=2).output


def test_nobody_is_told_to_work_for_somebody_by_a_register_of_another_time(folder: Path) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    register = json.loads(json.loads((VECTORS / "staff-register.json").read_text())["payload"])
    register |= {"issued": 1_700_000_000, "expires": 1_701_000_000}
    (folder / "staff.jws").write_text(sign(key, TYPE, json.dumps(register).encode()))
    officer = {"name": "Chloe", "key": msgspec.to_builtins(public(key))}
    (folder / "officer.json").write_text(json.dumps(officer))
    assert "employer" not in said(folder, "--report").stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("staff.jws", "e", "f", "is not signed by this officer"),
        ("officer.json", "A6EH", "A6EG", "is not signed by this officer"),
        ("countries.csv", "FR", "FR,x", "is not CSV of FIRST,LAST,COUNTRY"),
    ],
)
def test_what_the_reader_brings_is_refused_where_it_does_not_hold(
    folder: Path, name: str, old: str, new: str, words: str
) -> None:
    path = folder / name
    head, _, rest = path.read_text().rpartition(old)
    path.write_text(head + new + rest)
    if name == "staff.jws":
        words = "signature does not hold"
    assert words in said(folder, "--report", code=2).output


def test_who_made_a_bucket_is_told_of_it_and_a_name_that_nothing_has_is_told_as_such(
    folder: Path,
) -> None:
    log = PaperProofs()
    log.add(
        SHOP, "outcome", method="storage.buckets.insert", resource=SHOP, facts={"bucket": "files"}
    )
    (folder / "proof.zip").write_bytes(log.bundle(0, [log.state(SHOP, 0, 1)]))
    told = said(folder, "--report", "--resource", "gs://files").stdout
    assert "storage.buckets.insert" in told
    assert "1 entries about gs://files" in told
    assert "0 entries about gs://fils" in said(folder, "--resource", "gs://fils").stdout
