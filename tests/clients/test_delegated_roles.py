"""Somebody who may give some roles only: what they give, and no way round to give more."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.rest import Caller, Json
from support.universe import CommandFailed, Universe, program

V3 = "cloudresourcemanager/v3"
ADMIN, VIEWER, BROWSER = "roles/iam.securityAdmin", "roles/storage.objectViewer", "roles/browser"
ONLY = f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['{VIEWER}'])"
SOMEBODY = "user:ada@example.test"


@dataclass
class Delegated:
    """A project, and an account that may give one role in it."""

    admin: Caller
    delegate: Caller
    project: str
    email: str
    key: Path

    @property
    def path(self) -> str:
        return f"{V3}/projects/{self.project}"

    def policy(self, *more: Json, **changes: Any) -> Json:
        """Return the project's policy as it is, with more bindings."""
        now = self.admin.ask(
            "POST", f"{self.path}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}}
        )
        return {**now, "bindings": [*now["bindings"], *more], **changes}

    def tries(self, policy: Json, **more: Any) -> int:
        body = {"policy": policy, **more}
        return self.delegate.http.post(f"/{self.path}:setIamPolicy", json=body).status_code


def binding(role: str, *members: str, when: str = "") -> Json:
    condition = {"condition": {"title": "t", "expression": when}} if when else {}
    return {"role": role, "members": list(members), **condition}


@pytest.fixture
def delegated(admin: httpx.Client, universe: Universe, tmp_path: Path) -> Iterator[Delegated]:
    boss, id_ = Caller(admin), f"del-{uuid.uuid4().hex[:10]}"
    body = {"projectId": id_, "parent": universe.above["folders"]}
    project = boss.ask("POST", f"{V3}/projects", body)["projectId"]
    accounts = f"iam/v1/projects/{project}/serviceAccounts"
    account = boss.ask("POST", accounts, {"accountId": "delegate"})
    made = boss.ask("POST", f"iam/v1/{account['name']}/keys", {})
    key = tmp_path / "key.json"
    key.write_bytes(base64.b64decode(made["privateKeyData"]))
    me = f"serviceAccount:{account['email']}"
    given = [binding(ADMIN, me, when=ONLY), binding(BROWSER, SOMEBODY)]
    policy = {"version": 3, "bindings": given}
    boss.ask("POST", f"{V3}/projects/{project}:setIamPolicy", {"policy": policy})
    with universe.caller(universe.token(json.loads(key.read_text()))) as caller:
        yield Delegated(boss, Caller(caller), project, account["email"], key)
    boss.ask("DELETE", f"{V3}/projects/{project}")


def test_gcloud_gives_the_roles_that_may_be_given_and_no_other(
    delegated: Delegated, universe: Universe
) -> None:
    env = {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(delegated.key)}

    def gives(role: str) -> None:
        universe.run(
            program("gcloud"), "projects", "add-iam-policy-binding", delegated.project,
            f"--member={SOMEBODY}", f"--role={role}", "--condition=None", env=env,
        )  # fmt: skip

    gives(VIEWER)
    assert binding(VIEWER, SOMEBODY) in delegated.policy()["bindings"]
    with pytest.raises(CommandFailed, match="PERMISSION_DENIED"):
        gives("roles/storage.admin")
    held = delegated.delegate.ask(
        "POST",
        f"{delegated.path}:testIamPermissions",
        {"permissions": ["resourcemanager.projects.setIamPolicy"]},
    )
    assert held == {"permissions": ["resourcemanager.projects.setIamPolicy"]}


def test_no_change_of_a_policy_gives_more_than_may_be_given(delegated: Delegated) -> None:
    me = f"serviceAccount:{delegated.email}"
    now = delegated.policy()
    bare = [one for one in now["bindings"] if one["role"] != ADMIN]
    widened = ONLY.replace(VIEWER, "roles/owner")
    audited = {"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}
    refused = {
        "another role": delegated.policy(binding("roles/storage.admin", me)),
        "another beside the one": delegated.policy(
            binding(VIEWER, me), binding("roles/viewer", me)
        ),
        "its own role for ever": {**now, "bindings": [*bare, binding(ADMIN, me)]},
        "its own limit": {**now, "bindings": [*bare, binding(ADMIN, me, when=widened)]},
        "its own role to another": delegated.policy(binding(ADMIN, SOMEBODY, when=ONLY)),
        "what somebody else has": {
            **now,
            "bindings": [one for one in now["bindings"] if one["role"] != BROWSER],
        },
        "everything": {"version": 3, "bindings": [binding(VIEWER, me)]},
        "by a condition": delegated.policy(
            binding("roles/viewer", me, when="request.time != null")
        ),
        "a role in another case": delegated.policy(binding("roles/Storage.objectViewer", me)),
    }
    for what, policy in refused.items():
        assert delegated.tries(policy) in {400, 403}, what
    mask = "bindings,etag,auditConfigs"
    with_audit = delegated.policy(auditConfigs=[audited])
    assert delegated.tries(with_audit, updateMask=mask) == 403
    assert delegated.policy()["bindings"] == now["bindings"]
    given = delegated.policy(binding(VIEWER, me, SOMEBODY))
    assert delegated.tries({**given, "etag": "BwAAAAAAAAA="}) == 409
    assert delegated.tries(given) == 200
    assert delegated.tries(now | {"etag": delegated.policy()["etag"]}) == 200


def test_the_limit_holds_on_everything_below_that_has_a_policy_too(
    delegated: Delegated, admin: httpx.Client, universe: Universe
) -> None:
    me = f"serviceAccount:{delegated.email}"
    body = {"name": f"t-{uuid.uuid4().hex[:16]}", "location": universe.location}
    made = admin.post("/storage/v1/b", params={"project": delegated.project}, json=body)
    assert made.status_code == 200, made.text
    path = f"/storage/v1/b/{body['name']}"
    http = delegated.delegate.http
    now = http.get(f"{path}/iam").json()

    def sets(role: str) -> int:
        bindings = [*now["bindings"], binding(role, me)]
        return http.put(f"{path}/iam", json={"bindings": bindings}).status_code

    assert sets("roles/storage.admin") == 403
    acl = {"entity": f"user-{delegated.email}", "role": "OWNER"}
    assert http.post(f"{path}/acl", json=acl).status_code == 403
    assert http.patch(path, json={"acl": [acl]}).status_code == 403
    assert sets(VIEWER) == 200
    account = f"iam/v1/projects/{delegated.project}/serviceAccounts/{delegated.email}"
    creator = {"policy": {"bindings": [binding("roles/iam.serviceAccountTokenCreator", me)]}}
    assert http.post(f"/{account}:setIamPolicy", json=creator).status_code == 403
    assert http.post(f"/{account}:getIamPolicy").status_code == 200
    above = universe.above["folders"]
    higher = {"policy": {"bindings": [binding(VIEWER, me)]}}
    assert http.post(f"/{V3}/{above}:setIamPolicy", json=higher).status_code == 403
    admin.delete(path)
