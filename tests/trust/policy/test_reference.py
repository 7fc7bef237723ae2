"""Decisions equal those of the plain reference, in random clouds that change while they are asked.

A sample runs at every test run, 100,000 questions with REMPART_FAULTS=full. A difference is told
with its seed and number.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from rempart.core.names import ProjectId
from rempart.core.policy import Condition, Policy, Resource
from rempart.core.principal import ANONYMOUS, Member, Principal
from rempart.trust.custody.kind import Kind
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    POLICY_BINDINGS,
    BoundaryPolicy,
    BoundaryRule,
    PolicyBinding,
)
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from rempart.trust.policy.deny import DENY_POLICIES, DenyPolicy, DenyRule
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS, PROJECTS, State
from rempart.trust.policy.roles import ROLES
from rempart.trust.policy.roles.custom import key_parts
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot

from . import reference

FULL = os.environ.get("REMPART_FAULTS", "") in {"full", "all"}
CLOUDS = 1000 if FULL else 60
QUESTIONS = 100
CHANGE_EVERY = 7

POOL = "principalSet://iam.googleapis.com/locations/global/workforcePools/p"
CAROL = Principal(
    Member("principal://iam.googleapis.com/locations/global/workforcePools/p/subject/carol"),
    "",
    "",
    None,
    sets=(Member(f"{POOL}/*"), Member(f"{POOL}/group/g")),
)
ANNA = robot("anna")
BOB = replace(robot("bob"), project=OTHER)
CALLERS = (ANNA, BOB, CAROL, ANONYMOUS)
PLACES = ("projects/11", "projects/12", "folders/2", "folders/3", "organizations/1")
SETS = [
    f"principalSet://cloudresourcemanager.googleapis.com/{one}/type/ServiceAccount"
    for one in PLACES
]
MEMBERS = [
    ANNA.member,
    BOB.member,
    CAROL.member,
    "allUsers",
    "allAuthenticatedUsers",
    "group:g@example.com",
    f"{POOL}/*",
    f"{POOL}/group/g",
    *SETS,
    *(f"project{kind}:lab:{name}" for kind in ("Owner", "Viewer") for name in ("demo", "other")),
]
PRINCIPALS = [
    "principalSet://goog/public:all",
    *(
        f"principal://iam.googleapis.com/projects/-/serviceAccounts/{one.email}"
        for one in (ANNA, BOB)
    ),
    CAROL.member,
    f"{POOL}/group/g",
    *SETS,
]
CUSTOM = (
    "projects/lab:demo/roles/a",
    "projects/lab:other/roles/a",
    "organizations/1/roles/a",
    "organizations/9/roles/a",
)
ROLE_NAMES = [
    "roles/owner",
    "roles/viewer",
    "roles/storage.admin",
    "roles/storage.objectViewer",
    "roles/storage.objectCreator",
    "roles/unknown",
    *CUSTOM,
]
PERMISSIONS = [
    "storage.objects.get",
    "storage.objects.create",
    "storage.objects.list",
    "storage.buckets.get",
    "cloudkms.cryptoKeys.get",
    "nothing.at.all",
    *["storage.objects.get", "storage.objects.create"] * 2,
]
DENIABLE = [
    "storage.googleapis.com/objects.get",
    "storage.googleapis.com/objects.create",
    "storage.googleapis.com/objects.*",
    "storage.googleapis.com/*.get",
    "storage.googleapis.com/*.*",
    "cloudkms.googleapis.com/*.*",
]
TRUTH: dict[str, bool | None] = {
    "true": True,
    "false": False,
    'resource.name.endsWith("/a/b.txt")': True,
    'resource.type == "storage.googleapis.com/Bucket"': False,
    "resource['nope'] == 1": None,
    "1": None,
    'request.time < timestamp("2000-01-01T00:00:00Z")': False,
}
OF_WHO = 'principal.type == "iam.googleapis.com/ServiceAccount"'
OF_ANNA = 'principal.subject.startsWith("anna")'
LEVELS = {
    "organizations/1": "",
    "folders/2": "organizations/1",
    "folders/3": "folders/2",
    "projects/lab:demo": "folders/3",
    "projects/lab:other": "organizations/1",
}
PARENTS = {"projects/lab:demo": ["folders/3", "folders/2", "organizations/1", ""],
           "projects/lab:other": ["organizations/1", "folders/3"],
           "folders/3": ["folders/2", "organizations/1"]}  # fmt: skip
NUMBERS = {"projects/lab:demo": "11", "projects/lab:other": "12"}


KINDS: dict[str, Kind[Any]] = {
    "organizations": ORGANIZATIONS,
    "folders": FOLDERS,
    "projects": PROJECTS,
}


class Pair:
    """A cloud, and the same as the reference knows it: each change is made in both."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cloud = Cloud()
        self.plain = reference.World(
            levels={
                name: reference.Level(name, NUMBERS.get(name, name.split("/")[1]), parent)
                for name, parent in LEVELS.items()
            },
            roles={name: sorted(role.permissions) for name, role in ROLES.items()},
            custom={},
            denies=[],
            bound=[],
        )

    async def build(self) -> None:
        await self.cloud.build()
        for name in LEVELS:
            await self.set_policy(name)
        for _ in range(self.random.randint(0, 8)):
            await self.change()

    async def change(self) -> None:
        changes = [
            self.set_policy, self.set_role, self.set_role, self.set_deny, self.set_bound,
            self.move, self.set_state,
        ]  # fmt: skip
        await self.random.choice(changes)()

    # Each of these changes one thing.

    async def set_policy(self, name: str = "") -> None:
        name = name or self.random.choice(list(LEVELS))
        grants = self.grants(6)
        self.plain.levels[name].bindings = grants
        await self.put_level(name, policy=made(grants))

    async def set_role(self) -> None:
        name = self.random.choice(CUSTOM)
        parts = key_parts(name)
        assert parts is not None
        tx = self.cloud.sealed.transaction()
        if self.random.random() < 0.2:
            self.plain.custom.pop(name, None)
            tx.delete(CUSTOM_ROLES, *parts)
        else:
            permissions = self.some(PERMISSIONS[:6], 4)
            states = [(None, "GA"), (None, "GA"), (TIME, "GA"), (None, "DISABLED")]
            deleted, stage = self.random.choice(states)
            counts = deleted is None and stage == "GA"
            self.plain.custom[name] = reference.CustomRole(permissions, counts)
            role = CustomRole(
                permissions=frozenset(permissions), created=TIME, deleted=deleted, stage=stage
            )
            tx.put(CUSTOM_ROLES, *parts, value=role)
        await tx.commit()

    async def set_deny(self) -> None:
        level, id_ = self.random.choice(list(LEVELS)), self.random.choice("ab")
        self.plain.denies = [one for one in self.plain.denies if one.at != level]
        tx = self.cloud.sealed.transaction()
        for other in "ab":
            tx.delete(DENY_POLICIES, *level.split("/"), other)
        rules = [self.deny(level) for _ in range(self.random.choice((0, 0, 1, 1, 2)))]
        self.plain.denies += rules
        if rules:
            value = DenyPolicy(
                uid="u", etag="e", created=TIME, updated=TIME, rules=tuple(map(written, rules))
            )
            tx.put(DENY_POLICIES, *level.split("/"), id_, value=value)
        await tx.commit()

    def deny(self, level: str) -> reference.Deny:
        return reference.Deny(
            level,
            self.some(PRINCIPALS, 3),
            self.some(PRINCIPALS, 1),
            self.some(DENIABLE[:4], 1),
            self.some(DENIABLE, 1),
            self.condition(),
        )

    async def set_bound(self) -> None:
        tx = self.cloud.sealed.transaction()
        for index in range(len(self.plain.bound)):
            tx.delete(POLICY_BINDINGS, "organizations", "1", str(index))
        self.plain.bound = [self.bound() for _ in range(self.random.choice((0, 0, 1, 2)))]
        for index, one in enumerate(self.plain.bound):
            rule = BoundaryRule((), tuple(one.resources))
            boundary = BoundaryPolicy(
                uid="u", etag="e", created=TIME, updated=TIME, version="1", rules=(rule,)
            )
            binding = PolicyBinding(
                uid="u",
                etag="e",
                created=TIME,
                updated=TIME,
                target=one.target,
                organization="1",
                policy=str(index),
                policy_uid="u",
                condition=Condition(one.condition) if one.condition else None,
            )
            tx.put(BOUNDARY_POLICIES, "1", str(index), value=boundary)
            tx.put(POLICY_BINDINGS, "organizations", "1", str(index), value=binding)
        await tx.commit()

    def bound(self) -> reference.Bound:
        place = self.random.choice(PLACES)
        target = self.random.choice(
            [f"//cloudresourcemanager.googleapis.com/{place}", POOL.removeprefix("principalSet:")]
        )
        condition = self.random.choice(["", OF_WHO, OF_ANNA, "principal['nope'] == 1"])
        return reference.Bound(target, self.some(list(LEVELS), 4), condition)

    async def move(self) -> None:
        name = self.random.choice(list(PARENTS))
        self.plain.levels[name].parent = self.random.choice(PARENTS[name])
        await self.put_level(name, parent=self.plain.levels[name].parent)

    async def set_state(self) -> None:
        name = self.random.choice(list(NUMBERS))
        active = self.random.random() < 0.9
        self.plain.levels[name].active = active
        await self.put_level(name, state=State.ACTIVE if active else State.DELETE_REQUESTED)

    async def put_level(self, name: str, **changes: object) -> None:
        noun, id_ = name.split("/")
        kind = KINDS[noun]
        tx = self.cloud.sealed.transaction()
        found: Any = await tx.get(kind, id_)
        tx.put(kind, id_, value=replace(found, **changes))
        await tx.commit()

    # What is random about them.

    def some(self, of: list[str], most: int) -> list[str]:
        return self.random.sample(of, self.random.randint(0, most))

    def condition(self) -> str:
        return self.random.choice([*TRUTH, *[""] * 6])

    def grants(self, most: int) -> list[reference.Grant]:
        return [
            reference.Grant(
                self.random.choice(ROLE_NAMES), self.some(list(MEMBERS), 3), self.condition()
            )
            for _ in range(self.random.randint(0, most))
        ]

    def question(self) -> tuple[reference.Question, Principal, Resource]:
        who = self.random.choice(CALLERS)
        project = self.random.choice([DEMO, DEMO, DEMO, OTHER, OTHER, ProjectId("lab:nowhere")])
        own = [self.grants(2) for _ in range(self.random.randint(0, 2))]
        public = self.random.random() < 0.7
        account = who.member.startswith("serviceAccount:")
        truth = TRUTH | {
            OF_WHO: account,
            OF_ANNA: who is ANNA,
            "principal['nope'] == 1": None,
        }
        plain = reference.Question(
            reference.Who(
                "" if who.anonymous else who.member,
                f"projects/{who.project}" if who.project else "",
                list(who.sets),
            ),
            self.random.choice(PERMISSIONS),
            f"projects/{project}",
            own,
            public,
            truth,
        )
        target = an_object(bucket(project=project, public=public))
        return plain, who, msgspec.structs.replace(target, policies=tuple(map(made, own)))


def made(grants: list[reference.Grant]) -> Policy:
    return policy(*(bind(one.role, *one.members, when=one.condition or None) for one in grants))


def written(rule: reference.Deny) -> DenyRule:
    return DenyRule(
        principals=tuple(rule.principals),
        exempt_principals=tuple(rule.exempt),
        permissions=tuple(rule.permissions),
        exempt_permissions=tuple(rule.exempt_permissions),
        condition=Condition(rule.condition) if rule.condition else None,
    )


@pytest.mark.parametrize("block", range(10))
async def test_the_evaluator_and_the_reference_agree(block: int) -> None:
    granted = asked_in_all = 0
    for seed in range(block, CLOUDS, 10):
        pair = Pair(seed)
        await pair.build()
        for number in range(QUESTIONS):
            if number % CHANGE_EVERY == 0:
                await pair.change()
            plain, who, target = pair.question()
            expected = pair.plain.allowed(plain)
            found = await pair.cloud.decision.allowed(who, plain.permission, target, time=TIME)
            assert found is expected, (seed, number, plain)
            granted += expected
            asked_in_all += 1
    # Neither answer may be rare: a world in which everything is refused compares nothing.
    assert 0.05 < granted / asked_in_all < 0.95
