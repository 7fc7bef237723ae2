"""The whole of it: officers at their own machines, a manager that runs, a cloud that asks."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rempart.core.clock import World, system_random
from rempart.core.signing.keys import public
from rempart.ekm.approvals.approval import Approval
from rempart.ekm.cli.reach import Way
from rempart.ekm.keys.store import MAGIC
from rempart.ekm.officers import key_file
from rempart.ekm.officers.desk import Desk
from rempart.standalone.sealing import HEADER_BYTES, salt_of
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.token import Token
from rempart.trust.custody.software.algorithms import ALGORITHMS
from support.key_holder import ISSUER, KEY, PASSPHRASE, REMPART, KeyHolder, b64, use
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]

PROGRAM = "support.officers_program"
POLICY = f"""
version = 1

[[rule]]
name = "own access"
issuers = ["{ISSUER}"]
projects = ["123456789"]
keys = ["v0/cryptospaces/blue/keys/*"]
verbs = ["wrap", "unwrap"]
reasons = ["CUSTOMER_INITIATED_ACCESS", "CUSTOMER_INITIATED_SUPPORT"]
"""


class Manager:
    """A key holder with three officers of whom two decide, and an approver; it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holder = KeyHolder.create(folder / "data")
        self.passphrase = folder / "officers.passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.passphrase.chmod(0o600)
        for name in ("odile", "pierre", "quentin", "bruno"):
            self.say("officer", "new", "--name", name, "--out", str(self.key(name)))
        keys = [word for name in ("odile", "pierre", "quentin") for word in self.officer(name)]
        self.holder.run("enrol", *keys, "--quorum", "2")
        self.holder.start(program=PROGRAM)

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def officer(self, name: str) -> tuple[str, str]:
        return "--officer", str(self.key(name))

    def say(self, *words: str, fails: bool = False, fed: str | None = None) -> str:
        """Type a command that signs, or one that needs no manager."""
        signing = words[0] in {"propose", "approve", "block", "unblock", "status", "proposals"}
        making = words[:2] in {("officer", "new"), ("approval", "sign")}
        secret = ("--officer-passphrase-file", str(self.passphrase)) if signing or making else ()
        command = [REMPART, "ekm", *words, *secret]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, input=fed
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return said if fails else done.stdout

    def here(self, who: str) -> tuple[str, ...]:
        return (*self.officer(who), "--data", str(self.holder.data), "--json")

    def afar(self, who: str) -> tuple[str, ...]:
        pinned = self.holder.data / "tls/certificate.pem"
        where = ("--url", self.holder.audience, "--certificate", str(pinned))
        return (*self.officer(who), *where, "--json")

    def decide(self, *words: str, afar: bool = True) -> None:
        """Let odile propose on the machine, and pierre consent, from afar if it runs."""
        proposed = json.loads(self.say("propose", *words, *self.here("odile")))
        where = self.afar("pierre") if afar else self.here("pierre")
        agreed = self.say("approve", proposed["digest"][:12], "--yes", *where)
        assert json.loads(agreed)["waiting"] is False

    def adopt(self, text: str) -> None:
        path = self.folder / "policy.toml"
        path.write_text(text)
        self.decide("policy", str(path))

    def status(self) -> dict[str, Any]:
        found = json.loads(self.say("status", *self.afar("quentin")))
        assert isinstance(found, dict)
        return found

    def wrap(self, **context: object) -> int:
        return int(self.answer(**context).status_code)

    def answer(self, **context: object) -> Any:
        body = use(plaintext=b64(b"a key"))
        body["additionalContext"].update(context)
        return self.holder.ask("wrap", body)


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    made = Manager(tmp_path_factory.mktemp("officers"))
    yield made
    made.holder.stop()


@pytest.fixture
def allowing(manager: Manager) -> Manager:
    if not manager.status()["policy"]["rules"]:
        assert manager.wrap() == 403
        manager.adopt(POLICY)
    assert manager.wrap() == 200
    return manager


def test_the_policy_that_officers_adopt_decides(allowing: Manager) -> None:
    assert allowing.wrap(accessReasonContext={"reason": "GOOGLE_INITIATED_SERVICE"}) == 403
    entry = [entry for entry in allowing.holder.entries() if entry["kind"] == "request"][-1]
    assert (entry["rule"], entry["status"]) == ("no rule", 403)


def test_a_command_on_the_machine_changes_nothing_by_itself(allowing: Manager) -> None:
    said = allowing.holder.run("keys", "destroy", KEY, "--yes", fails=True)
    assert "Officers decide" in said
    assert allowing.wrap() == 200


