"""What an answer shows to whom: what the asker may read, and no more."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
import msgspec
import pytest

from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from support.cloud_iam import ACCOUNT, KEY, PROJECT, Iam, email, granting, path

GET = "storage.buckets.get"
TROUBLE = "policytroubleshooter.iam.troubleshoot"
RING = f"{PROJECT}/locations/global/keyRings/ring"


async def troubleshoot(
    iam: Iam, who: str, permission: str, on: str, **context: Any
) -> dict[str, Any]:
    access = {"principal": who, "permission": permission, "fullResourceName": on}
    access |= {"conditionContext": context.pop("context", {})}
    return await iam.ask(TROUBLE, document={"accessTuple": access}, **context)


async def seen_by(*roles: str, at: str = PROJECT) -> tuple[Iam, dict[str, str], str]:
    """Return a universe with an asker who has roles on a level, its key, and a bucket's name."""
    iam = await Iam.start()
    await iam.account("asker-1")
    policy = {
        "bindings": [
            {"role": role, "members": [f"serviceAccount:{email('asker-1')}"]} for role in roles
        ]
    }
    await iam.ask("cloudresourcemanager.projects.setIamPolicy", at, {"policy": policy})
    key = await iam.key("asker-1")
    return iam, key, f"//storage.googleapis.com/projects/_/buckets/{iam.cloud.bucket}"


async def test_who_sees_one_policy_is_told_that_the_rest_is_unknown() -> None:
    iam, key, bucket = await seen_by("roles/storage.admin")
    told = await troubleshoot(iam, email("asker-1"), GET, bucket, key=key)
    assert told["overallAccessState"] == "UNKNOWN_INFO"
    own, *above = told["allowPolicyExplanation"]["explainedPolicies"]
    assert own["fullResourceName"].endswith(iam.cloud.bucket)
    assert above == [{"allowAccessState": "ALLOW_ACCESS_STATE_UNKNOWN_INFO"}] * 3
    assert told["denyPolicyExplanation"]["denyAccessState"] == "DENY_ACCESS_STATE_UNKNOWN_INFO"
    whole = await troubleshoot(iam, email("asker-1"), GET, bucket)
    assert whole["overallAccessState"] == "CAN_ACCESS"


async def test_a_custom_role_that_the_asker_may_not_read_is_not_told() -> None:
    iam, key, _ = await seen_by("roles/resourcemanager.projectIamAdmin")
    role = {"includedPermissions": [GET], "stage": "GA"}
    await iam.ask("iam.projects.roles.create", PROJECT, {"roleId": "mine", "role": role})
    member = f"serviceAccount:{email('asker-1')}"
    roles = ("roles/resourcemanager.projectIamAdmin", f"{PROJECT}/roles/mine")
    policy = {"bindings": [{"role": one, "members": [member]} for one in roles]}
    await iam.ask("cloudresourcemanager.projects.setIamPolicy", PROJECT, {"policy": policy})
    on = f"//cloudresourcemanager.googleapis.com/{PROJECT}"
    hidden = await troubleshoot(iam, member, GET, on, key=key)
    shown = await troubleshoot(iam, member, GET, on)
    states = [
        next(
            one
            for one in told["allowPolicyExplanation"]["explainedPolicies"][0]["bindingExplanations"]
            if one["role"].endswith("/mine")
        )["rolePermission"]
        for told in (hidden, shown)
    ]
    assert states == ["ROLE_PERMISSION_UNKNOWN_INFO", "ROLE_PERMISSION_INCLUDED"]


async def test_who_holds_a_basic_role_elsewhere_is_not_told_to_others() -> None:
    iam, key, _ = await seen_by("roles/storage.admin")
    policy = {"bindings": [{"role": "roles/storage.legacyBucketReader",
                            "members": ["projectOwner:lab:demo"]}]}  # fmt: skip
    bucket = iam.cloud.bucket
    await iam.ask("storage.buckets.setIamPolicy", bucket, policy)
    on = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    told = await troubleshoot(iam, email("administrator"), GET, on, key=key)
    [binding] = told["allowPolicyExplanation"]["explainedPolicies"][0]["bindingExplanations"]
    [member] = binding["memberships"].values()
    assert member["membership"] == "MEMBERSHIP_UNKNOWN_INFO"
    assert binding["allowAccessState"] == "ALLOW_ACCESS_STATE_UNKNOWN_INFO"


