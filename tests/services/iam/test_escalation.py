"""Known ways to more rights in Google's IAM, each with the answer that this universe gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from rempart.core.call import Call, MethodId
from rempart.core.errors import CloudError, Code
from rempart.core.names import ProjectId
from rempart.core.policy import Binding
from rempart.core.principal import Member
from rempart.trust.identity.jwt import verify
from rempart.trust.policy.hierarchy import PROJECTS, State
from support.cloud_iam import (
    ACCOUNT,
    KEY,
    PROJECT,
    TOKEN_CREATOR,
    Iam,
    certificate,
    date,
    email,
    granting,
    path,
    rsa_key,
)
from support.cloud_storage import token as signed

ROLE = f"{PROJECT}/roles/keepers"
ROBOT = "serviceAccount:" + email("robot-1")


async def _robot(*roles: str) -> tuple[Iam, dict[str, str]]:
    """Return a universe with a robot that has roles on itself, its key, and a victim."""
    iam = await Iam.start()
    await iam.account("robot-1")
    await iam.account("victim")
    bindings = [{"role": role, "members": [ROBOT]} for role in roles]
    policy = {"policy": {"bindings": bindings}}
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("robot-1"), policy)
    return iam, await iam.key("robot-1")


async def _refused(
    code: Code, iam: Iam, method: str, name: str, document: dict[str, Any], key: dict[str, str]
) -> None:
    with pytest.raises(CloudError) as caught:
        await iam.ask(method, name, document, key=key)
    assert caught.value.code is code, caught.value.message


async def test_nobody_grants_themselves_a_role_without_the_right_to_set_policies() -> None:
    iam, key = await _robot("roles/iam.serviceAccountUser", "roles/iam.serviceAccountViewer")
    for target in ("robot-1", "victim"):
        body = granting("roles/iam.serviceAccountAdmin", ROBOT)
        await _refused(
            Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.setIamPolicy", path(target), body, key
        )
    bucket = {"bindings": [{"role": "roles/storage.admin", "members": [ROBOT]}]}
    await _refused(
        Code.PERMISSION_DENIED, iam, "storage.buckets.setIamPolicy", iam.cloud.bucket, bucket, key
    )


async def test_nobody_makes_keys_of_an_account_by_managing_that_account() -> None:
    """Who may administer, use or impersonate an account may not yet make keys of it."""
    iam, key = await _robot()
    roles = ("Admin", "User", "TokenCreator", "Deleter")
    bindings = [{"role": f"roles/iam.serviceAccount{one}", "members": [ROBOT]} for one in roles]
    policy = {"policy": {"bindings": bindings}}
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("victim"), policy)
    upload = {"publicKeyData": certificate(rsa_key(), date(iam.cloud.clock()))}
    await _refused(Code.PERMISSION_DENIED, iam, f"{KEY}.create", path("victim"), {}, key)
    await _refused(Code.PERMISSION_DENIED, iam, f"{KEY}.upload", path("victim"), upload, key)


async def test_a_key_that_one_may_make_of_oneself_is_none_of_another() -> None:
    iam, key = await _robot("roles/iam.serviceAccountKeyAdmin")
    await iam.ask(f"{KEY}.create", path("robot-1"), {"keyAlgorithm": "KEY_ALG_RSA_2048"}, key=key)
    for name in (path("victim"), path("victim", "projects/-")):
        await _refused(Code.PERMISSION_DENIED, iam, f"{KEY}.create", name, {}, key)


async def _keeper() -> tuple[Iam, dict[str, str]]:
    """Return a robot that holds a custom role on the project's accounts."""
    iam, key = await _robot()
    body = {"roleId": "keepers", "role": {"includedPermissions": ["iam.serviceAccounts.get"]}}
    await iam.ask("iam.projects.roles.create", PROJECT, body)
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("victim"), granting(ROLE, ROBOT))
    return iam, key


WIDER = {"includedPermissions": ["iam.serviceAccounts.get", "iam.serviceAccountKeys.create"]}


async def test_who_holds_a_custom_role_cannot_widen_it() -> None:
    iam, key = await _keeper()
    await _refused(Code.PERMISSION_DENIED, iam, "iam.projects.roles.patch", ROLE, WIDER, key)
    await _refused(Code.PERMISSION_DENIED, iam, f"{KEY}.create", path("victim"), {}, key)


async def test_who_may_update_roles_widens_them_beyond_their_own_rights() -> None:
    """As with Google: to update roles is to grant rights, and is given as such a right."""
    iam, key = await _keeper()
    await _grant_on_project(iam, "roles/iam.roleAdmin")
    await iam.ask("iam.projects.roles.patch", ROLE, WIDER, key=key)
    await iam.ask(f"{KEY}.create", path("victim"), {"keyAlgorithm": "KEY_ALG_RSA_2048"}, key=key)


