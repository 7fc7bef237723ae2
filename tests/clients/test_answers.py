"""Who may do what, asked with Google's own tools and with `rempart`, and answered alike."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import Any

import httpx
import pytest
from google.cloud import asset_v1, policytroubleshooter_iam_v3
from google.oauth2 import service_account

from support.universe import REMPART, Universe, program

# The libraries leave their connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

GET, READER = "storage.objects.get", "roles/storage.objectViewer"
LATE = {"title": "late", "expression": 'request.time > timestamp("2999-01-01T00:00:00Z")'}


@pytest.fixture(scope="module")
def granted(admin: httpx.Client, universe: Universe) -> str:
    """Return a bucket that the stranger may read, and the neighbour could in a thousand years."""
    name = f"t-{uuid.uuid4().hex[:16]}"
    body = {
        "name": name,
        "location": universe.location,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
    }
    made = admin.post("/storage/v1/b", params={"project": universe.project}, json=body)
    assert made.status_code == 200, made.text
    bindings = [
        {"role": READER, "members": [account(universe, "stranger")]},
        {"role": READER, "members": [account(universe, "neighbour")], "condition": LATE},
    ]
    policy = {"version": 3, "bindings": bindings}
    answer = admin.put(f"/storage/v1/b/{name}/iam", json=policy)
    assert answer.status_code == 200, answer.text
    return name


def email(universe: Universe, who: str) -> str:
    return universe.keys[who]["client_email"]


def account(universe: Universe, who: str) -> str:
    return f"serviceAccount:{email(universe, who)}"


def full(bucket: str) -> str:
    return f"//storage.googleapis.com/projects/_/buckets/{bucket}"


def gcloud(universe: Universe, *words: str) -> Any:
    return json.loads(universe.run(program("gcloud"), *words, "--format=json").stdout)


def test_gcloud_troubleshoots_with_v3(universe: Universe, granted: str) -> None:
    told = gcloud(
        universe, "policy-intelligence", "troubleshoot-policy", "iam", full(granted),
        f"--principal-email={email(universe, 'stranger')}", f"--permission={GET}",
    )  # fmt: skip
    assert told["overallAccessState"] == "CAN_ACCESS"
    [own, *_] = told["allowPolicyExplanation"]["explainedPolicies"]
    assert own["fullResourceName"] == f"//storage.googleapis.com/{granted}"
    reading, late = own["bindingExplanations"]
    assert reading["allowAccessState"] == "ALLOW_ACCESS_STATE_GRANTED"
    assert late["conditionExplanation"] == {"value": False}
    assert late["combinedMembership"]["membership"] == "MEMBERSHIP_NOT_MATCHED"


def test_gcloud_troubleshoots_with_the_older_version(universe: Universe, granted: str) -> None:
    told = gcloud(
        universe, "policy-troubleshoot", "iam", full(granted),
        f"--principal-email={email(universe, 'neighbour')}", f"--permission={GET}",
        "--request-time=2999-06-01T00:00:00Z",
    )  # fmt: skip
    assert told["access"] == "GRANTED"


def test_pythons_library_troubleshoots(shell: Universe, granted: str) -> None:
    client = policytroubleshooter_iam_v3.PolicyTroubleshooterClient(
        credentials=credentials(shell), client_options=options(shell)
    )
    who = email(shell, "neighbour")
    answer = client.troubleshoot_iam_policy(
        request={
            "access_tuple": {
                "principal": who,
                "full_resource_name": full(granted),
                "permission": "storage.googleapis.com/objects.get",
            }
        }
    )
    states = policytroubleshooter_iam_v3.TroubleshootIamPolicyResponse.OverallAccessState
    assert answer.overall_access_state == states.CANNOT_ACCESS
    late = answer.allow_policy_explanation.explained_policies[0].binding_explanations[1]
    assert late.memberships[f"serviceAccount:{who}"].membership.name == "MEMBERSHIP_MATCHED"
    assert late.condition.title == "late"
    assert answer.deny_policy_explanation.deny_access_state.name == "DENY_ACCESS_STATE_NOT_DENIED"


def test_gcloud_analyses_who_may_read(universe: Universe, granted: str) -> None:
    organization = universe.above["organizations"].partition("/")[2]
    told = gcloud(
        universe, "asset", "analyze-iam-policy", f"--organization={organization}",
        f"--full-resource-name={full(granted)}", f"--permissions={GET}",
    )  # fmt: skip
    found = json.dumps(told)
    assert account(universe, "stranger") in found
    assert account(universe, "neighbour") in found


def test_pythons_library_analyses_and_searches(shell: Universe, granted: str) -> None:
    client = asset_v1.AssetServiceClient(
        credentials=credentials(shell), client_options=options(shell)
    )
    who = account(shell, "stranger")
    answer = client.analyze_iam_policy(
        request={
            "analysis_query": {
                "scope": f"projects/{shell.project}",
                "identity_selector": {"identity": who},
                "options": {"expand_roles": True},
            }
        }
    )
    assert answer.fully_explored
    names = [one.attached_resource_full_name for one in answer.main_analysis.analysis_results]
    assert f"//storage.googleapis.com/{granted}" in names
    [result, *_] = answer.main_analysis.analysis_results
    assert GET in [one.permission for one in result.access_control_lists[0].accesses]
    found = client.search_all_iam_policies(
        request={
            "scope": f"projects/{shell.project}",
            "query": f"resource:{granted} policy:{email(shell, 'stranger')}",
        }
    )
    [policy] = list(found)
    assert [list(one.members) for one in policy.policy.bindings] == [[who]]


def test_gcloud_lists_no_recommendation_before_there_is_a_record(universe: Universe) -> None:
    told = gcloud(
        universe, "recommender", "recommendations", "list", "--location=global",
        "--recommender=google.iam.policy.Recommender", f"--project={universe.project}",
    )  # fmt: skip
    assert told == []


def test_rempart_answers_alike_with_and_without_a_server(universe: Universe, granted: str) -> None:
    who = email(universe, "stranger")
    questions = [
        ("why", who, GET, f"gs://{granted}/a"),
        ("why", email(universe, "neighbour"), GET, f"gs://{granted}"),
        ("who-can", GET, f"gs://{granted}"),
        ("what-can", who),
        ("review", "--yearly"),
    ]
    running = [rempart(universe, *one) for one in questions]
    universe.terminate()
    try:
        stopped = [rempart(universe, *one) for one in questions]
        verified = rempart(universe, "verify")
    finally:
        universe.start()
    assert [code for code, _ in running] == [code for code, _ in stopped] == [0, 1, 0, 0, 0]
    assert [timeless(one) for _, one in running] == [timeless(one) for _, one in stopped]
    assert verified[0] == 0
    assert "the role roles/storage.objectViewer, which includes it" in running[0][1]
    assert "is given only, under the condition 'late'" in running[1][1]
    assert "refused by another rule" in running[2][1]
    assert granted in running[3][1]
    assert "Digest sha256:" in running[4][1]


def rempart(universe: Universe, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [REMPART, words[0], "--data", str(universe.data), *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=universe.env,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def timeless(text: str) -> list[str]:
    return [
        one
        for one in text.splitlines()
        if not one.startswith(("Made ", "Log audit: ", "Digest ", "Certificate "))
    ]


def credentials(universe: Universe) -> service_account.Credentials:
    made: service_account.Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's is untyped
        universe.admin_key
    )
    return made


def options(universe: Universe) -> dict[str, str]:
    return {
        "api_endpoint": f"localhost:{universe.listen}",
        "universe_domain": universe.domain,
    }
