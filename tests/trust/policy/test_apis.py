"""APIs that a project has turned off: refused at once, by Google's words, and cheap to ask."""

from __future__ import annotations

import time

import msgspec
import pytest

from rempart.core.call import Call
from rempart.core.errors import CloudError, Code
from rempart.core.method import Access
from rempart.core.names import ProjectId
from rempart.core.policy import Resource
from rempart.trust.policy.apis import ALWAYS_ON, APIS_OFF, APIsOff, DisabledAPIs
from rempart.trust.policy.guard import Asked
from support.clouds import DEMO, OTHER, Cloud, bucket, robot
from support.worlds import DOMAIN, NOW, call

NANOSECONDS_MAX = 2000


async def guarded() -> tuple[Cloud, DisabledAPIs]:
    cloud = await Cloud().build()
    return cloud, DisabledAPIs(cloud.sealed, DOMAIN)


async def turn_off(cloud: Cloud, *apis: str) -> None:
    tx = cloud.sealed.transaction()
    tx.put(APIS_OFF, DEMO, value=APIsOff(frozenset(apis)))
    await tx.commit()


def asked(permission: str, resource: Resource, service: str = "storage") -> Asked:
    at: Call = call()
    return Asked(robot("r"), permission, resource, at, Access.READ, service)


async def test_what_is_off_is_refused_as_soon_as_it_is_off() -> None:
    cloud, guard = await guarded()
    question = asked("storage.objects.get", bucket())
    await guard.check(question)
    await turn_off(cloud, "storage")
    with pytest.raises(CloudError) as refused:
        await guard.check(question)
    assert refused.value.code is Code.PERMISSION_DENIED
    info = refused.value.info
    assert info is not None
    assert (info.reason, info.domain) == ("SERVICE_DISABLED", "googleapis.com")
    told = dict(info.metadata)
    assert told["service"] == "storage.googleapis.com"
    assert told["consumer"].removeprefix("projects/").isdecimal()
    assert told["activationUrl"].startswith(f"https://serviceusage.{DOMAIN}/v1/projects/")
    await turn_off(cloud)
    await guard.check(question)


async def test_only_the_project_of_the_resource_counts() -> None:
    cloud, guard = await guarded()
    await turn_off(cloud, "storage")
    await guard.check(asked("storage.objects.get", bucket(project=OTHER)))
    await guard.check(asked("storage.objects.get", bucket(project=None)))


async def test_an_api_that_another_uses_is_refused_to_it_too() -> None:
    cloud, guard = await guarded()
    await turn_off(cloud, "cloudkms")
    with pytest.raises(CloudError, match="Cloud Key Management Service"):
        await guard.check(asked("cloudkms.cryptoKeyVersions.useToDecrypt", bucket(), "storage"))
    with pytest.raises(CloudError, match="Cloud Key Management Service"):
        await guard.check(asked("cloudkms.cryptoKeys.list", bucket(), "kmsinventory"))
    await turn_off(cloud, "kmsinventory")
    with pytest.raises(CloudError, match="KMS Inventory"):
        await guard.check(asked("cloudkms.cryptoKeys.list", bucket(), "kmsinventory"))
    await guard.check(asked("cloudkms.cryptoKeys.list", bucket(), "cloudkms"))


async def test_a_method_without_a_permission_is_refused_by_its_api() -> None:
    cloud, guard = await guarded()
    await turn_off(cloud, "storage")
    with pytest.raises(CloudError, match="Cloud Storage API"):
        await guard.check(asked("", bucket()))


async def test_use_is_remembered_by_project_and_api() -> None:
    _, guard = await guarded()
    assert guard.last_used(DEMO, "storage") is None
    await guard.check(asked("storage.objects.get", bucket()))
    assert guard.last_used(DEMO, "storage") == NOW * 1_000_000
    assert guard.last_used(OTHER, "storage") is None


async def test_a_document_that_grew_old_elsewhere_is_read_once_more() -> None:
    cloud, _ = await guarded()
    await turn_off(cloud, "storage")
    guard = DisabledAPIs(cloud.universe.reopened(), DOMAIN)
    for _ in range(2):
        with pytest.raises(CloudError):
            await guard.check(asked("storage.objects.get", bucket()))


async def test_with_nothing_disabled_it_costs_next_to_nothing() -> None:
    _, guard = await guarded()
    question = asked("storage.objects.get", bucket())
    await guard.check(question)
    best = min([await _nanoseconds(guard, question) for _ in range(20)])
    assert best < NANOSECONDS_MAX, f"{best:.0f} ns"


async def _nanoseconds(guard: DisabledAPIs, question: Asked) -> float:
    start = time.perf_counter_ns()
    for _ in range(1000):
        await guard.check(question)
    return (time.perf_counter_ns() - start) / 1000


def test_what_decides_who_may_do_what_is_always_on() -> None:
    assert {"serviceusage", "iam", "sts", "cloudresourcemanager", "orgpolicy"} <= ALWAYS_ON
    assert msgspec.msgpack.decode(APIS_OFF.encode(APIsOff()), type=APIsOff) == APIsOff()


async def test_projects_that_are_not_there_are_not_remembered() -> None:
    _, guard = await guarded()
    for number in range(100):
        absent = ProjectId(f"lab:absent-{number}")
        await guard.check(asked("", bucket(project=absent), "cloudresourcemanager"))
        assert guard.last_used(absent, "cloudresourcemanager") is None
    await guard.check(asked("", bucket(), "cloudresourcemanager"))
    assert guard.last_used(DEMO, "cloudresourcemanager") == asked("", bucket()).call.time