async def test_a_deny_policy_is_told_with_its_rule() -> None:
    iam, _, bucket = await seen_by("roles/storage.admin")
    who = email("asker-1")
    rule = {
        "deniedPrincipals": [f"principal://iam.googleapis.com/projects/-/serviceAccounts/{who}"],
        "deniedPermissions": ["storage.googleapis.com/buckets.get"],
    }
    await iam.ask(
        "iam.policies.createPolicy",
        "policies/cloudresourcemanager.googleapis.com%2Fprojects%2Flab:demo/denypolicies",
        {"rules": [{"denyRule": rule}]},
        query={"policyId": "no-buckets"},
    )
    told = await troubleshoot(iam, who, GET, bucket)
    assert told["overallAccessState"] == "CANNOT_ACCESS"
    assert told["allowPolicyExplanation"]["allowAccessState"] == "ALLOW_ACCESS_STATE_GRANTED"
    [level] = told["denyPolicyExplanation"]["explainedResources"]
    assert level["fullResourceName"].endswith("projects/lab:demo")
    [policy] = level["explainedPolicies"]
    assert policy["policy"]["name"].endswith("/no-buckets")
    assert policy["ruleExplanations"][0]["denyAccessState"] == "DENY_ACCESS_STATE_DENIED"


async def test_a_disabled_account_can_do_nothing_whatever_is_granted() -> None:
    iam, _, bucket = await seen_by("roles/storage.admin")
    await iam.ask(f"{ACCOUNT}.disable", path("asker-1"))
    told = await troubleshoot(iam, email("asker-1"), GET, bucket)
    assert told["overallAccessState"] == "CANNOT_ACCESS"
    assert told["otherRefusals"] == [
        {"guard": "IAM", "message": "The service account is disabled."}
    ]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("principal", "", "accessTuple.principal"),
        ("principal", "nobody", "principal"),
        ("principal", "group:ops@example.com", "principal"),
        ("permission", "storage.buckets.lick", "permission"),
        ("fullResourceName", "what is this", "fullResourceName"),
        ("fullResourceName", "", "accessTuple.fullResourceName"),
        (
            "conditionContext",
            {"source": {"certificate": "-----BEGIN CERTIFICATE-----"}},
            "accessTuple.conditionContext.source.certificate",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_field(
    name: str, value: object, field: str
) -> None:
    iam = await Iam.start()
    access = {"principal": "a@example.com", "permission": GET, "fullResourceName": PROJECT}
    with pytest.raises(CloudError) as refused:
        await iam.ask(TROUBLE, document={"accessTuple": access | {name: value}})
    assert refused.value.field == field


async def test_every_kind_of_resource_that_has_a_policy_is_found_and_told() -> None:
    iam = await Iam.start()
    bucket = iam.cloud.bucket
    await iam.account("robot-1")
    ask = iam.ask
    where = f"{PROJECT}/locations/global"
    query = {"keyRingId": "ring"}
    await ask("cloudkms.projects.locations.keyRings.create", where, query=query)
    await ask(
        "cloudkms.projects.locations.keyRings.cryptoKeys.create", RING,
        {"purpose": "ENCRYPT_DECRYPT"}, query={"cryptoKeyId": "key"},
    )  # fmt: skip
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    await ask("storage.buckets.patch", bucket, uniform)
    await ask("storage.managedFolders.insert", bucket, {"name": "f/"})
    places = iam.cloud.parts.gate.method("cloudasset.analyzeIamPolicy")[1].reviews.rights.places  # type: ignore[arg-type,attr-defined]  # a service of ours
    tx = iam.cloud.parts.sealed.transaction()
    names = [one.full async for one in places.under(PROJECT, tx)]
    assert names[0] == f"//cloudresourcemanager.googleapis.com/{PROJECT}"
    for wanted in (
        f"//storage.googleapis.com/{bucket}",
        f"//storage.googleapis.com/{bucket}/managedFolders/f/",
        f"//cloudkms.googleapis.com/{RING}",
        f"//cloudkms.googleapis.com/{RING}/cryptoKeys/key",
        f"//iam.googleapis.com/{PROJECT}/serviceAccounts/{email('robot-1')}",
    ):
        assert wanted in names
        located = await places.find(wanted, tx)
        assert located is not None
        assert located.held[0].full == wanted
        assert [one.policy for one in located.held] == list(located.resource.policies)
        assert located.resource.project == ProjectId("lab:demo")
    version = f"//cloudkms.googleapis.com/{RING}/cryptoKeys/key/cryptoKeyVersions/1"
    assert (await places.find(version, tx)).resource.name.type.endswith("CryptoKeyVersion")
    for absent in ("//storage.googleapis.com/none", f"{RING}/cryptoKeys/none", "projects/lab:no"):
        assert await places.find(absent, tx) is None


async def test_a_review_lists_who_may_act_as_technical_accounts_and_their_keys() -> None:
    iam = await Iam.start()
    await iam.account("robot-1")
    key = await iam.key("robot-1")
    body = granting("roles/iam.serviceAccountTokenCreator", "user:carol@example.com")
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("robot-1"), body)
    made = await review(iam)
    [robot] = [one for one in made["technicalAccounts"] if email("robot-1") in one["account"]]
    [carol] = [one for one in robot["actedAsBy"] if one["member"] == "user:carol@example.com"]
    assert "iam.serviceAccounts.getAccessToken" in carol["permissions"]
    ids = [one["key"] for one in made["keys"]]
    assert key["private_key_id"] in ids
    assert "rights" not in made
    assert made["complete"]
    await iam.ask(f"{KEY}.disable", f"{path('robot-1')}/keys/{key['private_key_id']}")
    later = await review(iam, period="YEARLY")
    [disabled] = [one for one in later["keys"] if one["key"] == key["private_key_id"]]
    assert not disabled["usable"]
    assert {"user:carol@example.com"} <= {one["member"] for one in later["rights"]}
    assert later["log"]["entries"] > made["log"]["entries"]
    assert later["digest"] != made["digest"]


