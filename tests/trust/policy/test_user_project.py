"""The project that a call names as the one whose quota it uses: only who may use it names it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rempart.core.errors import CloudError
from rempart.core.principal import ANONYMOUS, Principal
from rempart.trust.policy.apis import APIS_OFF, APIsOff, DisabledAPIs
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.user_project import UserProjectGuard
from support.agreeing import Agreeing
from support.clouds import OTHER, Cloud, bind, policy, robot
from support.guards import asked

ANNA = robot("anna", scopes=frozenset(("https://www.googleapis.com/auth/devstorage.read_only",)))
CONSUMER = "roles/serviceusage.serviceUsageConsumer"


async def stand(*off: str) -> Agreeing:
    """Return the guard of a cloud in which Anna may use the other project, and see her own.

    `off` are the APIs that are off in the other project.
    """
    consumer, viewer = bind(CONSUMER, ANNA.member), bind("roles/viewer", ANNA.member)
    cloud = await Cloud().build(other=policy(consumer), demo=policy(viewer))
    tx = cloud.sealed.transaction()
    tx.put(APIS_OFF, OTHER, value=APIsOff(frozenset(off)))
    await tx.commit()
    disabled = DisabledAPIs(cloud.sealed, "lab.example")
    return Agreeing(UserProjectGuard(cloud.sealed, cloud.decision, disabled))


def by(who: Principal, named: str, service: str = "cloudkms", **more: Any) -> Asked:
    made = asked(headers={"x-goog-user-project": named}, service=service, **more)
    return msgspec.structs.replace(made, principal=who, facts={})


async def test_who_may_use_a_project_may_name_it_and_the_log_tells_which() -> None:
    what = by(ANNA, OTHER)
    await (await stand()).check(what)
    assert what.facts == {"userProject": OTHER}


@pytest.mark.parametrize("named", ["lab:demo", "lab:none", "", " ", "a/b", "p" * 101, "*"])
async def test_anybody_else_is_refused_as_for_a_project_that_is_not_there(named: str) -> None:
    guard = await stand()
    if not named:
        return await guard.check(by(ANNA, named))
    with pytest.raises(CloudError, match="does not have required permission to use") as caught:
        await guard.check(by(ANNA, named))
    assert caught.value.status == 403
    assert caught.value.info is not None
    assert caught.value.info.reason == "USER_PROJECT_DENIED"
    assert dict(caught.value.info.metadata) == {
        "service": "cloudkms.googleapis.com",
        "consumer": f"projects/{named[:100]}",
    }
    return None


async def test_cloud_storage_has_a_parameter_and_words_of_its_own() -> None:
    guard = await stand()
    told = f"{ANNA.email} does not have serviceusage.services.use access"
    for who, text in ((ANNA, told), (ANONYMOUS, "Anonymous caller does not")):
        plain = asked(query={"userProject": "lab:demo"})
        with pytest.raises(CloudError, match=text):
            await guard.check(msgspec.structs.replace(plain, principal=who, facts={}))


async def test_the_api_that_is_called_must_be_on_in_the_project_that_is_named() -> None:
    guard = await stand("cloudkms")
    await guard.check(by(ANNA, OTHER, service="storage"))
    with pytest.raises(CloudError, match="has not been used in project 12 before") as caught:
        await guard.check(by(ANNA, OTHER))
    assert caught.value.info is not None
    assert caught.value.info.reason == "SERVICE_DISABLED"
    with pytest.raises(CloudError, match="does not have required permission to use"):
        await (await stand("cloudkms")).check(by(ANONYMOUS, OTHER))
