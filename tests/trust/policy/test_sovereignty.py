"""Sovereignty: the signed register, the rules over it, vendors, and labels of sensitivity."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory, public
from rempart.trust.policy.hierarchy import PROJECTS
from rempart.trust.policy.perimeters.geography import Geography, read_geography
from rempart.trust.policy.sovereignty import approvals, register
from rempart.trust.policy.sovereignty.actions import CLASSES, classes
from rempart.trust.policy.sovereignty.approvals import Approval, Approver, Wanted, approved
from rempart.trust.policy.sovereignty.guard import RULES_FILE, SovereigntyGuard
from rempart.trust.policy.sovereignty.register import Content, NoRegister, Person, opened
from rempart.trust.policy.sovereignty.rules import NoRules, default_rules, parse_rules, read_rules
from rempart.trust.policy.sovereignty.sensitivity import LEVELS, level, lowers, rank
from rempart.trust.policy.sovereignty.staff import REGISTER_FILE, Staff
from rempart.trust.policy.watched import Watched
from support.agreeing import Agreeing
from support.guards import asked, bucket, hierarchy
from support.worlds import NOW, TestUniverse

VECTOR = json.loads(
    (Path(__file__).parents[3] / "docs/spec/vectors/staff-register.json").read_text()
)
OFFICER = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTOR["privateKey"]))
CONSENTER = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTOR["approverPrivateKey"]))
ADA, BOB = "user:ada@operator.test", "user:bob@operator.test"
CUSTOMER = "user:carla@customer.test"
INSIDE, OUTSIDE, WATCHED = "10.1.2.3", "198.51.100.9", "10.9.9.9"


def key_line(name: str, key: Ed25519PrivateKey) -> str:
    members = msgspec.to_builtins(public(key))
    inner = ", ".join(f'{member} = "{value}"' for member, value in members.items())
    return f'name = "{name}"\nkey = {{ {inner} }}\n'


RULES = (
    default_rules()
    + f"""
[operator]
entity = "Exploitant SA"
domains = ["operator.test"]

[[officers]]
{key_line("Chloe", OFFICER)}
[[approvers]]
{key_line("Carla", CONSENTER)}side = "customer"

[[vendors]]
entity = "Vendor Inc"
domains = ["vendor.test"]

[[networks]]
name = "watched"
ranges = ["10.9.9.0/24"]
supervised = true

