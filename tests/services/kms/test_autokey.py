"""Autokey: a key on demand, made where the nearest setting says."""

from __future__ import annotations

from typing import Any

import pytest

from rempart import app
from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.names import ProjectId, ProjectNumber
from rempart.trust.policy.hierarchy import FOLDERS, PROJECTS, Project, State
from support.cloud_kms import DAY, LOCATION, Kms
from support.memory_engine import MemoryEngine

PROJECT, KEYS_PROJECT = "projects/lab:demo", "projects/lab:keys"
BUCKET = "storage.googleapis.com/Bucket"
MASK = {"updateMask": "keyProject"}


async def started(engine: MemoryEngine | None = None) -> tuple[Kms, str]:
    """Return a universe with a second project for keys, and the folder of both."""
    kms = await Kms.start(engine=engine)
    sealed = kms.cloud.parts.sealed
    [folder] = await sealed.scan(FOLDERS, FOLDERS.under(), limit=1)
    tx = sealed.transaction()
    tx.put(PROJECTS, "lab:keys", value=key_project(f"folders/{folder.id}"))
    await tx.commit()
    return kms, f"folders/{folder.id}"


def key_project(parent: str, state: State = State.ACTIVE) -> Project:
    id_, number = ProjectId("lab:keys"), ProjectNumber("333333333333")
    return Project(id_, number, "keys", parent, Micros(0), state=state)


async def configured(kms: Kms, folder: str, **document: str) -> dict[str, Any]:
    return await kms.ask(
        "cloudkms.folders.updateAutokeyConfig",
        {"keyProject": KEYS_PROJECT} | document,
        query=MASK,
        name=f"{folder}/autokeyConfig",
    )


async def handle(kms: Kms, id_: str = "h") -> dict[str, Any]:
    return await kms.ask(
        "keyHandles.create",
        {"resourceTypeSelector": BUCKET},
        parent=LOCATION,
        query={"keyHandleId": id_} if id_ else {},
    )


async def refusal(kms: Kms, method: str, *asked: Any, **path: Any) -> CloudError:
    with pytest.raises(CloudError) as problem:
        await kms.ask(method, *asked, **path)
    return problem.value


async def test_a_handle_makes_a_key_in_the_key_project_that_rotates_once_a_year() -> None:
    engine = MemoryEngine()
    kms, folder = await started(engine)
    config = await configured(kms, folder)
    assert (config["state"], config["keyProjectResolutionMode"]) == (
        "ACTIVE", "DEDICATED_KEY_PROJECT",
    )  # fmt: skip
    done = await handle(kms)
    assert done["done"] is True
    made = done["response"]
    assert made["@type"].endswith("google.cloud.kms.v1.KeyHandle")
    assert made["kmsKey"].startswith(
        f"{KEYS_PROJECT}/locations/u-here1/keyRings/autokey/cryptoKeys/"
    )
    assert await kms.ask("operations.get", name=done["name"]) == done
    key = await kms.ask("keyRings.cryptoKeys.get", name=made["kmsKey"])
    assert key["rotationPeriod"] == f"{365 * DAY}s"
    assert key["purpose"] == "ENCRYPT_DECRYPT"
    policy = await kms.ask("keyRings.cryptoKeys.getIamPolicy", resource=made["kmsKey"])
    [binding] = policy["bindings"]
    assert binding["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    project = await kms.cloud.parts.sealed.find(PROJECTS, PROJECTS.key("lab:demo"))
    assert project is not None
    number = project.value.number
    [member] = binding["members"]
    assert member.startswith(f"serviceAccount:service-{number}@gs-project-accounts.lab-system.")
    shown = await kms.ask("keyHandles.get", name=f"{LOCATION}/keyHandles/h")
    assert shown == {name: made[name] for name in ("name", "kmsKey", "resourceTypeSelector")}
    await kms.pass_time(366 * DAY)
    key = await kms.ask("keyRings.cryptoKeys.get", name=made["kmsKey"])
    assert key["primary"]["name"].endswith("/2")
    checks = await app.checks(engine, kms.cloud.parts)
    assert all(check.ok for check in checks), checks


async def test_every_handle_has_its_own_key_and_is_listed() -> None:
    kms, folder = await started()
    await configured(kms, folder)
    first, second = await handle(kms), await handle(kms, "")
    assert first["response"]["kmsKey"] != second["response"]["kmsKey"]
    query = {"filter": f'resource_type_selector="{BUCKET}"'}
    listed = await kms.ask("keyHandles.list", parent=LOCATION, query=query)
    assert len(listed["keyHandles"]) == 2
    query = {"filter": 'resource_type_selector="x"'}
    assert await kms.ask("keyHandles.list", parent=LOCATION, query=query) == {}
    problem = await refusal(
        kms, "keyHandles.create", {"resourceTypeSelector": BUCKET}, parent=LOCATION,
        query={"keyHandleId": "h"},
    )  # fmt: skip
    assert problem.code is Code.ALREADY_EXISTS


async def test_the_nearest_setting_counts() -> None:
    kms, folder = await started()
    effective = "cloudkms.projects.showEffectiveAutokeyConfig"
    assert await kms.ask(effective, parent=PROJECT) == {}
    await configured(kms, folder)
    shown = await kms.ask(effective, parent=PROJECT)
    assert (shown["keyProject"], shown["source"]) == (KEYS_PROJECT, {"name": folder})
    update = "cloudkms.projects.updateAutokeyConfig"
    query = {"updateMask": "keyProjectResolutionMode"}
    name = f"{PROJECT}/autokeyConfig"
    await kms.ask(update, {"keyProjectResolutionMode": "RESOURCE_PROJECT"}, query=query, name=name)
    made = (await handle(kms))["response"]
    assert made["kmsKey"].startswith(f"{PROJECT}/")
    await kms.ask(update, {"keyProjectResolutionMode": "DISABLED"}, query=query, name=name)
    shown = await kms.ask("cloudkms.folders.showEffectiveAutokeyConfig", parent=folder)
    assert shown["keyProject"] == KEYS_PROJECT
    problem = await refusal(
        kms, "keyHandles.create", {"resourceTypeSelector": BUCKET}, parent=LOCATION
    )
    assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "AUTOKEY_NOT_ENABLED")


