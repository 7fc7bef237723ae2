"""Making service accounts and keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.names import ProjectId, ServiceAccountEmail
from rempart.trust.identity.accounts import (
    ACCOUNTS,
    ServiceAccountKey,
    create_account,
    email_of,
    new_key,
    project_of,
)
from support.worlds import DOMAIN, TestUniverse

DEMO = ProjectId("lab:demo")


async def test_an_account_comes_back_from_the_store_as_it_was_made() -> None:
    universe = TestUniverse()
    write = universe.sealed.transaction()
    made = await create_account(write, "robot-1", DEMO, display_name="Robot", world=universe.world)
    await write.commit()
    found = await universe.reopened().find(ACCOUNTS, ACCOUNTS.key(made.email))
    assert found is not None
    assert found.value == made
    assert made.unique_id.isdigit()
    assert len(made.unique_id) == 21


@pytest.mark.parametrize(
    "name", ["", "short", "x" * 31, "1robot", "-robot", "robot-", "Robot-1", "ro bot", "robot\n1"]
)
async def test_a_malformed_account_id_is_refused(name: str) -> None:
    universe = TestUniverse()
    with pytest.raises(CloudError) as caught:
        await create_account(universe.sealed.transaction(), name, DEMO, world=universe.world)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, "accountId")


async def test_an_email_is_given_once() -> None:
    universe = TestUniverse()
    write = universe.sealed.transaction()
    await create_account(write, "robot-1", DEMO, world=universe.world)
    with pytest.raises(CloudError) as caught:
        await create_account(write, "robot-1", DEMO, world=universe.world)
    assert caught.value.code is Code.ALREADY_EXISTS


@given(st.from_regex(r"([a-z][a-z0-9.-]{0,20}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True))
def test_the_project_of_an_account_is_read_from_its_email(project: str) -> None:
    assert project_of(email_of("robot-1", ProjectId(project))) == project


@pytest.mark.parametrize("email", ["", "anna@example.com", "x@gserviceaccount.com", "x"])
def test_other_emails_are_of_no_project(email: str) -> None:
    assert project_of(email) is None


async def test_no_key_is_made_for_an_account_that_is_not_there() -> None:
    universe = TestUniverse()
    with pytest.raises(CloudError) as caught:
        await new_key(
            universe.sealed.transaction(),
            ServiceAccountEmail("x@y"),
            domain=DOMAIN,
            world=universe.world,
        )
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("disabled", "expires", "usable"),
    [(False, None, True), (True, None, False), (False, 101, True), (False, 100, False)],
)
def test_when_a_key_may_sign(expires: int | None, *, disabled: bool, usable: bool) -> None:
    ends = None if expires is None else Micros(expires)
    key = ServiceAccountKey(
        "k", ServiceAccountEmail("x@y"), "1", b"", Micros(0), disabled=disabled, expires=ends
    )
    assert key.usable(Micros(100)) is usable
