"""Perimeters, asked as the gate asks them: who comes in, what reaches out, and what is told."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.call import MethodId, Peer
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.trust.custody import sealed
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.perimeters import bindings, guard
from rempart.trust.policy.perimeters.crossing import Visit, judge, plan
from rempart.trust.policy.perimeters.documents import (
    ACCESS_BINDINGS,
    ACCESS_POLICIES,
    AccessBinding,
    AccessLevel,
    AccessPolicy,
    BoundPrincipal,
    ServicePerimeter,
)
from rempart.trust.policy.perimeters.guard import PerimeterGuard
from rempart.trust.policy.perimeters.origin import Origin, Origins
from rempart.trust.policy.perimeters.violation import (
    KEPT_PER_SECOND_MAX,
    KEPT_SECONDS,
    VIOLATIONS,
    explained,
)
from support.agreeing import Agreeing
from support.devices import IS_VALID
from support.guards import PROJECT_NUMBERS, asked, bucket, hierarchy
from support.worlds import START, TestUniverse

ROBOT = "serviceAccount:robot@one.lab.iam.gserviceaccount.com"
PERSON = "user:ada@example.test"
LEVEL = "accessPolicies/7/accessLevels/near"
ONE, TWO, THREE = (f"projects/{PROJECT_NUMBERS[f'lab:{name}']}" for name in ("one", "two", "three"))
STORAGE = {"serviceName": "storage.googleapis.com", "methodSelectors": [{"method": "*"}]}
KMS = "cloudkms.googleapis.com"


class Stand:
    """A guard over a hierarchy, with one access policy that tests change."""

    def __init__(self) -> None:
        self.universe = TestUniverse()
        names = {
            MethodId("cloudkms.projects.locations.keyRings.cryptoKeys.decrypt"): frozenset(
                ("google.cloud.kms.v1.KeyManagementService.Decrypt",)
            )
        }
        self.bare = PerimeterGuard(self.universe.sealed, self.universe.world, Origins(), names)
        self.guard = Agreeing(self.bare)

    async def set(self, **perimeters: Any) -> None:
        """Put these perimeters in force; `near` is a level of the network 192.0.2.0/24."""
        level = msgspec.convert(
            {"basic": {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"]}]}}, AccessLevel
        )
        laptop = msgspec.convert({"custom": {"expr": {"expression": IS_VALID}}}, AccessLevel)
        made = {
            id_: msgspec.convert(
                {"name": f"accessPolicies/7/servicePerimeters/{id_}"} | shape, ServicePerimeter
            )
            for id_, shape in perimeters.items()
        }
        policy = AccessPolicy(
            number="7",
            parent="organizations/1",
            title="t",
            created=Micros(START),
            levels={"near": level, "laptop": laptop},
            perimeters=made,
        )
        tx = self.universe.sealed.transaction()
        tx.put(ACCESS_POLICIES, "7", value=policy)
        await tx.commit()

    async def refusal(self, what: Asked) -> CloudError:
        with pytest.raises(CloudError) as refused:
            await self.guard.check(what)
        return refused.value

    async def why(self, what: Asked) -> str:
        refused = await self.refusal(what)
        text = await explained(self.universe.sealed, refused.message.rpartition(" ")[2])
        assert text is not None
        return text


@pytest.fixture
async def stand() -> Stand:
    made = Stand()
    await hierarchy(made.universe)
    return made


def around(*resources: str, **more: Any) -> dict[str, Any]:
    config = {"resources": list(resources), "restrictedServices": ["storage.googleapis.com"]}
    return {"status": config | more}


async def test_where_nothing_is_configured_nothing_is_refused_and_it_costs_next_to_nothing(
    stand: Stand,
) -> None:
    what = asked()
    await stand.bare.check(what)
    rounds = 2000
    begun = time.perf_counter()
    for _ in range(rounds):
        await stand.bare.check(what)
    assert (time.perf_counter() - begun) / rounds < 20e-6


async def test_a_project_inside_is_not_reached_from_outside(stand: Stand) -> None:
    await stand.set(box=around(ONE))
    refused = await stand.refusal(asked())
    assert refused.status == 403
    assert refused.message.startswith(
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: "
    )
    assert refused.info is not None
    assert refused.info.reason == "SECURITY_POLICY_VIOLATED"
    uid = refused.message.rpartition(" ")[2]
    assert dict(refused.info.metadata) == {"uid": uid, "service": "storage.googleapis.com"}
    violation = {"type": "VPC_SERVICE_CONTROLS", "description": uid}
    assert refused.details[0]["violations"] == [violation]


async def test_what_is_outside_or_not_restricted_is_reached(stand: Stand) -> None:
    await stand.set(box=around(ONE))
    await stand.guard.check(asked(project="lab:two"))
    key = Resource(ResourceName(KMS, f"{KMS}/CryptoKey", "k"), ProjectId("lab:one"))
    await stand.guard.check(asked(resource=key, service="cloudkms"))
    top = Resource(ResourceName("cloudresourcemanager.googleapis.com", "", "organizations/1"), None)
    await stand.guard.check(asked(resource=top))


async def test_every_access_policy_is_obeyed_however_many_there_are(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "POLICIES_MAX", 1, raising=False)
    monkeypatch.setattr(sealed, "SCANNED_AT_ONCE", 1)
    tx = stand.universe.sealed.transaction()
    first = AccessPolicy(number="1", parent="organizations/2", title="t", created=Micros(START))
    tx.put(ACCESS_POLICIES, "1", value=first)
    await tx.commit()
    await stand.set(box=around(ONE))
    assert "prohibited" in (await stand.refusal(asked(remote="198.51.100.7"))).message


async def test_every_access_binding_is_obeyed_however_many_there_are(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bindings, "BINDINGS_MAX", 1, raising=False)
    monkeypatch.setattr(sealed, "SCANNED_AT_ONCE", 1)
    email = "robot@one.lab.iam.gserviceaccount.com"
    tx = stand.universe.sealed.transaction()
    for organization, who in (("1", "another@one.lab.iam.gserviceaccount.com"), ("2", email)):
        binding = AccessBinding(
            name=f"organizations/{organization}/gcpUserAccessBindings/b",
            principal=BoundPrincipal(service_account=who),
            access_levels=(LEVEL,),
        )
        tx.put(ACCESS_BINDINGS, organization, "b", value=binding)
    await tx.commit()
    held = bindings.BindingGuard(stand.universe.sealed, Origins())
    robot = Principal(Member(ROBOT), email, "1", ProjectId("lab:one"))
    with pytest.raises(CloudError, match="access level"):
        await held.check(msgspec.structs.replace(asked(), principal=robot))


async def test_a_folder_inside_takes_its_projects_along(stand: Stand) -> None:
    await stand.set(box=around("folders/5"))
    await stand.refusal(asked(project="lab:one"))
    await stand.guard.check(asked(project="lab:three"))


async def test_an_access_level_admits(stand: Stand) -> None:
    await stand.set(box=around(ONE, accessLevels=[LEVEL]))
    await stand.guard.check(asked(remote="192.0.2.9"))
    why = await stand.why(asked(remote="198.51.100.9"))
    assert "no access level or ingress rule admits it" in why
    assert f"Access level {LEVEL} did not hold." in why


def lets(who: dict[str, Any], **to: Any) -> dict[str, Any]:
    """Return a perimeter around project one with a rule that lets somebody in."""
    sources = {"sources": [{"accessLevel": "*"}]}
    rule = {
        "ingressFrom": sources | who,
        "ingressTo": {"operations": [STORAGE], "resources": ["*"]} | to,
    }
    return around(ONE, ingressPolicies=[rule])


READS = {"serviceName": "storage.googleapis.com"}
ADMITTED: list[dict[str, Any]] = [
    lets({"identities": [ROBOT]}),
    lets({"identityType": "ANY_IDENTITY"}),
    lets({"identityType": "ANY_SERVICE_ACCOUNT"}),
    lets({"identities": [ROBOT], "sources": [{"accessLevel": LEVEL}]}),
    lets({"identities": [ROBOT]}, resources=[ONE]),
    lets({"identities": [ROBOT]}, resources=["folders/5"]),
    lets({"identities": [ROBOT]}, operations=[{"serviceName": "*"}]),
    lets({"identities": [ROBOT]}, operations=[], roles=["roles/storage.objectViewer"]),
    *(
        lets({"identities": [ROBOT]}, operations=[READS | {"methodSelectors": [selector]}])
        for selector in (
            {"method": "google.storage.objects.get"},
            {"method": "storage.objects.get"},
            {"permission": "storage.objects.get"},
        )
    ),
]
NOT_ADMITTED: list[dict[str, Any]] = [
    lets({}),
    lets({"identities": [PERSON]}),
    lets({"identityType": "ANY_USER_ACCOUNT"}),
    lets({"identityType": "ANY_IDENTITY", "sources": []}),
    lets({"identityType": "ANY_IDENTITY", "sources": [{"resource": TWO}]}),
    lets({"identityType": "ANY_IDENTITY", "sources": [{"accessLevel": f"{LEVEL}er"}]}),
    lets({"identities": [ROBOT]}, resources=[]),
    lets({"identities": [ROBOT]}, resources=[TWO]),
    lets({"identities": [ROBOT]}, operations=[]),
    lets({"identities": [ROBOT]}, operations=[{"serviceName": KMS}]),
    lets({"identities": [ROBOT]}, operations=[], roles=["roles/storage.objectCreator"]),
    *(
        lets({"identities": [ROBOT]}, operations=[READS | {"methodSelectors": [selector]}])
        for selector in (
            {"method": "google.storage.objects.list"},
            {"permission": "storage.objects.delete"},
            {"permission": ""},
        )
    ),
]


@pytest.mark.parametrize("perimeter", ADMITTED)
async def test_an_ingress_rule_that_names_the_call_admits(
    stand: Stand, perimeter: dict[str, Any]
) -> None:
    await stand.set(box=perimeter)
    await stand.guard.check(asked(remote="192.0.2.9"))


@pytest.mark.parametrize("perimeter", NOT_ADMITTED)
async def test_an_ingress_rule_that_leaves_something_out_admits_nobody(
    stand: Stand, perimeter: dict[str, Any]
) -> None:
    await stand.set(box=perimeter)
    await stand.refusal(asked(remote="192.0.2.9"))


async def test_methods_go_by_the_names_of_protocol_buffers_too(stand: Stand) -> None:
    selector = {"method": "google.cloud.kms.v1.KeyManagementService.Decrypt"}
    operation = {"serviceName": KMS, "methodSelectors": [selector]}
    perimeter = lets({"identities": [ROBOT]}, operations=[operation])
    perimeter["status"]["restrictedServices"] = [KMS]
    await stand.set(box=perimeter)
    key = Resource(ResourceName(KMS, f"{KMS}/CryptoKey", "k"), ProjectId("lab:one"))
    decrypt = "cloudkms.projects.locations.keyRings.cryptoKeys.decrypt"
    await stand.guard.check(asked(resource=key, service="cloudkms", method=decrypt))
    encrypt = decrypt.replace("decrypt", "encrypt")
    await stand.refusal(asked(resource=key, service="cloudkms", method=encrypt))


def copy(source: str, target: str, member: str = ROBOT) -> Asked:
    """Return the second question of a copy: the first was allowed to read the source."""
    first = asked(project=source, member=member)
    return asked(
        project=target,
        member=member,
        permission="storage.objects.create",
        method="storage.objects.rewrite",
        before={source: first},
    )


OPEN: dict[str, Any] = {"accessLevels": [LEVEL]}


def out(**to: Any) -> dict[str, Any]:
    operations = [STORAGE]
    rule = {
        "egressFrom": {"identities": [ROBOT]},
        "egressTo": {"operations": operations, "resources": ["*"]} | to,
    }
    return {"egressPolicies": [rule]}


@pytest.mark.parametrize(("source", "target"), [("lab:one", "lab:two"), ("lab:two", "lab:one")])
async def test_a_copy_over_the_border_needs_an_egress_rule(
    stand: Stand, source: str, target: str
) -> None:
    await stand.set(box=around(ONE, **OPEN))
    why = await stand.why(copy(source, target))
    assert "RESOURCES_NOT_IN_SAME_SERVICE_PERIMETER" in why
    await stand.set(box=around(ONE, **OPEN, **out()))
    await stand.guard.check(copy(source, target))
    await stand.set(box=around(ONE, **OPEN, **out(resources=[TWO])))
    await stand.guard.check(copy(source, target))
    await stand.set(box=around(ONE, **OPEN, **out(resources=[THREE])))
    await stand.refusal(copy(source, target))
    await stand.set(box=around(ONE, **OPEN, **out()))
    await stand.refusal(copy(source, target, PERSON))


async def test_a_copy_within_a_perimeter_or_over_a_bridge_needs_no_rule(stand: Stand) -> None:
    await stand.set(box=around(ONE, THREE, **OPEN))
    await stand.guard.check(copy("lab:one", "lab:three"))
    apart = {"box": around(ONE, **OPEN), "other": around(THREE, **OPEN)}
    await stand.set(**apart)
    await stand.refusal(copy("lab:one", "lab:three"))
    bridge = {"perimeterType": "PERIMETER_TYPE_BRIDGE", "status": {"resources": [ONE, THREE]}}
    await stand.set(**apart, bridge=bridge)
    await stand.guard.check(copy("lab:one", "lab:three"))


async def test_a_bridge_opens_no_perimeter_of_another_policy(stand: Stand) -> None:
    """Whoever administers a scoped policy cannot open what the organization has closed."""
    await stand.set(box=around(ONE, **OPEN))
    both = {"status": {"resources": [ONE, THREE]}}
    bridge = {"perimeterType": "PERIMETER_TYPE_BRIDGE", **both}
    made = {
        id_: msgspec.convert({"name": id_} | shape, ServicePerimeter)
        for id_, shape in (("wide", both), ("bridge", bridge))
    }
    scoped = AccessPolicy(
        number="8",
        parent="organizations/1",
        title="t",
        scopes=("folders/5",),
        created=Micros(START),
        perimeters=made,
    )
    tx = stand.universe.sealed.transaction()
    tx.put(ACCESS_POLICIES, "8", value=scoped)
    await tx.commit()
    await stand.refusal(copy("lab:one", "lab:three"))


async def test_between_two_perimeters_both_must_agree(stand: Stand) -> None:
    await stand.set(box=around(ONE, **OPEN, **out()), other=around(THREE, **OPEN))
    await stand.refusal(copy("lab:one", "lab:three"))
    lets_in = lets({"identities": [ROBOT], "sources": [{"resource": ONE}]})["status"]
    rules = {"ingressPolicies": lets_in["ingressPolicies"]}
    await stand.set(box=around(ONE, **OPEN, **out()), other=around(THREE, **OPEN, **rules))
    await stand.guard.check(copy("lab:one", "lab:three"))


def agent(project: str) -> Asked:
    """Return what an agent asks of a key for a bucket in project one."""
    key = Resource(ResourceName(KMS, f"{KMS}/CryptoKey", "k"), ProjectId(project))
    first = asked(project="lab:one")
    return asked(
        resource=key,
        member="serviceAccount:agent@system.test",
        permission="cloudkms.cryptoKeyVersions.useToDecrypt",
        before={"lab:one": first},
    )


async def test_an_agent_acts_from_where_the_call_is(stand: Stand) -> None:
    both = around(ONE, THREE, **OPEN)
    both["status"]["restrictedServices"].append(KMS)
    await stand.set(box=both)
    await stand.guard.check(agent("lab:three"))
    await stand.refusal(agent("lab:two"))
    reach = {"enableRestriction": True, "allowedServices": ["pubsub.googleapis.com"]}
    both["status"]["vpcAccessibleServices"] = reach
    both["status"]["restrictedServices"] = ["pubsub.googleapis.com"]
    await stand.set(box=both)
    why = await stand.why(agent("lab:three"))
    assert "SERVICE_NOT_ALLOWED_FROM_VPC" in why
    reach["allowedServices"] = ["RESTRICTED-SERVICES"]
    both["status"]["restrictedServices"] = [KMS]
    await stand.set(box=both)
    await stand.guard.check(agent("lab:three"))


async def test_a_dry_run_is_logged_and_refuses_nothing(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    dry = {"spec": around(ONE)["status"], "useExplicitDryRunSpec": True}
    await stand.set(box=dry)
    what = asked()
    with caplog.at_level(logging.WARNING):
        await stand.guard.check(what)
    assert "perimeter violation dry run: " in caplog.text
    [kept] = await stand.universe.sealed.scan(VIOLATIONS, VIOLATIONS.under(), limit=10)
    assert kept.value.dry_run
    assert what.facts == {"perimeterDryRun": kept.id}
    assert "would have been refused by the dry run of" in str(
        await explained(stand.universe.sealed, kept.id)
    )


async def test_a_change_counts_at_the_next_call(stand: Stand) -> None:
    await stand.set(box=around(ONE))
    await stand.refusal(asked())
    await stand.set()
    await stand.guard.check(asked())


async def test_only_so_many_violations_are_kept_and_old_ones_go(stand: Stand) -> None:
    await stand.set(box=around(ONE))
    for _ in range(KEPT_PER_SECOND_MAX + 5):
        await stand.refusal(asked())
    sealed = stand.universe.sealed
    kept = await sealed.scan(VIOLATIONS, VIOLATIONS.under(), limit=100)
    assert len(kept) == KEPT_PER_SECOND_MAX
    stand.universe.clock.advance(KEPT_SECONDS + 60)
    later = asked(time=stand.universe.clock.now)
    await stand.refusal(later)
    assert len(await sealed.scan(VIOLATIONS, VIOLATIONS.under(), limit=100)) == 1


PLACES = (ONE, TWO, THREE)


@settings(max_examples=200)
@given(
    st.lists(st.sets(st.sampled_from(PLACES), max_size=2), max_size=3),
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
)
def test_without_rules_two_projects_meet_only_where_no_perimeter_parts_them(
    perimeters: list[set[str]], one: str, other: str
) -> None:
    shapes = [
        {"name": str(index), "status": around(*inside, accessLevels=[LEVEL])["status"]}
        for index, inside in enumerate(perimeters)
    ]
    made = {str(i): msgspec.convert(shape, ServicePerimeter) for i, shape in enumerate(shapes)}
    near = msgspec.convert(
        {"basic": {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"]}]}}, AccessLevel
    )
    policy = AccessPolicy(
        number="7",
        parent="organizations/1",
        title="t",
        created=Micros(START),
        levels={"near": near},
        perimeters=made,
    )
    origin = Origin(Peer("192.0.2.1"), ROBOT, Micros(START))
    services = frozenset(("storage.googleapis.com",))
    first, second = (
        Visit((place,), place, services, frozenset(), "p", ROBOT) for place in (one, other)
    )
    before = [] if one == other else [first]
    refusal = judge(plan([policy], dry=False), second, before, origin)
    parted = any((one in inside) is not (other in inside) for inside in perimeters)
    assert (refusal is not None) is parted


async def test_beforehand_nobody_can_tell_from_which_device_a_call_comes(stand: Stand) -> None:
    await stand.set(box=around(ONE, accessLevels=["accessPolicies/7/accessLevels/laptop"]))
    foretold = await stand.guard.opinion(asked())
    assert foretold.unsure
    assert "storage.mtls" in foretold.refusal
    await stand.set(box=around(ONE, accessLevels=[LEVEL]))
    assert not (await stand.guard.opinion(asked(remote="198.51.100.9"))).unsure


async def test_buckets_are_named_in_the_explanation(stand: Stand) -> None:
    await stand.set(box=around(ONE))
    why = await stand.why(asked(resource=bucket("lab:one", "secrets")))
    assert "projects/_/buckets/secrets" in why
    assert "servicePerimeters/box" in why