async def _grant_on_project(iam: Iam, role: str) -> None:
    tx = iam.cloud.parts.sealed.transaction()
    project = await tx.get(PROJECTS, "lab:demo")
    assert project is not None
    bindings = (*project.policy.bindings, Binding(role, (Member(ROBOT),)))
    policy = replace(project.policy, bindings=bindings)
    tx.put(PROJECTS, project.id, value=replace(project, policy=policy))
    await tx.commit()


async def _set_state(iam: Iam, project: ProjectId, state: State) -> None:
    tx = iam.cloud.parts.sealed.transaction()
    found = await tx.get(PROJECTS, project)
    assert found is not None
    tx.put(PROJECTS, project, value=replace(found, state=state))
    await tx.commit()


async def test_an_account_of_a_deleted_project_has_no_rights_anywhere() -> None:
    iam, key = await _robot("roles/iam.serviceAccountViewer")
    tx = iam.cloud.parts.sealed.transaction()
    first = await tx.get(PROJECTS, "lab:demo")
    assert first is not None
    other = ProjectId("lab:other")
    tx.put(PROJECTS, other, value=replace(first, id=other))
    await tx.commit()
    elsewhere = "projects/lab:other"
    await iam.ask(f"{ACCOUNT}.create", elsewhere, {"accountId": "target"})
    target = f"{elsewhere}/serviceAccounts/target@other.lab.iam.gserviceaccount.com"
    viewer = granting("roles/iam.serviceAccountViewer", ROBOT)
    await iam.ask(f"{ACCOUNT}.setIamPolicy", target, viewer)
    await iam.ask(f"{ACCOUNT}.get", target, key=key)
    await _set_state(iam, first.id, State.DELETE_REQUESTED)
    await _refused(Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.get", target, {}, key)
    await _refused(Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.get", path("robot-1"), {}, key)
    await _set_state(iam, first.id, State.ACTIVE)
    await iam.ask(f"{ACCOUNT}.get", target, key=key)


async def _by_token(iam: Iam, bearer: str) -> bool:
    """Tell whether a token still reads the robot's own account."""
    call = iam.cloud.call("", headers={"authorization": f"Bearer {bearer}"})
    asked = _get(call)
    try:
        await iam.cloud.parts.gate.serve(asked)
    except CloudError as refusal:
        if refusal.code is not Code.UNAUTHENTICATED:
            raise
        return False
    return True


def _get(call: Call) -> Call:
    method = MethodId(f"{ACCOUNT}.get")
    return msgspec.structs.replace(call, method=method, path={"name": path("robot-1")})


async def test_the_tokens_of_an_account_end_and_come_back_with_it() -> None:
    """As with Google, a token is good while its account is: disabled, deleted, restored."""
    iam, key = await _robot("roles/iam.serviceAccountViewer")
    unique_id = (await iam.stored("robot-1")).unique_id
    parts, seconds = iam.cloud.parts, iam.cloud.clock() // 1_000_000
    mine = signed(key, seconds)
    opaque = parts.identity.tokens.mint(await verify(parts.sealed, mine, now=iam.cloud.clock()))
    for end, back, name in (
        ("disable", "enable", path("robot-1")),
        ("delete", "undelete", path(unique_id)),
    ):
        assert [await _by_token(iam, one) for one in (mine, opaque)] == [True, True]
        await iam.ask(f"{ACCOUNT}.{end}", name)
        assert [await _by_token(iam, one) for one in (mine, opaque)] == [False, False]
        await iam.ask(f"{ACCOUNT}.{back}", name)
    assert [await _by_token(iam, one) for one in (mine, opaque)] == [True, True]
    await iam.ask(f"{KEY}.delete", f"{path('robot-1')}/keys/{key['private_key_id']}")
    assert [await _by_token(iam, one) for one in (mine, opaque)] == [False, False]


async def test_the_tokens_of_a_deleted_account_are_none_of_the_next_one() -> None:
    iam, key = await _robot("roles/iam.serviceAccountViewer")
    parts = iam.cloud.parts
    mine = signed(key, iam.cloud.clock() // 1_000_000)
    opaque = parts.identity.tokens.mint(await verify(parts.sealed, mine, now=iam.cloud.clock()))
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")
    policy = granting("roles/iam.serviceAccountViewer", ROBOT)
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("robot-1"), policy)
    assert [await _by_token(iam, one) for one in (mine, opaque)] == [False, False]
    assert await iam.ask(f"{KEY}.list", path("robot-1")) == {}


async def test_impersonation_is_not_the_right_to_change_an_account() -> None:
    iam, key = await _robot()
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("victim"), granting(TOKEN_CREATOR, ROBOT))
    for method in ("delete", "disable", "setIamPolicy"):
        document = granting(TOKEN_CREATOR, ROBOT) if method == "setIamPolicy" else {}
        await _refused(
            Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.{method}", path("victim"), document, key
        )