async def test_nothing_is_made_where_nothing_is_set_or_the_key_project_is_gone() -> None:
    kms, folder = await started()
    asked = {"resourceTypeSelector": BUCKET}
    problem = await refusal(kms, "keyHandles.create", asked, parent=LOCATION)
    assert problem.code is Code.FAILED_PRECONDITION
    await configured(kms, folder)
    tx = kms.cloud.parts.sealed.transaction()
    tx.put(PROJECTS, "lab:keys", value=key_project(folder, State.DELETE_REQUESTED))
    await tx.commit()
    problem = await refusal(kms, "keyHandles.create", asked, parent=LOCATION)
    assert problem.code is Code.FAILED_PRECONDITION
    shown = await kms.ask("cloudkms.folders.getAutokeyConfig", name=f"{folder}/autokeyConfig")
    assert shown["state"] == "KEY_PROJECT_DELETED"


async def test_an_update_of_what_has_changed_meanwhile_is_aborted() -> None:
    kms, folder = await started()
    name = f"{folder}/autokeyConfig"
    seen = await kms.ask("cloudkms.folders.getAutokeyConfig", name=name)
    assert seen["state"] == "UNINITIALIZED"
    await configured(kms, folder, etag=seen["etag"])
    problem = await refusal(
        kms, "cloudkms.folders.updateAutokeyConfig", {"etag": seen["etag"]}, query=MASK, name=name
    )
    assert problem.code is Code.ABORTED
    cleared = await kms.ask("cloudkms.folders.updateAutokeyConfig", {}, query=MASK, name=name)
    assert (cleared["state"], "keyProject" in cleared) == ("UNINITIALIZED", False)


async def test_whoever_names_a_key_project_needs_power_over_its_keys() -> None:
    kms, folder = await started()
    problem = await refusal(
        kms, "cloudkms.folders.updateAutokeyConfig", {"keyProject": "projects/lab:nowhere"},
        query=MASK, name=f"{folder}/autokeyConfig",
    )  # fmt: skip
    assert problem.code is Code.PERMISSION_DENIED
    assert "cloudkms.cryptoKeys.setIamPolicy" in problem.message


@pytest.mark.parametrize(
    ("document", "query", "field"),
    [
        ({}, {}, "resourceTypeSelector"),
        ({"resourceTypeSelector": "compute.googleapis.com/Disk"}, {}, "resourceTypeSelector"),
        ({"resourceTypeSelector": BUCKET}, {"keyHandleId": "a b"}, "keyHandleId"),
        ({"resourceTypeSelector": BUCKET, "colour": "red"}, {}, "colour"),
    ],
)
async def test_a_handle_that_cannot_be_is_refused_by_the_field(
    document: dict[str, str], query: dict[str, str], field: str
) -> None:
    kms, folder = await started()
    await configured(kms, folder)
    problem = await refusal(kms, "keyHandles.create", document, parent=LOCATION, query=query)
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, field)


async def test_a_key_made_on_demand_gets_the_default_justifications() -> None:
    kms, folder = await started()
    await configured(kms, folder)
    nothing: list[str] = []
    policy = {"defaultKeyAccessJustificationPolicy": {"allowedAccessReasons": nothing}}
    await kms.ask(
        "cloudkms.projects.updateKajPolicyConfig", policy,
        query={"updateMask": "defaultKeyAccessJustificationPolicy"},
        name=f"{KEYS_PROJECT}/kajPolicyConfig",
    )  # fmt: skip
    made = (await handle(kms))["response"]
    key = await kms.ask("keyRings.cryptoKeys.get", name=made["kmsKey"])
    assert key["keyAccessJustificationsPolicy"] == {"allowedAccessReasons": []}
