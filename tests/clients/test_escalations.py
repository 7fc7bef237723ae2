"""Ways to more rights than were given, across services, by somebody who owns a project at most.

Walked elsewhere, and not again here:

* policies and roles: `test_nobody_grants_themselves_a_role_without_the_right_to_set_policies`,
  `test_who_holds_a_custom_role_cannot_widen_it`,
  `test_who_may_update_roles_widens_them_beyond_their_own_rights` (as with Google)
* acting as an account: `test_a_chain_holds_by_each_of_its_links` (with and without
  implicitDelegation), `test_who_may_not_gets_nothing_and_learns_nothing`,
  `test_other_rights_on_an_account_are_not_the_right_to_be_it`,
  `test_nobody_signs_for_another_in_the_claims`,
  `test_nobody_makes_keys_of_an_account_by_managing_that_account`,
  `test_a_key_that_one_may_make_of_oneself_is_none_of_another`
* accounts that come back: `test_a_new_account_of_an_old_email_has_nothing_of_what_the_old_one_had`,
  `test_the_tokens_of_a_deleted_account_are_none_of_the_next_one`,
  `test_a_later_account_of_an_email_is_denied_with_the_first_but_not_exempt_with_it`
* tags: `test_who_may_not_use_a_value_cannot_bind_it_to_be_let_in`
* organization policy: `test_grpc_is_no_way_around`,
  `test_a_copy_into_a_project_is_judged_there_and_not_where_it_comes_from`,
  `test_an_upload_that_was_begun_before_the_policy_does_not_end_after_it`,
  `test_a_provider_is_neither_made_nor_turned_to_trust_another_issuer`
* moves: `test_a_move_needs_its_permission_on_both_sides`, of projects and of folders
* APIs that tell who may what: `test_nobody_can_lock_a_project_out`
* pools: `test_who_administers_one_pool_administers_no_other`,
  `test_a_pool_of_the_same_name_is_another_pool`
* perimeters: `test_a_role_on_a_policy_reaches_no_further`
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.rest import Caller
from support.universe import Universe

V3 = "cloudresourcemanager/v3"
OWNER = "roles/owner"


@dataclass
class Attack:
    """Somebody who owns a fresh project, the project, and the administrator who looks on."""

    admin: Caller
    owner: Caller
    """The attacker."""
    project: str
    me: str
    universe: Universe

    @property
    def path(self) -> str:
        return f"{V3}/projects/{self.project}"

    @property
    def organization(self) -> str:
        return self.universe.above["organizations"]

    def codes(self, verb: str, path: str, body: Any = None, **query: str) -> int:
        """Try something, and return the status of the answer."""
        return self.owner.http.request(verb, f"/{path}", params=query, json=body).status_code

    def robot(self, id_: str) -> str:
        """Make another account in the project and return its name."""
        path = f"iam/v1/projects/{self.project}/serviceAccounts"
        return str(self.admin.ask("POST", path, {"accountId": id_})["name"])


@pytest.fixture
def attack(admin: httpx.Client, universe: Universe) -> Iterator[Attack]:
    boss, id_ = Caller(admin), f"esc-{uuid.uuid4().hex[:10]}"
    body = {"projectId": id_, "parent": universe.above["folders"]}
    project = boss.ask("POST", f"{V3}/projects", body)["projectId"]
    accounts = f"iam/v1/projects/{project}/serviceAccounts"
    account = boss.ask("POST", accounts, {"accountId": "mallory"})
    made = boss.ask("POST", f"iam/v1/{account['name']}/keys", {})
    key = json.loads(base64.b64decode(made["privateKeyData"]))
    me = f"serviceAccount:{account['email']}"
    boss.grant(f"{V3}/projects/{project}", (OWNER, me))
    with universe.caller(universe.token(key)) as caller:
        yield Attack(boss, Caller(caller), project, me, universe)
    boss.ask("DELETE", f"{V3}/projects/{project}")


def test_what_binds_a_project_is_administered_by_no_role_that_its_owner_can_give(
    attack: Attack,
) -> None:
    """Organization policy, denials, boundaries, sign-in: granted in the organization alone."""
    for role in (
        *("orgpolicy.policyAdmin", "iam.denyAdmin", "iam.principalAccessBoundaryAdmin"),
        *("iam.principalAccessBoundaryUser", "iam.workforcePoolAdmin", "iam.organizationRoleAdmin"),
    ):
        policy = attack.owner.policy(attack.path)
        policy["bindings"].append({"role": f"roles/{role}", "members": [attack.me]})
        told = attack.owner.refused("POST", f"{attack.path}:setIamPolicy", {"policy": policy})
        assert "not supported for this resource" in told
    roles = f"iam/v1/projects/{attack.project}/roles"
    for permission in (
        *("orgpolicy.policy.set", "orgpolicy.policies.create", "orgpolicy.policies.update"),
        *("iam.denypolicies.delete", "iam.principalaccessboundarypolicies.unbind"),
        *("iam.workforcePoolProviders.update", "resourcemanager.organizations.setIamPolicy"),
    ):
        body = {"roleId": "wide", "role": {"includedPermissions": [permission]}}
        assert attack.codes("POST", roles, body) == 400, permission


def test_an_owner_lifts_no_organization_policy_from_the_project(attack: Attack) -> None:
    on = f"projects/{attack.project}"
    name = f"{on}/policies/gcp.resourceLocations"
    body = {"name": name, "spec": {"rules": [{"denyAll": True}]}}
    attack.admin.ask("POST", f"orgpolicy/v2/{on}/policies", body)
    reset = {"name": name, "spec": {"reset": True}}
    assert attack.codes("POST", f"orgpolicy/v2/{on}/policies", reset) == 403
    assert attack.codes("PATCH", f"orgpolicy/v2/{name}", reset) == 403
    assert attack.codes("DELETE", f"orgpolicy/v2/{name}") == 403
    # Nor by another door: a part of a batch, another version of an API.
    bucket = json.dumps({"name": attack.project.partition(":")[2], "location": "u-local1"})
    part = (
        f"POST /storage/v1/b?project={attack.project} HTTP/1.1\r\n"
        f"content-type: application/json\r\ncontent-length: {len(bucket)}\r\n\r\n{bucket}"
    )
    batch = f"--x\r\ncontent-type: application/http\r\n\r\n{part}\r\n--x--\r\n"
    sent = {"content-type": "multipart/mixed; boundary=x"}
    answer = attack.owner.http.post("/batch/storage/v1", content=batch.encode(), headers=sent)
    assert "HTTP/1.1 412" in answer.text, answer.text
    parent = {"type": "organization", "id": attack.organization.partition("/")[2]}
    moved = {"projectId": attack.project, "name": "moved", "parent": parent}
    path = f"cloudresourcemanager/v1/projects/{attack.project}"
    assert attack.codes("PUT", path, moved) == 403
    there = {"destinationParent": attack.organization}
    assert attack.codes("POST", f"{attack.path}:move", there) == 403


def test_nobody_sets_a_policy_above_or_beside_the_own_project(attack: Attack) -> None:
    policy = {"policy": {"bindings": [{"role": OWNER, "members": [attack.me]}]}}
    other = attack.universe.project
    email = attack.universe.admin_key["client_email"]
    for path in (
        f"{V3}/{attack.organization}",
        f"{V3}/{attack.universe.above['folders']}",
        f"{V3}/projects/{other}",
        f"cloudresourcemanager/v1/{attack.organization}",
        f"cloudresourcemanager/v1/projects/{other}",
        f"cloudresourcemanager/v2/{attack.universe.above['folders']}",
        f"iam/v1/projects/{other}/serviceAccounts/{email}",
        f"iam/v1/projects/-/serviceAccounts/{email}",
        f"cloudkms/v1/projects/{other}/locations/{attack.universe.location}/keyRings/absent",
    ):
        assert attack.codes("POST", f"{path}:setIamPolicy", policy) == 403, path
    assert attack.codes("PUT", "storage/v1/b/absent-bucket/iam", policy["policy"]) in {403, 404}


def test_who_is_denied_neither_changes_the_denial_nor_becomes_the_one_exempt(
    attack: Attack,
) -> None:
    exempt = attack.robot("exempt")
    accounts = "principal://iam.googleapis.com/projects/-/serviceAccounts"
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "exceptionPrincipals": [f"{accounts}/{exempt.rpartition('/')[2]}"],
        "deniedPermissions": [
            "cloudresourcemanager.googleapis.com/projects.setIamPolicy",
            *(f"iam.googleapis.com/serviceAccounts.{one}"
              for one in ("setIamPolicy", "getAccessToken", "signBlob", "signJwt")),
            "iam.googleapis.com/serviceAccountKeys.create",
        ],
    }  # fmt: skip
    at = f"cloudresourcemanager.googleapis.com%2Fprojects%2F{attack.project.replace(':', '%3A')}"
    policies = f"iam/v2/policies/{at}/denypolicies"
    attack.admin.ask("POST", policies, {"rules": [{"denyRule": rule}]}, policyId="deny-1")
    open_ = {"rules": [{"denyRule": rule | {"exceptionPrincipals": []}}]}
    assert attack.codes("PUT", f"{policies}/deny-1", open_) == 403
    assert attack.codes("DELETE", f"{policies}/deny-1") == 403
    scope = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    as_exempt = f"iamcredentials/v1/projects/-/serviceAccounts/{exempt.rpartition('/')[2]}"
    creator = {"role": "roles/iam.serviceAccountTokenCreator", "members": [attack.me]}
    for path, body in (
        (f"iam/v1/{exempt}:setIamPolicy", {"policy": {"bindings": [creator]}}),
        (f"iam/v1/{exempt}/keys", {}),
        (f"{as_exempt}:generateAccessToken", scope),
        (f"{as_exempt}:signBlob", {"payload": "YQ=="}),
        (f"{as_exempt}:signJwt", {"payload": "{}"}),
        (f"{attack.path}:setIamPolicy", {"policy": {"bindings": [creator]}}),
    ):
        assert attack.codes("POST", path, body) == 403, path
    # The account anew, under its email: another one, and not the one that is exempt.
    assert attack.codes("DELETE", f"iam/v1/{exempt}") == 200
    attack.robot("exempt")
    assert attack.codes("POST", f"iam/v1/{exempt}/keys", {}) == 403
    attack.admin.ask("DELETE", f"{policies}/deny-1")


def test_who_is_bound_takes_no_boundary_away(attack: Attack) -> None:
    where, id_ = f"iam/v3/{attack.organization}/locations/global", f"b-{uuid.uuid4().hex[:10]}"
    manager = "//cloudresourcemanager.googleapis.com"
    rule = {"resources": [f"{manager}/projects/{attack.project}"], "effect": "ALLOW"}
    body = {"details": {"rules": [rule], "enforcementVersion": "latest"}}
    made = f"{where}/principalAccessBoundaryPolicies"
    attack.admin.ask("POST", made, body, principalAccessBoundaryPolicyId=id_)
    mine = f"iam/v3/projects/{attack.project}/locations/global/policyBindings"
    target = {"principalSet": f"{manager}/projects/{attack.project}"}
    policy = f"{made.removeprefix('iam/v3/')}/{id_}"
    bound = {"target": target, "policy": policy, "policyKind": "PRINCIPAL_ACCESS_BOUNDARY"}
    attack.admin.ask("POST", mine, bound, policyBindingId=id_)
    # Even with the part of the right that a project can give.
    attack.owner.grant(attack.path, ("roles/resourcemanager.projectIamAdmin", attack.me))
    assert attack.codes("DELETE", f"{mine}/{id_}") == 403
    no = {"condition": {"expression": "principal.subject == 'nobody'"}}
    assert attack.codes("PATCH", f"{mine}/{id_}", no, updateMask="condition") == 403
    assert attack.codes("PATCH", f"{made}/{id_}", body, updateMask="details") == 403
    assert attack.codes("DELETE", f"{made}/{id_}", force="true") == 403
    attack.admin.ask("DELETE", f"{made}/{id_}", force="true")


def test_an_owner_neither_makes_nor_changes_perimeters(attack: Attack) -> None:
    """Also with the role on the project: access policies lie in the organization."""
    access = "roles/accesscontextmanager.policyAdmin"
    attack.owner.grant(attack.path, (access, attack.me))
    number = attack.owner.ask("GET", attack.path)["name"]
    body = {"parent": attack.organization, "title": "mine", "scopes": [number]}
    assert attack.codes("POST", "accesscontextmanager/v1/accessPolicies", body) == 403
    made = attack.admin.ask("POST", "accesscontextmanager/v1/accessPolicies", body)["name"]
    box = f"accesscontextmanager/v1/{made}/servicePerimeters/box"
    status = {"resources": [number], "restrictedServices": ["storage.googleapis.com"]}
    perimeter = {"name": f"{made}/servicePerimeters/box", "title": "box", "status": status}
    attack.admin.ask("POST", box.rpartition("/")[0], perimeter)
    for verb, query in (("PATCH", {"updateMask": "status"}), ("DELETE", {})):
        assert attack.codes(verb, box, perimeter if query else None, **query) == 403
    assert attack.codes("DELETE", f"accesscontextmanager/v1/{made}") == 403
    given = {"policy": {"bindings": [{"role": access, "members": [attack.me]}]}}
    assert attack.codes("POST", f"accesscontextmanager/v1/{made}:setIamPolicy", given) == 403
    attack.admin.ask("DELETE", f"accesscontextmanager/v1/{made}")


def test_a_pool_trusts_another_issuer_only_by_who_administers_pools(attack: Attack) -> None:
    """An editor of the project, and who administers its accounts, are none of those."""
    pools = f"iam/v1/projects/{attack.project}/locations/global/workloadIdentityPools"
    pool = attack.admin.ask("POST", pools, {}, workloadIdentityPoolId="cicd")["name"]
    provider = {"oidc": {"issuerUri": "https://idp.example.test"},
                "attributeMapping": {"google.subject": "assertion.sub"}}  # fmt: skip
    path = f"iam/v1/{pool}/providers"
    attack.admin.ask("POST", path, provider, workloadIdentityPoolProviderId="corp")
    evil = {"oidc": {"issuerUri": "https://evil.example.test"}}
    as_ = ("roles/editor", "roles/iam.serviceAccountAdmin", "roles/iam.workloadIdentityUser")
    policy = attack.admin.policy(attack.path)
    mine = [{"role": one, "members": [attack.me]} for one in as_]
    kept = [one for one in policy["bindings"] if attack.me not in one["members"]]
    attack.admin.set_iam(attack.path, policy | {"bindings": kept + mine})
    for mask in ("oidc", "attributeMapping", "attributeCondition"):
        assert attack.codes("PATCH", f"{path}/corp", evil, updateMask=mask) == 403
    assert attack.codes("POST", path, provider, workloadIdentityPoolProviderId="more") == 403
    assert attack.codes("POST", pools, {}, workloadIdentityPoolId="more") == 403


def test_the_mapping_of_peoples_attributes_is_changed_by_who_administers_sign_in(
    attack: Attack,
) -> None:
    id_ = f"esc-{uuid.uuid4().hex[:10]}"
    pools, body = "iam/v1/locations/global/workforcePools", {"parent": attack.organization}
    attack.admin.ask("POST", pools, body, workforcePoolId=id_)
    provider = {
        "attributeMapping": {"google.subject": "assertion.sub"},
        "oidc": {"issuerUri": "https://idp.example.test", "clientId": "c",
                 "clientSecret": {"value": {"plainText": "s"}},
                 "webSsoConfig": {"responseType": "CODE",
                                  "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS"}},
    }  # fmt: skip
    path = f"{pools}/{id_}/providers"
    attack.admin.ask("POST", path, provider, workforcePoolProviderId="corp")
    wide = {"attributeMapping": {"google.subject": "'admin'"}}
    for mask in ("attributeMapping", "oidc.issuerUri", "attributeCondition"):
        assert attack.codes("PATCH", f"{path}/corp", wide, updateMask=mask) == 403
    assert attack.codes("POST", path, provider, workforcePoolProviderId="more") == 403
    assert attack.codes("POST", pools, body, workforcePoolId=f"{id_}-2") == 403
    member = {"role": "roles/iam.workforcePoolAdmin", "members": [attack.me]}
    policy = {"policy": {"bindings": [member]}}
    assert attack.codes("POST", f"{pools}/{id_}:setIamPolicy", policy) == 403
    attack.admin.ask("DELETE", f"{pools}/{id_}")
