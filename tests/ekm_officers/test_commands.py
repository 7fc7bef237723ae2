"""Commands that need no manager: policy check and explain, and what they say of errors."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ekm_officers.desk import Desk
from ekm_officers.requests import BRUNO_KEY, CLOUD, KEY, OWN_ACCESS, PROJECT, approval
from rempart.core.signing.keys import Signatory, public
from rempart.ekm.administration import trail
from rempart.ekm.approvals.approval import sign
from rempart.ekm.cli import command
from rempart.ekm.cli.options import printable
from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.entry import encoded
from rempart.ekm.record.segments import segment_name

ASKED = ("--key", KEY, "--issuer", CLOUD, "--project", PROJECT)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(OWN_ACCESS)
    return path


def typed(*words: str | Path, fails: bool = False) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def test_check_says_how_many_rules_there_are(policy: Path) -> None:
    assert "policy of 1 rules" in typed("policy", "check", policy)


def test_check_names_the_file_the_rule_and_the_member_at_fault(policy: Path) -> None:
    policy.write_text(OWN_ACCESS + "per_minute = 0")
    said = typed("policy", "check", policy, fails=True)
    assert f'{policy}: rule "own access": per_minute: must be a whole number' in said


def test_check_names_the_line_of_what_is_no_toml(policy: Path) -> None:
    policy.write_text(OWN_ACCESS + "per_minute = = 1")
    assert "line 10" in typed("policy", "check", policy, fails=True)


def test_explain_takes_a_request_in_options(policy: Path, tmp_path: Path) -> None:
    asked = ("--reason", "CUSTOMER_INITIATED_ACCESS", "--log", tmp_path)
    assert "allowed by own access" in typed("policy", "explain", policy, *ASKED, *asked)


def test_explain_says_why_no_rule_allows(policy: Path, tmp_path: Path) -> None:
    said = typed("policy", "explain", policy, *ASKED, "--log", tmp_path)
    assert "refused by no rule" in said
    assert "reasons: the reason is ABSENT" in said


def test_explain_takes_a_request_in_json(policy: Path, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(
        json.dumps(
            {
                "verb": "wrap",
                "key": KEY,
                "issuer": CLOUD,
                "project": PROJECT,
                "reason": "CUSTOMER_INITIATED_ACCESS",
                "time": "2026-06-03T12:00:00Z",
            }
        )
    )
    asked = ("--request", request, "--log", tmp_path, "--json")
    found = json.loads(typed("policy", "explain", policy, *asked))
    assert found["verdict"]["allowed"] is True
    assert found["opinions"] == [{"rule": "own access", "decides": True, "against": []}]


@pytest.mark.parametrize("content", ["[]", "{", '{"verb": 1}', '{"time": "tomorrow"}'])
def test_explain_refuses_what_is_no_request(policy: Path, tmp_path: Path, content: str) -> None:
    request = tmp_path / "request.json"
    request.write_text(content)
    typed("policy", "explain", policy, "--request", request, "--log", tmp_path, fails=True)


def test_no_policy_is_shown_where_none_was_adopted(tmp_path: Path) -> None:
    assert "No policy was adopted" in typed("policy", "show", "--log", tmp_path, fails=True)


def test_a_key_file_is_not_replaced(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    words = ("officer", "new", "--name", "odile", "--out", tmp_path / "odile.key")
    signing = ("--officer-passphrase-file", secret)
    typed(*words, *signing)
    before = (tmp_path / "odile.key").read_bytes()
    assert "It is unharmed" in typed(*words, *signing, fails=True)
    assert (tmp_path / "odile.key").read_bytes() == before


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("short")
    secret.chmod(0o600)
    words = ("officer", "new", "--name", "odile", "--out", tmp_path / "odile.key")
    said = typed(*words, "--officer-passphrase-file", secret, fails=True)
    assert "at least 12 characters" in said
    assert not (tmp_path / "odile.key").exists()


def test_nothing_that_a_terminal_would_act_on_is_printed() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd é") == "a\\x1b[2Jb\\u202ec\nd é"


async def test_what_others_signed_is_shown_as_it_is(tmp_path: Path) -> None:
    token = sign(BRUNO_KEY, approval(detail="fine\x1b[2J", ticket="case\u202e 4711"))
    said = typed("approval", "show", token)
    assert "fine\\x1b[2J" in said
    assert "\u202e" not in said
    desk = Desk()
    await desk.block("odile", KEY, note="a block\x9b2J")
    (tmp_path / "log").mkdir()
    head, lines = Head(), b""
    entries = [trail.enrolment(desk.enrolment, desk.now * 1_000_000), *map(trail.entry, desk.log)]
    for entry in entries:
        head, line = extend(head, encoded(entry))
        lines += line
    (tmp_path / "log" / segment_name(0)).write_bytes(lines)
    assert "a block\\x9b2J" in typed("status", "--data", tmp_path)


def test_several_officers_need_a_quorum_that_is_said(tmp_path: Path) -> None:
    people: list[str | Path] = []
    for name, seed in (("odile", 1), ("pierre", 2)):
        who = Signatory(name, public(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)))
        path = tmp_path / name
        path.write_bytes(msgspec.json.encode(who))
        people += ["--officer", path]
    assert "--quorum" in typed("enrol", *people, "--data", tmp_path, fails=True)
