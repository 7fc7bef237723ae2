"""Decisions equal those of an independent, slow model that knows no caches and no look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.names import ProjectId
from rempart.core.policy import Binding, Policy, Resource
from rempart.core.principal import ANONYMOUS, Principal
from rempart.trust.policy.roles import ROLES
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot

PRINCIPALS = [robot("anna"), robot("bob"), ANONYMOUS]
MEMBERS = [
    *(principal.member for principal in PRINCIPALS),
    "allAuthenticatedUsers",
    "group:g@example.com",
    *(f"project{kind}:lab:{name}" for kind in ("Owner", "Viewer") for name in ("demo", "other")),
]
ROLE_NAMES = [
    "roles/owner",
    "roles/viewer",
    "roles/editor",
    "roles/storage.admin",
    "roles/storage.objectViewer",
    "roles/storage.objectCreator",
    "roles/storage.legacyBucketReader",
    "roles/unknown",
]
CONDITIONS: Mapping[str | None, bool] = {
    None: True,
    "true": True,
    "false": False,
    'resource.name.endsWith("/a/b.txt")': True,
    'resource.name.endsWith("/zzz")': False,
    'resource.type == "storage.googleapis.com/Object"': True,
    "resource.nope": False,
    'request.time < timestamp("2000-01-01T00:00:00Z")': False,
}
PERMISSIONS = [
    "storage.objects.get",
    "storage.objects.create",
    "storage.objects.list",
    "storage.buckets.get",
    "storage.buckets.list",
    "storage.buckets.setIamPolicy",
    "nothing.at.all",
]
PARENTS = {DEMO: ("demo", "lower", "upper", "organization"), OTHER: ("other", "organization")}

bindings = st.builds(
    lambda role, members, when: bind(role, *members, when=when),
    st.sampled_from(ROLE_NAMES),
    st.lists(st.sampled_from(MEMBERS), max_size=3, unique=True),
    st.sampled_from(list(CONDITIONS)),
)
policies = st.lists(bindings, max_size=3).map(lambda made: policy(*made))


class Model:
    """The rules as a specification says them: any binding, on any level, grants."""

    def __init__(self, levels: Mapping[str, Policy]) -> None:
        self.levels = levels

    def allowed(self, principal: Principal, permission: str, resource: Resource) -> bool:
        for one in (*resource.policies, *self.above(resource.project)):
            for binding in one.bindings:
                role = ROLES.get(binding.role)
                if role is None or permission not in role.permissions:
                    continue
                text = binding.condition.expression if binding.condition else None
                if CONDITIONS[text] and self.named(binding, principal, public=resource.public):
                    return True
        return False

    def above(self, project: ProjectId | None) -> list[Policy]:
        assert project is not None
        return [self.levels[name] for name in PARENTS[project]]

    def named(self, binding: Binding, principal: Principal, *, public: bool) -> bool:
        return any(self.is_one(member, principal, public=public) for member in binding.members)

    def is_one(self, member: str, principal: Principal, *, public: bool) -> bool:
        if member == "allUsers":
            return public
        if member == "allAuthenticatedUsers":
            return public and not principal.anonymous
        if member.startswith("project"):
            return self.holds(member, principal)
        return member == principal.member

    def holds(self, member: str, principal: Principal) -> bool:
        kind, _, project = member.partition(":")
        role = "roles/" + kind.removeprefix("project").lower()
        return not principal.anonymous and any(
            binding.role == role
            and binding.condition is None
            and principal.member in binding.members
            for one in self.above(ProjectId(project))
            for binding in one.bindings
        )


@settings(max_examples=400, deadline=None)
@given(
    levels=st.fixed_dictionaries(
        dict.fromkeys(("organization", "upper", "lower", "demo", "other"), policies)
    ),
    own=policies,
    project=st.sampled_from([DEMO, OTHER]),
    public=st.booleans(),
)
def test_every_decision_is_the_models(
    levels: dict[str, Policy], own: Policy, project: ProjectId, *, public: bool
) -> None:
    target = an_object(bucket(*own.bindings, project=project, public=public))
    model = Model(levels)

    async def compare() -> None:
        cloud = await Cloud().build(**levels)
        for principal in PRINCIPALS:
            for permission in PERMISSIONS:
                decided = await cloud.decision.allowed(principal, permission, target, time=TIME)
                expected = model.allowed(principal, permission, target)
                assert decided is expected, (principal.member, permission)

    asyncio.run(compare())