def test_a_key_that_officers_decided_on_is_there(allowing: Manager) -> None:
    allowing.decide("create-key", f"{KEY}-of-officers", "--cache-seconds", "30")
    shown = json.loads(allowing.holder.run("keys", "show", f"{KEY}-of-officers", "--json"))
    assert shown["allowedCacheDuration"] == "30s"


@pytest.mark.parametrize(
    "words",
    [
        ("create-key", KEY),
        ("create-key", "v0/keys/k"),
        ("create-key", f"{KEY}-hard", "--in", "token"),
        ("remove-left-over", "00ff", "a", "label"),
        ("create-space", "v0/cryptospaces/blue"),
        ("destroy-key", f"{KEY}-unknown"),
        ("cache", KEY, "86401"),
        ("trust", "http://plain.test", "--mail-domain", "d", "--keys-url", "https://keys.test/"),
        ("trust", ISSUER, "--mail-domain", "d", "--keys-url", "https://keys.test/"),
        ("distrust", "https://unknown.test"),
        ("quorum", "4"),
    ],
    ids=" ".join,
)
def test_nobody_is_asked_to_consent_to_what_could_not_be_done(
    allowing: Manager, words: tuple[str, ...]
) -> None:
    allowing.say("propose", *words, *allowing.here("odile"), fails=True)
    assert allowing.status()["proposals"] == []


def _copied(manager: Manager, to: Path) -> Manager:
    """Return a copy of the manager in another folder; it does not run."""
    manager.holder.stop()
    shutil.copytree(manager.holder.data, to, ignore=shutil.ignore_patterns("*.sock"))
    manager.holder.start(program=PROGRAM)
    made = copy(manager)
    made.holder = KeyHolder(to, manager.holder.issuer)
    return made


def test_a_standby_opens_what_the_first_wrapped_once_officers_let_it_and_has_a_log_of_its_own(
    allowing: Manager, tmp_path: Path
) -> None:
    blob = allowing.answer().json()["wrappedBlob"]
    standby = _copied(allowing, tmp_path / "data")
    before = allowing.holder.entries()
    settings = standby.holder.data / "ekm.toml"
    settings.write_text("log_number = 2\n" + settings.read_text())
    block = json.loads(standby.say("block", *standby.here("odile")))["digest"]
    standby.holder.start(program=PROGRAM)
    try:
        asked = use(wrappedBlob=blob)
        assert standby.holder.ask("unwrap", asked).status_code == 403
        lifting = json.loads(standby.say("unblock", block[:12], *standby.here("odile")))["digest"]
        standby.say("approve", lifting[:12], "--yes", *standby.afar("pierre"))
        assert standby.holder.ask("unwrap", asked).json()["plaintext"] == b64(b"a key")
    finally:
        standby.holder.stop()
    pins = [one.holder.data / "tls/certificate.pem" for one in (allowing, standby)]
    assert pins[0].read_bytes() == pins[1].read_bytes()
    assert standby.holder.entries()[: len(before) - 1] == before[:-1]  # the first one's new start
    told = json.loads(standby.holder.run("log", "--verify", "--json"))
    assert told["log"] == "localhost/log/2"


@pytest.fixture
def tokened(manager: Manager, softhsm: SoftHSM, tmp_path: Path) -> Manager:
    """Return a copy of the manager that has a token; it does not run."""
    made = _copied(manager, tmp_path / "data")
    with (made.holder.data / "ekm.toml").open("a") as settings:
        settings.write(softhsm.toml())
    return made


def test_what_a_crash_left_in_the_token_goes_when_officers_decide(
    tokened: Manager, softhsm: SoftHSM
) -> None:
    sealed = (tokened.holder.data / "keys.sealed").read_bytes()
    salt = salt_of(sealed[len(MAGIC) : len(MAGIC) + HEADER_BYTES])
    making = InToken(Token(softhsm.settings), f"rempart-ekm-{salt[:8].hex()}", system_random)
    context = UseContext(version=f"{KEY}-torn", key="", reason="", principal="", method="")
    asyncio.run(making.generate(ALGORITHMS["HMAC_SHA256"], context))
    [found] = json.loads(tokened.holder.run("hsm", "--json"))["leftOver"]

    said = tokened.holder.run("hsm", "--remove", found["id"], fails=True)
    assert "Officers decide" in said
    assert softhsm.objects == 1
    tokened.decide("remove-left-over", found["id"], *found["label"].split(), afar=False)

    assert softhsm.objects == 0
    entries = [one for one in tokened.holder.entries() if one.get("verb") == "hsm.remove"]
    detail = {"id": found["id"], "label": found["label"], "who": "officers"}
    assert [(one.get("stage"), one.get("status"), one["detail"]) for one in entries[-2:]] == [
        ("intent", None, detail),
        (None, 200, detail),
    ]


