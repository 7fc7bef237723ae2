"""Deny policies by gcloud and by Google's Python library, and what they forbid at once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_v2
from google.oauth2 import service_account
from google.type.expr_pb2 import Expr

from support.universe import Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

MANAGER = "cloudresourcemanager.googleapis.com"
EVERYBODY = "principalSet://goog/public:all"


def client_of(universe: Universe, transport: str) -> Any:
    path = "/iam" if transport == "rest" else ""
    return iam_v2.PoliciesClient(
        credentials=service_account.Credentials.from_service_account_info(universe.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        transport=transport,
        client_options={
            "api_endpoint": f"localhost:{universe.listen}{path}",
            "universe_domain": universe.domain,
        },
    )


def point(name: str) -> str:
    return f"policies/{quote(f'{MANAGER}/{name}', safe='')}/denypolicies"


@pytest.fixture
def id_(admin: httpx.Client, universe: Universe) -> Iterator[str]:
    """Return an id for a deny policy on the project, which is gone after the test."""
    made = f"t-{uuid.uuid4().hex[:12]}"
    yield made
    admin.delete(f"/iam/v2/{point(f'projects/{universe.project}')}/{made}")


def account(universe: Universe) -> str:
    email = universe.admin_key["client_email"]
    return f"principal://iam.googleapis.com/projects/-/serviceAccounts/{email}"


def test_gcloud_makes_shows_lists_changes_and_deletes_a_deny_policy(
    universe: Universe, admin: httpx.Client, bucket: str, id_: str, tmp_path: Path
) -> None:
    gcloud = program("gcloud")
    at = [f"--attachment-point={MANAGER}/projects/{universe.project}", "--kind=denypolicies"]

    def run(verb: str, *words: str) -> Any:
        done = universe.run(gcloud, "iam", "policies", verb, *words, *at, "--format=json")
        return json.loads(done.stdout) if done.stdout.strip() else None

    rule = {
        "deniedPrincipals": [account(universe)],
        "deniedPermissions": ["storage.googleapis.com/buckets.get"],
    }
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"displayName": "No buckets", "rules": [{"denyRule": rule}]}))
    assert admin.get(f"/storage/v1/b/{bucket}").status_code == 200
    run("create", id_, f"--policy-file={file}")
    refused = admin.get(f"/storage/v1/b/{bucket}")
    assert refused.status_code == 403
    assert (
        "Permission 'storage.buckets.get' denied on resource (or it may not exist)."
        in (refused.json()["error"]["message"])
    )
    found = run("get", id_)
    assert found["rules"] == [{"denyRule": rule}]
    assert f"{id_}" in found["name"]
    assert MANAGER in found["name"]
    [listed] = run("list")["policies"]
    assert listed["name"] == found["name"]
    assert "rules" not in listed
    rule["deniedPermissions"] = ["storage.googleapis.com/objects.delete"]
    file.write_text(json.dumps({"etag": found["etag"], "rules": [{"denyRule": rule}]}))
    run("update", id_, f"--policy-file={file}")
    assert admin.get(f"/storage/v1/b/{bucket}").status_code == 200
    run("delete", id_)
    at_project = point(f"projects/{universe.project}")
    assert admin.get(f"/iam/v2/{at_project}").json() == {}


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_python_library_denies_everybody_but_one(
    shell: Universe, admin: httpx.Client, bucket: str, id_: str, transport: str
) -> None:
    client = client_of(shell, transport)
    parent = point(f"projects/{shell.project}")
    rule = iam_v2.DenyRule(
        denied_principals=[EVERYBODY],
        denied_permissions=["storage.googleapis.com/*.*"],
        exception_permissions=["storage.googleapis.com/*.list"],
        denial_condition=Expr(title="t", expression="resource.name.endsWith('/o/secret')"),
    )
    policy = iam_v2.Policy(
        display_name="d",
        annotations={"a": "b"},
        rules=[iam_v2.PolicyRule(description="r", deny_rule=rule)],
    )
    made = client.create_policy(
        iam_v2.CreatePolicyRequest(parent=parent, policy=policy, policy_id=id_)
    ).result()
    assert (made.display_name, made.annotations, made.rules) == ("d", {"a": "b"}, policy.rules)
    with pytest.raises(exceptions.Conflict):
        client.create_policy(
            iam_v2.CreatePolicyRequest(parent=parent, policy=policy, policy_id=id_)
        )
    assert admin.get(f"/storage/v1/b/{bucket}").status_code == 200
    made.rules[0].deny_rule.denial_condition = Expr()
    made.rules[0].deny_rule.denial_condition.expression = "resource['nope'] == 1"
    made = client.update_policy(iam_v2.UpdatePolicyRequest(policy=made)).result()
    # It cannot be evaluated, so the rule denies.
    assert admin.get(f"/storage/v1/b/{bucket}").status_code == 403
    assert admin.get(f"/storage/v1/b/{bucket}/o").status_code == 200
    made.rules[0].deny_rule.exception_principals.append(account(shell))
    stale = iam_v2.Policy(made)
    client.update_policy(iam_v2.UpdatePolicyRequest(policy=made)).result()
    assert admin.get(f"/storage/v1/b/{bucket}").status_code == 200
    with pytest.raises(exceptions.Conflict):
        client.update_policy(iam_v2.UpdatePolicyRequest(policy=stale))
    assert [one.name for one in client.list_policies(parent=parent)] == [made.name]
    client.delete_policy(name=made.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_policy(name=made.name)


def test_a_deny_policy_cannot_shut_out_those_who_may_take_it_back(
    universe: Universe, admin: httpx.Client, id_: str
) -> None:
    path = f"/iam/v2/{point(f'projects/{universe.project}')}"
    everything = {
        "deniedPrincipals": [EVERYBODY],
        "deniedPermissions": ["iam.googleapis.com/*.*"],
    }
    made = admin.post(path, params={"policyId": id_}, json={"rules": [{"denyRule": everything}]})
    assert made.status_code == 200, made.text
    assert made.json()["done"]
    again = admin.get(f"/iam/v2/{made.json()['name']}")
    assert again.json() == made.json()
    gone = admin.delete(f"{path}/{id_}")
    assert gone.status_code == 200, gone.text


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"deniedPrincipals": ["user:a@x.com"]}, "deniedPrincipals"),
        ({"deniedPrincipals": ["principal://goog/subject/a"]}, "deniedPrincipals"),
        ({"exceptionPrincipals": [EVERYBODY]}, "exceptionPrincipals"),
        ({"deniedPrincipals": ["principalSet://goog/group/a@x.com"]}, "Group a@x.com does not"),
        ({"deniedPermissions": ["storage.objects.get"]}, "deniedPermissions"),
        ({"deniedPermissions": ["storage.googleapis.com/objects.got"]}, "deniedPermissions"),
        ({"deniedPermissions": ["iam.googleapis.com/denypolicies.delete"]}, "deniedPermissions"),
        ({"deniedPermissions": []}, "denyRule"),
        ({"denialCondition": {"expression": "nobody"}}, "denialCondition.expression"),
        ({"denialCondition": {"expression": ""}}, "denialCondition.expression"),
    ],
)
def test_a_rule_that_would_deny_nobody_or_nothing_is_refused(
    universe: Universe, admin: httpx.Client, id_: str, rule: dict[str, Any], field: str
) -> None:
    whole: dict[str, Any] = {
        "deniedPrincipals": [EVERYBODY],
        "deniedPermissions": ["storage.googleapis.com/objects.get"],
    }
    answer = admin.post(
        f"/iam/v2/{point(f'projects/{universe.project}')}",
        params={"policyId": id_},
        json={"rules": [{"denyRule": whole | rule}]},
    )
    assert answer.status_code == 400, answer.text
    assert field in answer.text


@pytest.mark.parametrize(
    "name",
    [
        "storage.googleapis.com%2Fb",
        f"{MANAGER}%2Ftenants%2F1",
        f"{MANAGER}%2Ffolders%2Fx",
        f"{MANAGER}%2Fprojects%2F",
    ],
)
def test_what_is_no_level_takes_no_deny_policy(admin: httpx.Client, name: str) -> None:
    answer = admin.get(f"/iam/v2/policies/{name}/denypolicies")
    assert answer.status_code == 400, answer.text
