from __future__ import annotations

import asyncio
import hashlib
import time

import pytest

from ekm_officers.desk import Desk
from ekm_officers.requests import CLARA_KEY, KEY, OWN_ACCESS, request
from rempart.core.errors import CloudError, Code
from rempart.core.signing import statement
from rempart.core.signing.keys import base64url, public, unbase64url
from rempart.ekm.administration import actions
from rempart.ekm.administration.administration import BLOCKS_PER_OFFICER_MAX
from rempart.ekm.administration.statements import BLOCK, EVERYTHING
from rempart.ekm.administration.steps import BLOCKS_MAX, Said, advance

POLICY = actions.AdoptPolicy(
    sha256=hashlib.sha256(OWN_ACCESS.encode()).hexdigest(), text=OWN_ACCESS
)
SIBLING = f"{KEY}-2"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SPACE = "v0/cryptospaces/paris"


async def open_desk() -> Desk:
    desk = Desk()
    await desk.decide(POLICY)
    assert desk.judgement.judge(request()).allowed
    return desk


def allowed(desk: Desk, key: str = KEY) -> bool:
    return desk.judgement.judge(request(key=key)).allowed


async def test_one_officer_blocks_a_key_and_only_that_key() -> None:
    desk = await open_desk()
    await desk.block("quentin", KEY)
    assert (allowed(desk), allowed(desk, SIBLING)) == (False, True)


@pytest.mark.parametrize("what", [SPACE, EVERYTHING])
async def test_one_officer_blocks_a_whole_space_or_everything(what: str) -> None:
    desk = await open_desk()
    await desk.block("quentin", what)
    assert (allowed(desk), allowed(desk, SIBLING)) == (False, False)


async def test_a_block_of_what_is_not_there_is_refused_and_not_taken_for_one() -> None:
    desk = await open_desk()
    with pytest.raises(CloudError, match="nothing was blocked"):
        await desk.block("quentin", "v0/cryptospaces/lyon/keys/archive")
    assert desk.state.blocks == ()


async def test_a_block_refuses_health_checks_too() -> None:
    desk = await open_desk()
    await desk.block("quentin", EVERYTHING)
    verdict = desk.judgement.judge(request(health_check=True, verb="wrap"))
    assert (verdict.allowed, verdict.code) == (False, Code.PERMISSION_DENIED)


async def test_the_first_request_after_a_block_is_refused() -> None:
    desk = await open_desk()
    said = desk.blocking("odile", KEY)
    began = time.perf_counter()
    await desk.administration.hear(said)
    refused = not allowed(desk)
    assert refused
    assert time.perf_counter() - began < 1


async def test_a_block_does_not_wait_for_a_decision_that_is_being_carried_out() -> None:
    desk = await open_desk()
    desk.ledger.may_end.clear()
    new_key = actions.CreateKey(key=SIBLING, algorithm="RSA_SIGN_PSS_4096_SHA512")
    deciding = asyncio.create_task(desk.decide(new_key))
    await desk.ledger.begun.wait()
    await desk.block("quentin", KEY)
    assert not allowed(desk)
    desk.ledger.may_end.set()
    await deciding
    assert desk.ledger.carried_out == [new_key]
    assert not allowed(desk)


async def test_lifting_a_block_takes_the_quorum() -> None:
    desk = await open_desk()
    block = await desk.block("quentin", KEY)
    proposal = await desk.propose("quentin", actions.Unblock(block=block))
    assert not allowed(desk)
    await desk.consent("odile", proposal)
    assert allowed(desk)


async def test_a_block_that_came_after_the_proposal_stays() -> None:
    desk = await open_desk()
    block = await desk.block("quentin", KEY)
    proposal = await desk.propose("odile", actions.Unblock(block=block))
    await desk.block("quentin", KEY)
    await desk.consent("pierre", proposal)
    assert not allowed(desk)


async def test_a_block_cannot_be_said_again_once_it_was_lifted() -> None:
    desk = await open_desk()
    said = desk.blocking("quentin", KEY)
    block = await desk.administration.hear(said)
    await desk.decide(actions.Unblock(block=block))
    with pytest.raises(CloudError, match="said before"):
        await desk.administration.hear(said)
    desk.now += 301
    with pytest.raises(CloudError, match="expired"):
        await desk.administration.hear(said)
    assert allowed(desk)


async def test_a_second_signature_made_of_the_first_is_the_same_block() -> None:
    desk = Desk()
    clara = actions.AddOfficer(name="clara", key=public(CLARA_KEY))
    await desk.decide(clara)
    said = statement.sign(CLARA_KEY, BLOCK, desk.content(desk.blocking("odile", KEY)))
    await desk.administration.hear(said)
    head, _, signature = said.rpartition(".")
    r, s = (unbase64url(signature)[:32], unbase64url(signature)[32:])
    twin = r + (P256_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    with pytest.raises(CloudError, match="said before"):
        await desk.administration.hear(f"{head}.{base64url(twin)}")


async def test_one_officer_who_keeps_blocking_cannot_stop_his_own_removal() -> None:
    desk = await open_desk()
    proposal = await desk.propose("odile", actions.RemoveOfficer(name="quentin"))
    for _ in range(3):
        await desk.block("quentin", EVERYTHING)
    await desk.consent("pierre", proposal)
    with pytest.raises(CloudError, match="nobody who is an officer"):
        await desk.block("quentin", EVERYTHING)


async def test_a_block_outlives_a_restart() -> None:
    desk = await open_desk()
    await desk.block("quentin", KEY)
    await desk.restart()
    assert not allowed(desk)


async def test_a_block_that_cannot_be_recorded_is_an_error_for_the_officer() -> None:
    desk = await open_desk()
    desk.disk_is_full = True
    with pytest.raises(OSError):  # noqa: PT011 - a full disk has no message here
        await desk.block("quentin", KEY)


async def test_one_officer_s_blocks_leave_room_for_those_of_the_others() -> None:
    desk = await open_desk()
    for _ in range(BLOCKS_PER_OFFICER_MAX):
        await desk.block("odile", SIBLING)
    with pytest.raises(CloudError, match="limit of one officer"):
        await desk.block("odile", SIBLING)
    await desk.block("pierre", KEY)
    assert not allowed(desk)
    await desk.block("odile", EVERYTHING)


async def test_everything_can_be_blocked_however_many_blocks_are_in_force() -> None:
    desk = await open_desk()
    state, now = desk.state, desk.now * 1_000_000
    for _ in range(BLOCKS_MAX):
        state = advance(state, Said(desk.blocking("odile", SIBLING), now))
    with pytest.raises(CloudError, match="block everything instead"):
        advance(state, Said(desk.blocking("pierre", KEY), now))
    state = advance(state, Said(desk.blocking("pierre", EVERYTHING), now))
    assert state.blocked(KEY) is not None