def test_from_a_block_to_the_first_refusal_is_less_than_a_second(allowing: Manager) -> None:
    key = key_file.load(allowing.key("quentin")).open(PASSPHRASE)
    way = Way(
        allowing.folder, allowing.holder.audience, allowing.holder.data / "tls/certificate.pem"
    )
    desk = Desk(key, str(way.manager()["manager"]), World())
    with allowing.holder.client() as cloud:
        body = use(plaintext=b64(b"a key"))
        token = allowing.holder.issuer.token(allowing.holder.audience)
        assert allowing.holder.ask_over(cloud, "wrap", body, token=token).status_code == 200
        began = time.perf_counter()
        block = way.hear(desk.block(KEY))["digest"]
        refused = allowing.holder.ask_over(cloud, "wrap", body, token=token)
        elapsed = time.perf_counter() - began
    assert refused.status_code == 403
    assert elapsed < 1
    proposed = json.loads(allowing.say("unblock", str(block)[:12], *allowing.here("odile")))
    assert allowing.wrap() == 403
    allowing.say("approve", proposed["digest"][:12], "--yes", *allowing.here("pierre"))
    assert allowing.wrap() == 200


def test_a_support_request_passes_with_an_approval_of_a_known_approver(allowing: Manager) -> None:
    allowing.decide("add-approver", str(allowing.key("bruno")))
    told = ("--cloud", ISSUER, "--project", "123456789", "--principal", "user:eve@cloud.test")
    token = allowing.say(
        "approval", "sign", "--key", str(allowing.key("bruno")), *told,
        "--reason", "CUSTOMER_INITIATED_SUPPORT", "--keys", KEY, "--uses", "1",
    ).strip()  # fmt: skip
    support = {
        "accessReasonContext": {"reason": "CUSTOMER_INITIATED_SUPPORT"},
        "rempartContext": {"principal": "user:eve@cloud.test"},
    }
    approved = {
        **support, "rempartContext": {"principal": "user:eve@cloud.test", "approval": token},
    }  # fmt: skip
    assert allowing.wrap(**support) == 403
    assert allowing.wrap(**approved) == 200
    allowing.holder.stop()
    allowing.holder.start(program=PROGRAM)
    again = allowing.answer(**approved)
    assert again.status_code == 403
    assert "as often as it may be" in again.json()["error"]["message"]


def test_what_an_approval_opened_is_not_for_keeping(allowing: Manager) -> None:
    allowing.decide("cache", KEY, "30")
    if not allowing.status()["approvers"]:
        allowing.decide("add-approver", str(allowing.key("bruno")))
    body = use(wrappedBlob=allowing.answer().json()["wrappedBlob"])
    assert allowing.holder.ask("unwrap", body).json()["allowedCacheDuration"] == "30s"
    told = ("--cloud", ISSUER, "--project", "123456789", "--principal", "p", "--keys", KEY)
    why = ("--reason", "CUSTOMER_INITIATED_SUPPORT")
    token = allowing.say("approval", "sign", "--key", str(allowing.key("bruno")), *told, *why)
    body["additionalContext"] |= {
        "accessReasonContext": {"reason": "CUSTOMER_INITIATED_SUPPORT"},
        "rempartContext": {"principal": "p", "approval": token.strip()},
    }
    assert allowing.holder.ask("unwrap", body).json()["allowedCacheDuration"] == "0s"


def test_an_approval_can_be_shown_and_verified_without_a_manager(manager: Manager) -> None:
    told = ("--cloud", ISSUER, "--project", "1", "--principal", "p", "--keys", KEY)
    why = ("--reason", "CUSTOMER_INITIATED_SUPPORT", "--ticket", "case 4711")
    key = str(manager.key("bruno"))
    token = manager.say("approval", "sign", "--key", key, *told, *why).strip()
    shown = msgspec.json.decode(manager.say("approval", "show", token, "--json"), type=Approval)
    assert (shown.iss, shown.ticket) == ("bruno", "case 4711")
    assert "case 4711" in manager.say("approval", "verify", token, "--approver", key)
    other = str(manager.key("odile"))
    assert "nobody" in manager.say("approval", "verify", token, "--approver", other, fails=True)
    assert "iss: bruno" in manager.say("approval", "show", "-", fed=token)