async def test_a_review_is_signed_as_the_universe_and_verified_without_it() -> None:
    iam = await Iam.start()
    made = json.loads(json.dumps(await review(iam, period="YEARLY")))
    key = jwt.PyJWK(dict(iam.cloud.parts.issuer.public_key))
    token = made["certificate"]
    assert jwt.get_unverified_header(token)["typ"] == "rights-review+jwt"
    claims = jwt.decode(token, key.key, algorithms=["EdDSA"])
    stated = {name: claims[name] for name in claims.keys() - {"iss", "iat"}}
    assert stated == {name: made[name] for name in stated}
    assert stated.keys() == {"review", "time", "scopes", "log", "complete", "digest"}
    assert rebuilt(made) == claims["digest"]
    made["rights"] = made["rights"][1:]
    assert rebuilt(made) != claims["digest"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token[:-8] + "AAAAAAAA", key.key, algorithms=["EdDSA"])


def rebuilt(review: dict[str, Any]) -> str:
    """Return the digest as docs/spec/review.md says it is made."""
    rest = {name: one for name, one in review.items() if name not in {"digest", "certificate"}}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


async def review(iam: Iam, **query: str) -> dict[str, Any]:
    scope = {"scope": PROJECT}
    reply = await iam.cloud.parts.gate.serve(_call(iam, "cloudasset.reviewRights", scope, query))
    document = reply.document
    assert isinstance(document, dict)
    assert json.dumps(document)
    return document


def _call(iam: Iam, method: str, path_: dict[str, str], query: dict[str, str]) -> Any:
    made = iam.cloud.call("buckets.get", query, path=path_)
    return msgspec.structs.replace(made, method=method, path=path_)
