"""What the operator can hand over, as it is found in a universe that has some of everything."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rempart.core.errors import CloudError
from rempart.services.foreignrequests import assessing
from rempart.services.foreignrequests.kinds import ASSESSMENT
from rempart.trust.witness.leaf import FEED, decode
from support.cloud_kms import DAY, LOCATION, Kms
from support.register import KEEPER, PROJECT, Register

OWN = bytes(range(32))
CSEK = {
    "x-goog-encryption-algorithm": "AES256",
    "x-goog-encryption-key": base64.b64encode(OWN).decode(),
    "x-goog-encryption-key-sha256": base64.b64encode(hashlib.sha256(OWN).digest()).decode(),
}
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@pytest.fixture
async def register(tmp_path: Path) -> Register:
    return await Register.start(tmp_path)


async def a_key(register: Register) -> tuple[Kms, str]:
    """Return a software key that Cloud Storage may use."""
    kms = Kms(register.cloud)
    await kms.ask("keyRings.create", parent=LOCATION, query={"keyRingId": "ring"})
    key = await kms.key()
    found = await register.cloud.ask("projects.serviceAccount.get", path={"projectId": "lab:demo"})
    assert isinstance(found.document, dict)
    members = [f"serviceAccount:{found.document['email_address']}"]
    policy = {"bindings": [{"role": USER, "members": members}]}
    await kms.ask("keyRings.cryptoKeys.setIamPolicy", {"policy": policy}, resource=key)
    return kms, key


async def assessed(register: Register, *resources: str, **scope: Any) -> dict[str, Any]:
    names = resources or (f"gs://{register.cloud.bucket}",)
    id_ = await register.entered(
        scope={"resources": list(names), "kinds": ["content", "keys"], **scope}
    )
    return await register.ask("orders.assess", id=id_)


def reasons(found: dict[str, Any]) -> dict[str, int]:
    """Return how many objects there are for each reason."""
    return {one["why"]: one["objects"] for one in found["findings"]}


async def test_each_part_of_a_bucket_is_told_by_the_key_that_it_lies_under(
    register: Register,
) -> None:
    kms, key = await a_key(register)
    cloud = register.cloud
    await cloud.put("plain", b"x" * 10)
    await cloud.put("plain-too", b"y" * 5)
    await cloud.put("managed", b"z", kmsKeyName=key)
    await cloud.ask("objects.insert", query={"uploadType": "media", "name": "supplied"},
                    headers=CSEK, body=b"s", kind="media_upload", verb="POST")  # fmt: skip
    found = await assessed(register)
    assert reasons(found) == {"ROOT": 2, "SOFTWARE": 1, "CUSTOMER_SUPPLIED": 1}
    [root, managed, supplied] = sorted(found["findings"], key=lambda one: -one["bytes"])[:1] + [
        one for one in found["findings"] if one["why"] != "ROOT"
    ]
    assert (root["content"], root["bytes"], root["customer"]) == ("CONTENT", 15, PROJECT)
    parts = {one["why"]: one for one in (managed, supplied)}
    version = f"{key}/cryptoKeyVersions/1"
    assert (parts["SOFTWARE"]["key"], parts["SOFTWARE"]["state"]) == (version, "ENABLED")
    assert parts["SOFTWARE"]["content"] == "CONTENT"
    assert parts["CUSTOMER_SUPPLIED"]["content"] == "CIPHERTEXT_ONLY"
    assert (found["reach"], found["root"], found["whole"]) == ("CONTENT", "file", True)

    version_at = "keyRings.cryptoKeys.cryptoKeyVersions"
    body = {"state": "DISABLED"}
    await kms.ask(f"{version_at}.patch", body, query={"updateMask": "state"}, name=version)
    found = await assessed(register, f"gs://{cloud.bucket}/managed")
    assert (reasons(found), found["reach"]) == ({"SOFTWARE": 1}, "CONTENT"), "a state stops no root"
    await kms.ask(f"{version_at}.destroy", {}, name=version)
    await kms.pass_time(31 * DAY)
    found = await assessed(register, f"gs://{cloud.bucket}/managed", key)
    assert (found["reach"], reasons(found)) == ("CIPHERTEXT_ONLY", {"SOFTWARE_DESTROYED": 0})
    assert [one["objects"] for one in found["findings"]] == [1, 0]


async def test_a_scope_has_a_prefix_and_a_time(register: Register) -> None:
    await register.cloud.put("logs/a", b"1")
    register.cloud.clock.advance(DAY)
    await register.cloud.put("logs/b", b"2")
    await register.cloud.put("other", b"3")
    bucket = f"gs://{register.cloud.bucket}"
    assert reasons(await assessed(register, bucket)) == {"ROOT": 3}
    assert reasons(await assessed(register, f"{bucket}/logs/")) == {"ROOT": 2}
    begins = register.order()["received"]
    found = await assessed(register, f"{bucket}/logs/", **{"from": begins})
    assert reasons(found) == {"ROOT": 1}
    assert reasons(await assessed(register, f"{bucket}/none")) == {"EMPTY": 0}


async def test_a_whole_organization_is_looked_through_and_what_is_not_there_is_said(
    register: Register,
) -> None:
    await register.cloud.put("a", b"1")
    _, key = await a_key(register)
    account = register.people[KEEPER]["client_email"]
    stranger = "user:somebody@example.test"
    found = await assessed(
        register, PROJECT, "gs://nowhere-at-all", "projects/lab:absent",
        principals=[f"serviceAccount:{account}", stranger],
    )  # fmt: skip
    told = {(one["asked"], one["why"]) for one in found["findings"]}
    assert (PROJECT, "ROOT") in told
    assert {one for one in told if one[1] == "ABSENT"} == {
        ("gs://nowhere-at-all", "ABSENT"),
        ("projects/lab:absent", "ABSENT"),
        (stranger, "ABSENT"),
    }
    assert (f"serviceAccount:{account}", "NO_CONTENT") in told
    keys = [one["resource"] for one in found["findings"] if one["why"] == "SOFTWARE"]
    assert keys == [f"{key}/cryptoKeyVersions/1"]


async def test_counting_ends_at_its_limit_and_says_so(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        await register.cloud.put(name, b"1")
    monkeypatch.setattr(assessing, "LOOKED_AT_MAX", 2)
    found = await assessed(register)
    assert (reasons(found), found["whole"]) == ({"ROOT": 3 - 1}, False)
    monkeypatch.setattr(assessing, "FINDINGS_MAX", 1)
    monkeypatch.setattr(assessing, "LOOKED_AT_MAX", 20)
    found = await assessed(register, "gs://nowhere-1", "gs://nowhere-2")
    assert (len(found["findings"]), found["whole"]) == (1, False)


async def test_a_draft_is_made_of_the_newest_assessment_and_both_are_in_the_log(
    register: Register,
) -> None:
    await register.cloud.put("a", b"1")
    id_ = await register.entered()
    with pytest.raises(CloudError) as problem:
        await register.ask("orders.answer", id=id_)
    assert problem.value.reason == "NOT_ASSESSED"
    found = await register.ask("orders.assess", id=id_)
    kept = await register.cloud.parts.sealed.find(ASSESSMENT, ASSESSMENT.key(id_))
    assert kept is not None
    assert kept.value.digest == found["digest"]
    drafts = {
        language: await register.ask("orders.answer", query={"language": language}, id=id_)
        for language in ("en", "fr")
    }
    with pytest.raises(CloudError) as problem:
        await register.ask("orders.answer", query={"language": "tlh"}, id=id_)
    assert problem.value.field == "language"
    assert "clé racine" in drafts["fr"]["text"]
    assert "root key" in drafts["en"]["text"]
    entries = await register.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    facts = json.dumps([dict(decode(one.content).facts) for one in entries])
    for draft in drafts.values():
        assert found["digest"] in draft["text"]
        assert hashlib.sha256(draft["text"].encode()).hexdigest() in facts
    assert f'"assessment": "{found["digest"]}"' in facts


async def test_an_assessment_tells_no_name_of_an_object(register: Register) -> None:
    await register.cloud.put("a-name-that-nobody-asked-for", b"1")
    assert "nobody-asked-for" not in json.dumps(await assessed(register, PROJECT))
