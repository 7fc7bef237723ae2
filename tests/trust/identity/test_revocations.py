"""Revoked tokens: refused at once and after a restart, for as long as they could have served."""

from __future__ import annotations

import asyncio

import pytest

from rempart.core.clock import Micros
from rempart.trust.identity import revocations
from rempart.trust.identity.revocations import REVOKED, ExpiredRevocations, Revocations
from rempart.trust.identity.tokens import digest_of
from support.worlds import TestUniverse

SECOND = 1_000_000


@pytest.fixture
def universe() -> TestUniverse:
    return TestUniverse()


def in_(universe: TestUniverse, seconds: int) -> Micros:
    return Micros(universe.world.clock() + seconds * SECOND)


async def stored(universe: TestUniverse) -> int:
    return len(await universe.sealed.scan(REVOKED, REVOKED.under(), limit=1000))


async def test_what_was_good_is_refused_once_it_is_revoked(universe: TestUniverse) -> None:
    held = Revocations(universe.sealed)
    assert not await held.revoked(digest_of("a"))
    await held.revoke("a", in_(universe, 60))
    assert await held.revoked(digest_of("a"))
    assert not await held.revoked(digest_of("b"))
    assert await Revocations(universe.reopened()).revoked(digest_of("a"))


async def test_whoever_looks_while_it_is_revoked_does_not_remember_it_as_good(
    universe: TestUniverse,
) -> None:
    held = Revocations(universe.sealed)

    async def looks() -> None:
        for _ in range(20):
            await held.revoked(digest_of("a"))
            await asyncio.sleep(0)

    await asyncio.gather(looks(), held.revoke("a", in_(universe, 60)), looks())
    assert await held.revoked(digest_of("a"))


async def test_however_many_somebody_revokes_nobody_else_is_kept_from_it(
    universe: TestUniverse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "GOOD_TOKENS_MAX", 8)
    held = Revocations(universe.sealed)
    for number in range(50):
        await held.revoked(digest_of(f"good {number}"))
        await held.revoke(f"t{number}", in_(universe, 60))
    assert len(held._good) <= 8
    assert await held.revoked(digest_of("t0"))
    assert not await held.revoked(digest_of("good 0"))


async def test_what_has_expired_is_swept_and_nothing_else(
    universe: TestUniverse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "_PAGE", 3)
    held = Revocations(universe.sealed)
    for number in range(10):
        await held.revoke(f"t{number}", in_(universe, 60 if number % 2 else 7200))
    universe.clock.advance(61)
    await ExpiredRevocations(universe.sealed, universe.world).run()
    assert await stored(universe) == 5
    assert await held.revoked(digest_of("t0"))