def test_a_stranger_at_the_officers_door_is_refused_and_on_record(allowing: Manager) -> None:
    with allowing.holder.client() as client:
        answers = [
            client.post("/admin/v1/statements", json={"statement": "a.b.c"}),
            client.post("/admin/v1/statements", content=b"not JSON"),
            client.get("/admin/v1/statements"),
            client.get("/admin/v1/everything"),
        ]
    assert [answer.status_code for answer in answers] == [403, 400, 501, 501]
    told = [(entry["kind"], entry["verb"]) for entry in allowing.holder.entries()[-5:]]
    assert told == [("officers", "refused"), *[("request", "officers")] * 4]


def test_what_the_log_says_was_answered_is_what_a_dry_run_starts_from(allowing: Manager) -> None:
    allowing.wrap()
    path = allowing.folder / "stricter.toml"
    path.write_text(POLICY.replace('"wrap", "unwrap"', '"unwrap"'))
    data = ("--data", str(allowing.holder.data))
    said = allowing.say("policy", "dry-run", str(path), *data, fails=True)
    assert "was allowed, would be refused" in said
    path.write_text(POLICY)
    found = json.loads(allowing.say("policy", "dry-run", str(path), *data, "--json", fails=True))
    assert all(not change["was_allowed"] for change in found["changes"])


def test_the_policy_in_force_can_be_read_from_the_log_alone(allowing: Manager) -> None:
    assert allowing.holder.run("policy", "show") == POLICY


def test_a_log_from_which_a_block_was_cut_does_not_start(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.say("block", *manager.here("odile"))
    manager.holder.stop()
    (log,) = (manager.holder.data / "log").iterdir()
    lines = log.read_bytes().splitlines(keepends=True)
    said = [index for index, line in enumerate(lines) if b'"verb":"said"' in line]
    log.write_bytes(b"".join(lines[: said[-1]]))
    assert "sealed file knows of" in manager.holder.run("keys", "list", fails=True)
    log.write_bytes(b"".join(lines))
    assert KEY in manager.holder.run("keys", "list")


def test_a_wrong_passphrase_opens_no_key(tmp_path: Path) -> None:
    path = tmp_path / "odile.key"
    made = key_file.create(path, "odile", PASSPHRASE, system_random, p256=True)
    assert made.key.algorithm == "ES256"
    assert public(key_file.load(path).open(PASSPHRASE)) == made.key
    with pytest.raises(key_file.KeyFileProblem, match="another passphrase"):
        key_file.load(path).open(PASSPHRASE + "!")
    changed = json.loads(path.read_text()) | {"name": "pierre"}
    path.write_text(json.dumps(changed))
    with pytest.raises(key_file.KeyFileProblem, match="changed file"):
        key_file.load(path).open(PASSPHRASE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_proposal_that_lapsed_is_told_with_what_to_do(manager: Manager) -> None:
    early = json.loads(manager.say("propose", "create-space", "v0/cryptospaces/early",
                                   *manager.here("odile")))  # fmt: skip
    manager.decide("create-space", "v0/cryptospaces/late")
    said = manager.say(
        "approve", early["digest"][:12], "--yes", *manager.here("pierre"), fails=True
    )
    assert "propose it again" in said
    assert "first 8 characters" in manager.say("approve", "ab", *manager.here("odile"), fails=True)
    assert "No block begins" in manager.say("unblock", "ab" * 6, *manager.here("odile"), fails=True)


def test_a_decision_is_shown_as_people_write_it(manager: Manager) -> None:
    keys = manager.folder / "cloud.jwks"
    keys.write_text(manager.holder.issuer.jwks())
    manager.say("propose", "trust", "https://elsewhere.test", "--mail-domain", "agents.test",
                "--keys-file", str(keys), *manager.here("odile"))  # fmt: skip
    shown = manager.say("proposals", *manager.here("pierre")[:-1])
    assert "mail_domains: agents.test\n" in shown
    assert "Proposals that wait: " in shown


def test_whose_passphrase_is_missing_is_told(manager: Manager) -> None:
    said = subprocess.run(
        [REMPART, "ekm", "proposals", *manager.here("odile")],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    ).stderr  # fmt: skip
    assert "--officer-passphrase-file" in said
