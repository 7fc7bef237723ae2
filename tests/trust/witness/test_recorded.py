"""What is on record: refusals, reads of classified data, what audit configurations want."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import structs

from rempart.core.call import Reply
from rempart.core.errors import CloudError
from rempart.engine.seam import Append, Committed, OutOfSpace
from rempart.tlog.tree import leaf_hash
from rempart.trust.witness.leaf import FEED, OUTCOME, REFUSAL, USE, Leaf, decode
from rempart.trust.witness.recorder import (
    ENTRIES_A_COMMIT_MAX,
    PRINCIPALS_COUNTED_MAX,
    RECEIPT_HEADER,
    REFUSALS_PER_SECOND_MAX,
    Recorder,
)
from support.cloud_storage import Cloud
from support.manager import Manager
from support.worlds import SetClock, TestUniverse

READ: dict[str, Any] = {"query": {"alt": "media"}, "path": {"object": "a"}}
NOBODY = {"authorization": ""}


async def leaves(cloud: Cloud) -> list[Leaf]:
    found = await cloud.parts.sealed.entries(FEED, 0, limit=5000)
    return [decode(one.content) for one in found]


async def reads(cloud: Cloud) -> list[Leaf]:
    return [one for one in await leaves(cloud) if one.kind == USE]


async def audited(manager: Manager, *configs: dict[str, Any]) -> None:
    project = "projects/lab:demo"
    policy = await manager.ask("projects.getIamPolicy", resource=project)
    policy |= {"auditConfigs": list(configs)}
    asked = {"policy": policy, "updateMask": "auditConfigs,etag"}
    await manager.ask("projects.setIamPolicy", asked, resource=project)


def wanting(log: str, service: str = "storage.googleapis.com", *exempted: str) -> dict[str, Any]:
    one: dict[str, Any] = {"logType": log}
    return {"service": service, "auditLogConfigs": [one | {"exemptedMembers": list(exempted)}]}


def receipt(reply: Reply) -> tuple[str, int, str]:
    [value] = [value for name, value in reply.headers if name == RECEIPT_HEADER]
    feed, index, leaf = value.split("/")
    return feed, int(index), leaf


async def test_a_read_of_ordinary_data_leaves_no_entry() -> None:
    cloud = await Cloud.start()
    await cloud.put("a", b"x")
    await cloud.ask("objects.get", **READ)
    assert await reads(cloud) == []


@pytest.mark.parametrize("label", ["sensitive", "restreint", "who-knows"])
async def test_each_read_of_classified_data_is_on_record(label: str) -> None:
    labels = {"rempart-sensitivity": label}
    if label == "who-knows":
        cloud = await Cloud.start()
        with pytest.raises(CloudError):
            await cloud.use_new_bucket(labels=labels)
        return
    cloud = await Cloud.start(labels=labels)
    await cloud.put("a", b"x")
    reply = await cloud.ask("objects.get", **READ)
    [read] = await reads(cloud)
    assert (read.method, read.access, read.container) == (
        "storage.objects.get",
        "DATA_READ",
        "projects/lab:demo",
    )
    assert read.resource == f"projects/_/buckets/{cloud.bucket}/objects/a"
    assert read.principal == f"serviceAccount:{cloud.key['client_email']}"
    feed, index, leaf = receipt(reply)
    [entry] = await cloud.parts.sealed.entries(feed, index, limit=1)
    assert leaf_hash(entry.commitment).hex() == leaf
    await cloud.ask("buckets.get")
    assert len(await reads(cloud)) == 1


async def test_what_an_audit_configuration_wants_is_on_record_but_for_the_exempted() -> None:
    manager = await Manager.start()
    cloud = manager.cloud
    await cloud.put("a", b"x")
    me = f"serviceAccount:{cloud.key['client_email']}"
    for configs, count in (
        ((wanting("DATA_READ"),), 1),
        ((wanting("DATA_READ", "allServices"),), 2),
        ((wanting("DATA_READ", "cloudkms.googleapis.com"),), 2),
        ((wanting("ADMIN_READ"),), 2),
        ((wanting("DATA_READ", "allServices", me),), 2),
        ((wanting("DATA_READ"), wanting("DATA_READ", "allServices", me)), 2),
    ):
        await audited(manager, *configs)
        await cloud.ask("objects.get", **READ)
        assert len([one for one in await reads(cloud) if one.access == "DATA_READ"]) == count


async def test_a_read_that_cannot_be_recorded_is_not_answered() -> None:
    cloud = await Cloud.start(labels={"rempart-sensitivity": "restricted"})
    await cloud.put("a", b"x")

    async def full(_: object) -> None:
        raise OutOfSpace

    cloud.parts.sealed.append = full  # type: ignore[method-assign,assignment]
    with pytest.raises(CloudError) as problem:
        await cloud.ask("objects.get", **READ)
    assert problem.value.status == 507


async def test_each_refusal_is_on_record_with_what_was_told() -> None:
    cloud = await Cloud.start()
    with pytest.raises(CloudError) as problem:
        await cloud.ask("objects.get", headers=NOBODY, **READ)
    last = (await leaves(cloud))[-1]
    assert (last.kind, last.status, last.principal) == (REFUSAL, 401, "allUsers")
    assert last.message == problem.value.message
    _, index, leaf = receipt(Reply(headers=problem.value.headers))
    [entry] = await cloud.parts.sealed.entries(FEED, index, limit=1)
    assert leaf_hash(entry.commitment).hex() == leaf
    with pytest.raises(CloudError):
        await cloud.ask("objects.get", headers={"authorization": "Bearer nonsense"}, **READ)
    last = (await leaves(cloud))[-1]
    assert (last.kind, last.status, last.principal) == (REFUSAL, 401, "allUsers")


async def test_what_was_asked_for_and_is_not_there_is_no_refusal() -> None:
    cloud = await Cloud.start()
    before = len(await leaves(cloud))
    with pytest.raises(CloudError):
        await cloud.ask("objects.get", **READ)
    assert len(await leaves(cloud)) == before


async def test_names_and_agents_cannot_write_entries_of_their_own() -> None:
    cloud = await Cloud.start()
    name = 'a","kind":"outcome","principal":"user:somebody"}\u2028'
    agent = {"user-agent": 'x"}\n{"kind":"event"} ' + "y" * 5000}
    await cloud.ask(
        "objects.insert",
        query={"uploadType": "media", "name": name},
        headers=agent,
        kind="media_upload",
        verb="POST",
    )
    last = (await leaves(cloud))[-1]
    assert (last.kind, last.resource.endswith("\u2028")) == (OUTCOME, True)
    assert len(last.agent) == 200


def refusal(principal: str) -> Leaf:
    return Leaf(kind=REFUSAL, time=0, request="r", method="m", principal=principal)


async def test_refusals_beyond_the_limit_are_counted_by_principal() -> None:
    universe = TestUniverse()
    recorder = Recorder(universe.sealed, universe.clock)
    for _ in range(REFUSALS_PER_SECOND_MAX + 7):
        await recorder.refused(refusal("a"))
    await recorder.refused(refusal("b"))
    assert await universe.sealed.length(FEED) == REFUSALS_PER_SECOND_MAX + 1
    universe.clock.advance(1)
    await recorder.settle()
    await recorder.settle()
    [entry] = await universe.sealed.entries(FEED, REFUSALS_PER_SECOND_MAX + 1, limit=10)
    summary = decode(entry.content)
    assert (summary.principal, summary.facts) == ("a", {"refusals": "7"})


async def test_ever_new_names_are_counted_together() -> None:
    universe = TestUniverse()
    recorder = Recorder(universe.sealed, universe.clock)
    for number in range(PRINCIPALS_COUNTED_MAX + 50):
        await recorder.refused(refusal(f"p{number}"))
    most = PRINCIPALS_COUNTED_MAX + REFUSALS_PER_SECOND_MAX
    assert await universe.sealed.length(FEED) == most


async def test_a_store_that_takes_no_entry_hinders_no_refusal() -> None:
    universe = TestUniverse(clock=SetClock())
    recorder = Recorder(universe.sealed, universe.clock)

    async def full(_: object) -> None:
        raise OutOfSpace

    universe.sealed.append = full  # type: ignore[method-assign,assignment]
    await recorder.refused(refusal("a"))


async def test_entries_that_come_at_once_share_commits_and_each_has_its_receipt() -> None:
    cloud = await Cloud.start()
    recorder, sealed = cloud.parts.recorder, cloud.parts.sealed
    last = (await leaves(cloud))[-1]
    commits = 0
    append = sealed.append

    async def counted(appends: tuple[Append, ...]) -> Committed:
        nonlocal commits
        commits += 1
        return await append(appends)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "append", counted)
        made = [structs.replace(last, request=f"r{n}") for n in range(ENTRIES_A_COMMIT_MAX + 9)]
        receipts = await asyncio.gather(*map(recorder.put, made))
    assert commits <= 4
    for leaf, (_, given) in zip(made, receipts, strict=True):
        feed, index, hashed = given.split("/")
        [entry] = await sealed.entries(feed, int(index), limit=1)
        assert decode(entry.content) == leaf
        assert leaf_hash(entry.commitment).hex() == hashed


async def test_all_who_wait_for_a_commit_that_fails_are_told_and_later_ones_go_on() -> None:
    cloud = await Cloud.start()
    recorder, sealed = cloud.parts.recorder, cloud.parts.sealed
    last = (await leaves(cloud))[-1]

    async def full(_appends: tuple[Append, ...]) -> Committed:
        raise OutOfSpace("no space")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "append", full)
        told = await asyncio.gather(*(recorder.put(last) for _ in range(9)), return_exceptions=True)
    assert [type(one) for one in told] == [OutOfSpace] * 9
    await recorder.put(last)
