"""How long a sign-in lasts, by a clock that the test sets."""

from __future__ import annotations

import base64
import hashlib

import pytest
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.services.auth.sessions import CODE_SECONDS, SignIns
from rempart.services.auth.sweep import KEPT_SECONDS, EndedSessions
from rempart.services.auth.tickets import AuthorizationRequest
from rempart.trust.identity.federation.federation import Admitted
from rempart.trust.identity.federation.mapping import Attributes
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS, Pool, Provider, Restrictions
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.workforce.documents import SESSIONS
from rempart.trust.witness.leaf import FEED, decode
from support.worlds import START, TestUniverse, call

POOL = "locations/global/workforcePools/people"
PROVIDER = f"{POOL}/providers/corp"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
BACK = "http://localhost:8085/"
REQUEST = AuthorizationRequest("client", BACK, "", CHALLENGE, ("openid",))
FORM = {"code_verifier": VERIFIER, "redirect_uri": BACK}
HOUR = 3600


class Stand:
    def __init__(self) -> None:
        self.universe = TestUniverse()
        self.sealed = self.universe.sealed
        self.sign_ins = SignIns(self.sealed, self.universe.world)
        self.pool = Pool(POOL, "organizations/1", "uid", START, session_seconds=HOUR)

    async def set(self, pool: Pool) -> None:
        self.pool = pool
        tx = self.sealed.transaction()
        tx.put(POOLS, POOL, value=pool)
        tx.put(PROVIDERS, POOL, "corp", value=Provider(PROVIDER, START))
        await tx.commit()

    async def browser(self) -> str:
        admitted = Admitted(self.pool, PROVIDER, Attributes("alice", ("g",)))
        return await self.sign_ins.begin(admitted, PROVIDER, call())

    async def code(self) -> str:
        session = await self.sign_ins.current(await self.browser())
        assert session is not None
        return await self.sign_ins.code(session, REQUEST, call())

    async def program(self) -> str:
        form = FORM | {"code": await self.code()}
        return (await self.sign_ins.exchange(form, "client", call()))[0]

    async def lives(self, refresh: str) -> bool:
        try:
            await self.sign_ins.refreshed(refresh, "client", call())
        except Rejected:
            return False
        return True


@pytest.fixture
async def stand() -> Stand:
    made = Stand()
    await made.set(made.pool)
    return made


async def test_a_refresh_token_is_refused_after_the_pools_session_length(stand: Stand) -> None:
    refresh = await stand.program()
    stand.universe.clock.advance(HOUR - 1)
    assert await stand.lives(refresh)
    stand.universe.clock.advance(1)
    assert not await stand.lives(refresh)


async def test_a_length_that_is_shortened_counts_for_sessions_that_began_before(
    stand: Stand,
) -> None:
    refresh = await stand.program()
    stand.universe.clock.advance(HOUR / 2)
    assert await stand.lives(refresh)
    await stand.set(replace(stand.pool, session_seconds=900))
    assert not await stand.lives(refresh)


async def test_a_pool_that_admits_no_programs_any_more_ends_those_that_are_there(
    stand: Stand,
) -> None:
    refresh = await stand.program()
    await stand.set(replace(stand.pool, restrictions=Restrictions(no_programs=True)))
    assert not await stand.lives(refresh)


async def test_a_later_program_lasts_no_longer_than_the_sign_in_that_it_came_of(
    stand: Stand,
) -> None:
    secret = await stand.browser()
    stand.universe.clock.advance(HOUR - 60)
    session = await stand.sign_ins.current(secret)
    assert session is not None
    form = FORM | {"code": await stand.sign_ins.code(session, REQUEST, call())}
    _, handed = await stand.sign_ins.exchange(form, "client", call())
    assert handed.session.ends == START + HOUR * 1_000_000
    stand.universe.clock.advance(60)
    assert await stand.sign_ins.current(secret) is None


async def test_a_code_is_good_for_five_minutes(stand: Stand) -> None:
    form = FORM | {"code": await stand.code()}
    stand.universe.clock.advance(CODE_SECONDS)
    with pytest.raises(Rejected):
        await stand.sign_ins.exchange(form, "client", call())


async def test_a_later_pool_of_the_same_name_is_another(stand: Stand) -> None:
    refresh = await stand.program()
    await stand.set(replace(stand.pool, uid="another"))
    assert not await stand.lives(refresh)


async def test_every_step_is_in_the_log(stand: Stand) -> None:
    refresh = await stand.program()
    await stand.lives(refresh)
    await stand.sign_ins.revoke(refresh, call())
    entries = await stand.sealed.entries(FEED, 0, limit=100)
    leaves = [decode(one.content) for one in entries]
    assert [leaf.method for leaf in leaves] == [
        "auth.signIn",
        "auth.authorize",
        "sts.exchange",
        "sts.refresh",
        "sts.revoke",
    ]
    assert {leaf.principal for leaf in leaves} == {
        f"principal://iam.googleapis.com/{POOL}/subject/alice"
    }
    assert refresh not in str(leaves)


async def test_a_provider_may_ask_for_detail_in_the_log(stand: Stand) -> None:
    tx = stand.sealed.transaction()
    tx.put(PROVIDERS, POOL, "corp", value=Provider(PROVIDER, START, detailed_log=True))
    await tx.commit()
    await stand.browser()
    [entry] = await stand.sealed.entries(FEED, 0, limit=10)
    assert decode(entry.content).facts["google.groups"] == "g"


async def test_ended_sessions_are_removed_a_day_later(stand: Stand) -> None:
    await stand.program()
    sweep = EndedSessions(stand.sealed, stand.universe.world)
    stand.universe.clock.advance(HOUR + KEPT_SECONDS - 1)
    await stand.browser()
    await sweep.run()
    assert len(await stand.sealed.scan(SESSIONS, SESSIONS.under(), limit=10)) == 3
    stand.universe.clock.advance(1)
    await sweep.run()
    [left] = await stand.sealed.scan(SESSIONS, SESSIONS.under(), limit=10)
    assert left.value.started > Micros(START)
