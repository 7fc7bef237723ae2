"""A universe whose first account was made before IAM answered."""

from __future__ import annotations

from rempart.app.founding import index_administrator
from rempart.trust.identity.accounts import ACCOUNT_ENTRIES, EMAIL_ENTRIES
from support.cloud_iam import ACCOUNT, KEY, PROJECT, Iam, email, path
from support.cloud_storage import CONFIG

ADMINISTRATOR = "administrator"


async def _as_before(iam: Iam) -> str:
    """Take the entries of the first account away, and return its unique id."""
    unique_id = (await iam.stored(ADMINISTRATOR)).unique_id
    tx = iam.cloud.parts.sealed.transaction()
    tx.delete(ACCOUNT_ENTRIES, unique_id)
    tx.delete(EMAIL_ENTRIES, "lab:demo", email(ADMINISTRATOR))
    await tx.commit()
    return unique_id


async def test_its_administrator_is_found_once_the_universe_has_started() -> None:
    iam = await Iam.start()
    unique_id = await _as_before(iam)
    assert await iam.ask(f"{ACCOUNT}.list", PROJECT) == {}
    for _ in range(2):
        parts = iam.cloud.parts
        await index_administrator(parts.sealed, CONFIG, parts.world)
    shown = await iam.ask(f"{ACCOUNT}.get", path(unique_id))
    assert (await iam.ask(f"{ACCOUNT}.list", PROJECT))["accounts"] == [shown]
    [key] = (await iam.ask(f"{KEY}.list", path(ADMINISTRATOR)))["keys"]
    assert key["name"].endswith(iam.cloud.key["private_key_id"])
    await iam.ask(f"{KEY}.create", path(ADMINISTRATOR), {"keyAlgorithm": "KEY_ALG_RSA_2048"})


async def test_an_administrator_who_was_deleted_stays_deleted() -> None:
    iam = await Iam.start()
    await iam.ask(f"{ACCOUNT}.create", PROJECT, {"accountId": "second"})
    await iam.ask(f"{ACCOUNT}.delete", path(ADMINISTRATOR))
    parts = iam.cloud.parts
    before = await parts.sealed.length("audit")
    await index_administrator(parts.sealed, CONFIG, parts.world)
    assert await parts.sealed.length("audit") == before