[[networks]]
name = "administration"
ranges = ["10.0.0.0/8"]
country = "FR"
"""
)


def person(name: str = "Ada Martin", member: str = ADA, **changes: Any) -> Person:
    whole = Person(
        name,
        (member,),
        "Exploitant SA",
        "FR",
        "FR",
        clearance="7.1.b",
        clearance_until=date(2099, 1, 1),
        training_due=date(2099, 1, 1),
    )
    return replace(whole, **changes)


def content(*staff: Person, **changes: Any) -> Content:
    return replace(Content(1, 5, NOW - 60, NOW + 86_400, staff), **changes)


def signed(what: Content, key: Ed25519PrivateKey = OFFICER, typ: str = register.TYPE) -> str:
    return statement.sign(key, typ, msgspec.json.encode(what))


@dataclass
class Allowing:
    """An IAM that lets everybody lower labels, or nobody."""

    allows: bool = False

    async def allowed(
        self, principal: Principal, permission: str, resource: Resource, *, time: Micros
    ) -> bool:
        assert permission == "rempart.sensitivity.lower"
        return self.allows


@dataclass
class Stand:
    """A guard over a data directory whose files tests write."""

    data: Path
    universe: TestUniverse = field(default_factory=TestUniverse)
    iam: Allowing = field(default_factory=Allowing)

    def __post_init__(self) -> None:
        geography: Watched[Geography] = Watched(None, read_geography, "")
        rules = Watched(self.data / RULES_FILE, read_rules, RULES_FILE)
        self.guard = Agreeing(
            SovereigntyGuard(self.universe.sealed, self.iam, geography, Staff(rules, self.data))
        )
        self._written = 0

    def write(self, name: str, text: str) -> None:
        self._written += 1
        path = self.data / name
        path.write_text(text)
        os.utime(path, (self._written, self._written))
        self.universe.clock.advance(2)

    def staff(self, *people: Person, **changes: Any) -> None:
        self.write(REGISTER_FILE, signed(content(*people, **changes)))

    def ask(self, member: str = ADA, **more: Any) -> Any:
        more = {"permission": "storage.buckets.list", "remote": INSIDE} | more
        return self.guard.check(asked(member=member, time=self.universe.clock.now, **more))

    async def rule(self, member: str = ADA, **more: Any) -> str:
        """Return the name of the rule that refuses, empty where none does."""
        try:
            await self.ask(member, **more)
        except CloudError as refused:
            metadata = refused.info.metadata if refused.info else ()
            return dict(metadata)["rule"] if refused.status == 403 else str(refused)
        return ""


@pytest.fixture
async def stand(tmp_path: Path) -> Stand:
    made = Stand(tmp_path)
    await hierarchy(made.universe)
    made.write(RULES_FILE, RULES)
    made.staff(person(), person("Bob Durand", BOB, control="US"))
    return made


async def test_without_rules_nobody_is_judged(tmp_path: Path) -> None:
    await Stand(tmp_path).ask()


async def test_customers_people_are_not_judged(stand: Stand) -> None:
    await stand.ask(CUSTOMER, remote=OUTSIDE, permission="storage.objects.get")
    await stand.ask("allUsers", remote=OUTSIDE)


async def test_staff_act_where_every_rule_holds(stand: Stand) -> None:
    assert await stand.rule() == ""
    assert await stand.rule(permission="storage.buckets.setIamPolicy", access=Access.WRITE) == ""


async def test_an_account_of_the_operator_that_is_not_listed_is_refused(stand: Stand) -> None:
    assert await stand.rule("user:eve@operator.test") == "staff-register"
    assert await stand.rule("user:eve@sub.operator.test") == "staff-register"
    assert await stand.rule("user:ADA@operator.test".replace("ADA", "Ada")) == ""


async def test_whoever_signs_in_by_a_pool_of_the_operators_is_staff(stand: Stand) -> None:
    clerk = "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/x1"
    assert await stand.rule(clerk) == ""
    pools = 'domains = ["operator.test"]\npools = ["locations/global/workforcePools/staff"]'
    stand.write(RULES_FILE, RULES.replace('domains = ["operator.test"]', pools))
    assert await stand.rule(clerk) == "staff-register"
    assert await stand.rule(clerk.replace("Pools/staff", "Pools/staffing")) == ""


async def test_who_controls_the_employer_decides_first(stand: Stand) -> None:
    """SecNumCloud 19.6.c."""
    assert await stand.rule(BOB) == "secnumcloud-19.6.c"


async def test_staff_act_from_the_administration_network_alone(stand: Stand) -> None:
    """SecNumCloud 9.6."""
    assert await stand.rule(remote=OUTSIDE) == "secnumcloud-9.6"
    assert await stand.rule(remote="a socket") == "secnumcloud-9.6"


async def test_administration_is_done_in_the_union_or_under_supervision(stand: Stand) -> None:
    """SecNumCloud 19.2: a network whose country nobody states is not in the Union."""
    stand.write(RULES_FILE, RULES.replace('country = "FR"', 'country = "US"'))
    assert await stand.rule() == "secnumcloud-19.2"
    stand.write(RULES_FILE, RULES.replace('country = "FR"\n', ""))
    assert await stand.rule() == "secnumcloud-19.2"
    supervised = RULES.replace('country = "FR"', "supervised = true")
    stand.write(RULES_FILE, supervised)
    assert await stand.rule() == ""


@pytest.mark.parametrize(
    "change",
    [
        {"clearance": ""},
        {"clearance_until": None},
        {"clearance_until": date(2026, 1, 1)},
        {"training_due": date(2026, 1, 1)},
        {"training_due": None},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "permission",
    ["storage.buckets.setIamPolicy", "logging.sinks.delete", "cloudkms.cryptoKeys.update"],
)
async def test_who_changes_rights_traces_or_keys_is_cleared_and_trained(
    stand: Stand, change: dict[str, Any], permission: str
) -> None:
    """SecNumCloud 7.1.b; what elevates nobody is not asked of it."""
    stand.staff(person(**change), serial=6)
    asked_for: dict[str, Any] = {"permission": permission, "access": Access.WRITE}
    assert await stand.rule(**asked_for) == "secnumcloud-7.1.b"
    assert await stand.rule(permission="storage.buckets.list") == ""


def consent(now: int, **changes: Any) -> dict[str, str]:
    said = Approval(
        "Carla",
        now,
        now + 600,
        ADA,
        ("storage.objects.get",),
        "projects/_/buckets/b",
    )
    payload = msgspec.json.encode(replace(said, **changes))
    return {"x-rempart-approval": statement.sign(CONSENTER, approvals.TYPE, payload)}


async def test_customers_data_is_reached_with_the_customers_consent_alone(stand: Stand) -> None:
    """SecNumCloud 9.7.d."""
    now = stand.universe.clock.now // 1_000_000
    read = {"permission": "storage.objects.get"}
    assert await stand.rule(**read) == "secnumcloud-9.7.d"
    assert await stand.rule(**read, headers=consent(now)) == ""
    assert await stand.rule(**read, headers=consent(now - 3600)) == "secnumcloud-9.7.d"
    stand.staff(person(clearance=""), serial=6)
    assert await stand.rule(**read, headers=consent(now)) == "secnumcloud-9.7.d"


async def test_vendors_people_have_no_account(stand: Stand) -> None:
    for member in (
        "user:joe@vendor.test",
        "user:joe@EU.Vendor.Test",
        "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/joe@vendor.test",
    ):
        assert await stand.rule(member) == "vendor-staff"


GRANTS: list[dict[str, Any]] = [
    {"document": {"policy": {"bindings": [{"role": "r", "members": ["user:joe@vendor.test"]}]}}},
    {"document": {"bindings": [{"role": "r", "members": [CUSTOMER, "domain:vendor.test"]}]}},
    {"document": {"entity": "user-joe@vendor.test", "role": "READER"}},
    {"document": {"acl": [{"entity": "domain-vendor.test"}]}},
    {"path": {"entity": "user-joe@vendor.test"}},
    {"document": {"rules": [{"ingressFrom": {"identities": ["user:joe@vendor.test"]}}]}},
]


@pytest.mark.parametrize("grant", GRANTS)
async def test_vendors_people_are_given_nothing_whoever_gives(
    stand: Stand, grant: dict[str, Any]
) -> None:
    write = {"permission": "storage.buckets.setIamPolicy", "access": Access.WRITE}
    assert await stand.rule(CUSTOMER, remote=OUTSIDE, **write, **grant) == "vendor-staff"


async def test_a_vendors_name_in_other_places_is_no_grant(stand: Stand) -> None:
    noted = {"metadata": {"contact": "joe@vendor.test"}}
    await stand.ask(CUSTOMER, access=Access.WRITE, document=noted)


async def test_a_register_that_is_wrong_changes_nothing(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    assert await stand.rule() == ""
    stranger = Ed25519PrivateKey.generate()
    newer = content(person(clearance=""), serial=9)
    wrong = {
        signed(newer, stranger): "not signed by an officer",
        signed(newer, typ="JWT"): "kind",
        signed(newer)[:-2] + "AA": "signature",
        signed(replace(newer, serial=4)): "older",
        msgspec.json.encode(newer).decode(): "compact JWS",
        "": "compact JWS",
    }
    needs: dict[str, Any] = {
        "permission": "storage.buckets.setIamPolicy",
        "access": Access.WRITE,
    }
    for text, said in wrong.items():
        stand.write(REGISTER_FILE, text)
        caplog.clear()
        assert await stand.rule(**needs) == ""
        assert "is refused" in caplog.text
        assert said in caplog.text
    (stand.data / REGISTER_FILE).unlink()
    stand.universe.clock.advance(2)
    assert await stand.rule() == ""


async def test_rules_that_are_wrong_change_nothing(stand: Stand) -> None:
    assert await stand.rule(remote=OUTSIDE) == "secnumcloud-9.6"
    stand.write(RULES_FILE, "rules = [")
    assert await stand.rule(remote=OUTSIDE) == "secnumcloud-9.6"


async def test_a_register_that_has_expired_lets_nobody_act(stand: Stand) -> None:
    assert await stand.rule() == ""
    stand.universe.clock.advance(90_000)
    assert await stand.rule() == "staff-register"
    await stand.ask(CUSTOMER)


def test_the_register_of_the_vector_is_what_its_payload_and_key_make() -> None:
    made = statement.sign(OFFICER, register.TYPE, VECTOR["payload"].encode())
    assert made == VECTOR["register"]
    officer = msgspec.convert(VECTOR["officer"], Signatory)
    found = opened(VECTOR["register"], [officer], ["Vendor Inc"])
    assert found.officer == "Chloe"
    assert found.people[ADA].cleared(date(2027, 12, 31))
    assert not found.people[ADA].cleared(date(2028, 1, 1))
    assert not found.people[BOB].trained(date(2026, 1, 1))
    with pytest.raises(NoRegister, match="works for a vendor"):
        opened(VECTOR["register"], [officer], ["sous-traitant sarl"])


def test_the_approval_of_the_vector_speaks_for_the_request_it_fits() -> None:
    made = statement.sign(CONSENTER, approvals.TYPE, VECTOR["approvalPayload"].encode())
    assert made == VECTOR["approval"]
    approver = msgspec.convert(VECTOR["approver"], Approver)
    fits = Wanted(
        ADA,
        "Ada Martin",
        "storage.objects.get",
        "projects/_/buckets/files/objects/o",
        "lab:one",
        Micros(NOW * 1_000_000),
    )
    assert approved(made, [approver], fits) == (1, 0)
    assert approved(f"{made}~{made}~nothing", [approver], fits) == (1, 0)
    for other in (
        {"principal": BOB},
        {"person": "Carla"},
        {"permission": "storage.objects.delete"},
        {"resource": "projects/_/buckets/files2/objects/o"},
        {"time": Micros((NOW + 3600) * 1_000_000)},
        {"time": Micros((NOW - 61) * 1_000_000)},
    ):
        changed = {name: getattr(fits, name) for name in Wanted.__slots__} | other
        assert approved(made, [approver], Wanted(**changed)) == (0, 0)
    assert approved(made, [replace(approver, projects=("lab:two",))], fits) == (0, 0)


@pytest.mark.parametrize(
    ("staff", "said"),
    [
        ((person(), person(member=BOB)), "listed twice"),
        ((person(), person("Bob", ADA.upper().replace("USER", "user"))), "two people"),
        ((person(employer="VENDOR INC"),), "vendor"),
        ((person(member="group:all@operator.test"),), "no account"),
        ((person(member="allUsers"),), "no account"),
    ],
)
def test_a_register_with_a_mistake_is_refused_whole(staff: tuple[Person, ...], said: str) -> None:
    with pytest.raises(NoRegister, match=said):
        opened(signed(content(*staff)), parse_rules(RULES).officers, ["Vendor Inc"])


@pytest.mark.parametrize(
    "change",
    [
        ("version = 1", "version = 2"),
        ("version = 1", "version = 1\nmore = 1"),
        ('"data"', '"dates"'),
        ("staff.cleared", "clerk.cleared"),
        ("staff.cleared", "[1].all(x, x > 0) && staff.cleared"),
        ('"10.0.0.0/8"', '"10.0.0.1/8"'),
        ('"secnumcloud-9.6"', '"secnumcloud-19.2"'),
        ('["vendor.test"]', '["eu.operator.test"]'),
        ('["vendor.test"]', '["Vendor Inc"]'),
        ('kty = "OKP"', 'kty = "RSA"'),
        ("[[officers]]", "[[officer]]"),
        ('domains = ["operator.test"]', 'domains = ["operator.test"]\npools = ["staff"]'),
    ],
    ids=str,
)
def test_rules_with_a_mistake_are_refused_whole(change: tuple[str, str]) -> None:
    assert change[0] in RULES
    with pytest.raises(NoRules):
        parse_rules(RULES.replace(*change))


def test_actions_are_classed_by_their_permission() -> None:
    read, write = Access.READ, Access.WRITE
    expected = {
        ("storage.objects.get", read): ("data",),
        ("storage.objects.delete", write): ("data",),
        ("cloudkms.cryptoKeyVersions.useToDecrypt", write): ("data",),
        ("cloudkms.cryptoKeyVersions.destroy", write): ("keys",),
        ("cloudkms.cryptoKeys.setIamPolicy", write): ("elevation", "keys"),
        ("iam.serviceAccountKeys.create", write): ("elevation",),
        ("iam.serviceAccountKeys.list", read): ("technical",),
        ("iam.serviceAccounts.getAccessToken", write): ("elevation",),
        ("logging.sinks.update", write): ("trace",),
        ("resourcemanager.projects.getIamPolicy", read): ("technical",),
        ("storage.buckets.create", write): (),
        ("", read): (),
    }
    assert {asked_: classes(*asked_) for asked_ in expected} == expected
    assert {kind for kinds in expected.values() for kind in kinds} == set(CLASSES)


def test_levels_have_french_and_european_names() -> None:
    order = [rank(name) for name in LEVELS]
    assert order == [0, 1, 2, 3]
    assert rank("Diffusion-Restreinte") == rank("eu-restricted") == 3
    assert rank("limite") == rank("sensible") == 2
    assert rank("no such level") == 3
    assert level("interne", "sensible") == "sensitive"
    assert level("", "") == ""


LABEL = "rempart-sensitivity"
KNOWN = st.sampled_from(("", "public", "interne", "sensible", "restricted"))


@given(KNOWN, KNOWN)
def test_a_label_is_lowered_where_its_rank_falls_or_it_goes(old: str, new: str) -> None:
    labels = {LABEL: new} if new else {LABEL: None}
    change = asked(document={"labels": labels}, verb="PATCH").call
    assert lowers(change, old) is (bool(old) and (not new or rank(new) < rank(old)))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"verb": "PATCH", "document": {"labels": {LABEL: "public"}}}, True),
        ({"verb": "PATCH", "document": {"labels": {LABEL: None}}}, True),
        ({"verb": "PATCH", "document": {"labels": None}}, True),
        ({"verb": "PUT", "document": {}}, True),
        ({"verb": "PUT", "document": {"labels": {"team": "red"}}}, True),
        ({"verb": "PATCH", "query": {"updateMask": "labels"}, "document": {}}, True),
        ({"verb": "PATCH", "document": {"labels": {LABEL: "restricted"}}}, False),
        ({"verb": "PATCH", "document": {"labels": {"team": "red"}}}, False),
        ({"verb": "PATCH", "document": {"versioning": {}}}, False),
        ({"verb": "PATCH", "query": {"updateMask": "displayName"}, "document": {}}, False),
        ({"verb": "PUT", "document": {"labels": {LABEL: "sensible"}}}, False),
    ],
    ids=str,
)
async def test_lowering_a_label_needs_a_permission_of_its_own(
    stand: Stand, change: dict[str, Any], *, refused: bool
) -> None:
    labelled = replace(bucket("lab:one"), sensitivity="sensitive")
    what = asked(
        member=CUSTOMER,
        resource=labelled,
        permission="storage.buckets.update",
        method="storage.buckets.update",
        access=Access.WRITE,
        **change,
    )
    if refused:
        with pytest.raises(CloudError) as problem:
            await stand.guard.check(what)
        assert problem.value.info is not None
        assert problem.value.info.reason == "SENSITIVITY_LOWERED"
    stand.iam.allows = refused
    await stand.guard.check(what)


async def test_a_new_label_must_be_known(stand: Stand) -> None:
    for method in ("storage.buckets.insert", "storage.buckets.patch"):
        document = {"labels": {LABEL: "secret"}}
        with pytest.raises(CloudError, match="takes one of"):
            await stand.ask(CUSTOMER, method=method, document=document)


async def test_another_change_of_a_labelled_bucket_lowers_nothing(stand: Stand) -> None:
    """An entry of its access-control list is replaced by PUT, and has no labels."""
    labelled = replace(bucket("lab:one"), sensitivity="sensitive")
    acl = {"method": "storage.bucketAccessControls.update", "verb": "PUT"}
    await stand.ask(CUSTOMER, resource=labelled, permission="storage.buckets.update", **acl)


async def test_rules_read_the_sensitivity_of_bucket_and_project(stand: Stand) -> None:
    more = """
[[rules]]
id = "restricted"
requirement = "ours"
text = "Restricted data is not touched."
require = 'resource.sensitivity != "restricted"'
"""
    stand.write(RULES_FILE, RULES + more)
    labelled = replace(bucket("lab:one"), sensitivity="dr")
    assert await stand.rule(resource=labelled) == "restricted"
    assert await stand.rule() == ""
    tx = stand.universe.sealed.transaction()
    project = await tx.get(PROJECTS, "lab:one")
    assert project is not None
    project.labels[LABEL] = "restreint"
    tx.put(PROJECTS, "lab:one", value=project)
    await tx.commit()
    assert await stand.rule() == "restricted"
