from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest

from ekm_officers.desk import KEYS, Desk, signatory
from ekm_officers.requests import (
    ALICE_KEY,
    APPROVERS,
    BRUNO_KEY,
    KEY,
    OWN_ACCESS,
    approval,
    request,
)
from rempart.core.errors import CloudError
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory, public
from rempart.ekm.administration import actions
from rempart.ekm.administration.administration import PENDING_PER_OFFICER_MAX
from rempart.ekm.administration.decisions import OFFICERS_MAX, decided
from rempart.ekm.administration.statements import (
    CONSENT,
    PROMPT_SECONDS_MAX,
    PROPOSAL,
    PROPOSAL_SECONDS_MAX,
    SKEW_SECONDS,
    STATEMENT_CHARS_MAX,
    Enrolment,
    digest,
)
from rempart.ekm.administration.steps import PENDING_MAX, Begun, Done, Said, advance, enrolled
from rempart.ekm.approvals.approval import sign

ADD_ROSA = actions.AddOfficer(name="rosa", key=signatory("rosa").key)
NEW_KEY = actions.CreateKey(key=KEY, algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION")


def adopt(text: str) -> actions.AdoptPolicy:
    return actions.AdoptPolicy(sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def names(desk: Desk) -> list[str]:
    return [officer.name for officer in desk.state.officers]


async def test_two_of_three_officers_decide() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    assert "rosa" not in names(desk)
    await desk.consent("quentin", proposal)
    assert "rosa" in names(desk)
    assert desk.state.pending == ()


async def test_the_only_officer_decides_alone() -> None:
    desk = Desk(officers=("odile",), quorum=1)
    await desk.propose("odile", ADD_ROSA)
    assert names(desk) == ["odile", "rosa"]


async def test_nobody_consents_twice() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    with pytest.raises(CloudError, match="odile has consented already"):
        await desk.consent("odile", proposal)
    assert "rosa" not in names(desk)


async def test_a_stranger_neither_proposes_nor_consents_nor_blocks_nor_looks() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    for token in (
        desk.proposal("rosa", ADD_ROSA),
        desk.consenting("rosa", proposal),
        desk.blocking("rosa", "*"),
        desk.looking("rosa"),
    ):
        with pytest.raises(CloudError, match="nobody who is an officer"):
            await desk.administration.hear(token)
    assert len(desk.log) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"manager": "0" * 64}, "another manager"),
        ({"basis": "0" * 64}, "before the last decision"),
        ({"exp": 0}, "expired"),
        ({"iat": 1 << 40, "exp": 1 << 41}, "future"),
        ({"iat": 0}, "lives for longer"),
    ],
    ids=str,
)
async def test_a_proposal_for_elsewhere_or_another_time_is_refused(
    changed: dict[str, Any], why: str
) -> None:
    desk = Desk()
    with pytest.raises(CloudError, match=why):
        await desk.propose("odile", ADD_ROSA, **changed)
    assert desk.log == []


async def test_lives_are_counted_to_the_second() -> None:
    desk = Desk()
    await desk.propose("odile", ADD_ROSA, iat=desk.now, exp=desk.now + PROPOSAL_SECONDS_MAX)
    with pytest.raises(CloudError, match="longer"):
        await desk.propose("odile", ADD_ROSA, exp=desk.now + PROPOSAL_SECONDS_MAX + 1)
    await desk.block("odile", "*", iat=desk.now, exp=desk.now + PROMPT_SECONDS_MAX)
    with pytest.raises(CloudError, match="longer"):
        await desk.block("odile", "*", exp=desk.now + PROMPT_SECONDS_MAX + 1)
    await desk.block("odile", "*", iat=desk.now + SKEW_SECONDS)
    with pytest.raises(CloudError, match="future"):
        await desk.block("odile", "*", iat=desk.now + SKEW_SECONDS + 1)


async def test_a_proposal_that_has_expired_gets_no_consent() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    desk.now += 3600
    with pytest.raises(CloudError, match="no such proposal is waiting"):
        await desk.consent("pierre", proposal)


async def test_a_proposal_is_not_heard_twice() -> None:
    desk = Desk()
    said = desk.proposal("odile", ADD_ROSA)
    await desk.administration.hear(said)
    with pytest.raises(CloudError, match="already"):
        await desk.administration.hear(said)


async def test_a_decision_cannot_be_replayed() -> None:
    desk = Desk()
    add = desk.proposal("odile", ADD_ROSA)
    consent = desk.consenting("pierre", digest(add))
    for token in (add, consent):
        await desk.administration.hear(token)
    await desk.decide(actions.RemoveOfficer(name="rosa"))
    for token in (add, consent):
        with pytest.raises(CloudError):
            await desk.administration.hear(token)
    assert "rosa" not in names(desk)


async def test_what_waits_beside_a_decision_is_overtaken_by_it() -> None:
    desk = Desk()
    other = await desk.propose("quentin", actions.RemoveOfficer(name="odile"))
    await desk.decide(actions.SetQuorum(quorum=1))
    with pytest.raises(CloudError, match="overtaken"):
        await desk.consent("pierre", other)
    assert "odile" in names(desk)


async def test_the_consent_of_an_officer_who_was_removed_is_worth_nothing() -> None:
    desk = Desk()
    await desk.decide(actions.RemoveOfficer(name="quentin"))
    proposal = await desk.propose("odile", ADD_ROSA)
    with pytest.raises(CloudError, match="nobody who is an officer"):
        await desk.consent("quentin", proposal)


async def test_a_consent_holds_for_the_very_text_it_names() -> None:
    desk = Desk()
    first = await desk.propose("odile", ADD_ROSA)
    second = await desk.propose("odile", actions.SetQuorum(quorum=1))
    await desk.consent("pierre", first)
    assert desk.state.quorum == 2
    assert second != first


async def test_a_signature_for_one_purpose_is_worth_nothing_for_another() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    head, body, _ = desk.consenting("pierre", proposal).split(".")
    _, _, other = desk.blocking("pierre", "*").split(".")
    with pytest.raises(CloudError, match="does not verify"):
        await desk.administration.hear(f"{head}.{body}.{other}")
    with pytest.raises(CloudError, match="refused"):
        await desk.administration.hear(sign(KEYS["pierre"], approval()))


async def test_a_proposal_under_the_type_of_a_consent_is_refused() -> None:
    desk = Desk()
    content = statement.payload_of(
        desk.proposal("odile", ADD_ROSA), PROPOSAL, chars_max=STATEMENT_CHARS_MAX
    )
    disguised = statement.sign(KEYS["odile"], CONSENT, content)
    with pytest.raises(CloudError, match="its content is not what it must be"):
        await desk.administration.hear(disguised)


@pytest.mark.parametrize(
    "action",
    [
        actions.SetQuorum(quorum=4),
        actions.AddOfficer(name="odile", key=public(ALICE_KEY)),
        actions.AddOfficer(name="other", key=signatory("odile").key),
        actions.RemoveOfficer(name="nobody"),
        actions.RemoveApprover(name="nobody"),
        actions.Unblock(block="0" * 64),
        actions.DestroyKey(key=KEY),
        actions.AdoptPolicy(sha256="0" * 64, text=OWN_ACCESS),
        adopt("version = 2"),
        actions.AddApprover(name="bruno", key=msgspec.structs.replace(public(ALICE_KEY), x="AAAA")),
    ],
    ids=lambda action: type(action).__name__,
)
async def test_what_cannot_be_carried_out_is_refused_when_it_is_proposed(
    action: actions.Action,
) -> None:
    desk = Desk()
    with pytest.raises(CloudError):
        await desk.propose("odile", action)
    assert desk.log == []


async def test_no_officer_may_be_removed_below_the_quorum() -> None:
    desk = Desk(officers=("odile", "pierre"), quorum=2)
    with pytest.raises(CloudError, match="cannot decide"):
        await desk.propose("odile", actions.RemoveOfficer(name="pierre"))


async def test_there_are_no_more_officers_than_the_limit() -> None:
    people = tuple(
        Signatory(f"o{index}", signatory("odile").key) for index in range(OFFICERS_MAX + 1)
    )
    enrolment = Enrolment(officers=people, quorum=1, nonce="A" * 22)
    with pytest.raises(CloudError, match=str(OFFICERS_MAX)):
        enrolled(msgspec.json.encode(enrolment).decode())


async def test_no_more_proposals_wait_than_the_limit() -> None:
    desk = Desk()
    state, now = desk.state, desk.now * 1_000_000
    for _ in range(PENDING_MAX):
        state = advance(state, Said(desk.proposal("odile", ADD_ROSA), now))
    with pytest.raises(CloudError, match="limit"):
        advance(state, Said(desk.proposal("odile", ADD_ROSA), now))


async def test_one_officer_s_proposals_leave_room_for_those_of_the_others() -> None:
    desk = Desk()
    for _ in range(PENDING_PER_OFFICER_MAX):
        await desk.propose("odile", ADD_ROSA)
    with pytest.raises(CloudError, match="limit of one officer"):
        await desk.propose("odile", ADD_ROSA)
    removal = await desk.propose("pierre", actions.RemoveOfficer(name="odile"))
    await desk.consent("quentin", removal)
    assert [officer.name for officer in desk.state.officers] == ["pierre", "quentin"]


async def test_the_policy_that_officers_adopt_holds_for_the_next_request() -> None:
    desk = Desk()
    assert not desk.judgement.judge(request()).allowed
    await desk.decide(adopt(OWN_ACCESS))
    assert desk.judgement.judge(request()).allowed


async def test_a_policy_with_an_error_leaves_the_old_one_in_force() -> None:
    desk = Desk()
    await desk.decide(adopt(OWN_ACCESS))
    with pytest.raises(CloudError, match="own access"):
        await desk.propose("odile", adopt(OWN_ACCESS + "hours = 1"))
    assert desk.judgement.judge(request()).allowed


async def test_approvers_are_those_that_officers_added() -> None:
    desk = Desk()
    await desk.decide(
        adopt(OWN_ACCESS.replace("CUSTOMER_INITIATED_ACCESS", "GOOGLE_INITIATED_REVIEW"))
    )
    bruno = APPROVERS[0]
    token = sign(BRUNO_KEY, approval(reasons=("GOOGLE_INITIATED_REVIEW",)))
    review = request(reason="GOOGLE_INITIATED_REVIEW", approval=token)
    assert not desk.judgement.judge(review).allowed
    await desk.decide(actions.AddApprover(name=bruno.name, key=bruno.key))
    assert desk.judgement.judge(review).allowed
    await desk.decide(actions.RemoveApprover(name="bruno"))
    assert not desk.judgement.judge(review).allowed


async def test_a_decision_about_keys_is_carried_out_once_and_on_record_before() -> None:
    desk = Desk()
    await desk.decide(NEW_KEY)
    assert desk.ledger.carried_out == [NEW_KEY]
    kinds = [type(step) for step in desk.log]
    assert kinds == [Said, Said, Begun, Done]


async def test_an_effect_that_fails_is_told_and_on_record() -> None:
    desk = Desk()
    await desk.decide(NEW_KEY)
    with pytest.raises(CloudError, match="exists already"):
        await desk.decide(NEW_KEY)
    assert desk.log[-1] == Done(desk.state.basis, desk.log[-1].time, "It exists already.")


async def test_what_a_crash_interrupted_is_finished_at_the_next_start() -> None:
    desk = Desk()
    desk.ledger.accident = OSError("the machine went away")
    with pytest.raises(OSError, match="went away"):
        await desk.decide(NEW_KEY)
    assert desk.ledger.carried_out == []
    await desk.restart()
    assert desk.ledger.carried_out == [NEW_KEY]
    assert desk.state.pending == ()


async def test_what_an_accident_interrupted_is_finished_by_the_next_statement() -> None:
    desk = Desk()
    desk.ledger.accident = OSError("for a moment")
    with pytest.raises(OSError, match="moment"):
        await desk.decide(NEW_KEY)
    with pytest.raises(CloudError, match="first"):
        await desk.propose("odile", ADD_ROSA)
    assert desk.ledger.carried_out == [NEW_KEY]
    await desk.decide(ADD_ROSA)
    assert "rosa" in names(desk)


async def test_the_state_is_what_the_log_says() -> None:
    desk = Desk()
    for action in (adopt(OWN_ACCESS), ADD_ROSA, NEW_KEY, actions.SetQuorum(quorum=2)):
        await desk.decide(action)
    await desk.block("rosa", KEY)
    await desk.propose("rosa", actions.SetQuorum(quorum=3))
    before = desk.state
    await desk.restart()
    assert desk.state == before


async def test_a_log_with_a_step_that_nobody_signed_does_not_load() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    with pytest.raises(CloudError, match="enough officers"):
        advance(desk.state, Done(proposal, desk.now * 1_000_000))
    with pytest.raises(CloudError, match="enough officers"):
        advance(desk.state, Begun("0" * 64, desk.now * 1_000_000))


async def test_what_cannot_be_recorded_does_not_count() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", ADD_ROSA)
    desk.disk_is_full = True
    with pytest.raises(OSError):  # noqa: PT011 - a full disk has no message here
        await desk.consent("pierre", proposal)
    assert "rosa" not in names(desk)


async def test_a_caller_who_goes_away_leaves_the_state_with_the_log() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", NEW_KEY)
    leaving = asyncio.create_task(desk.consent("pierre", proposal))
    await asyncio.sleep(0)
    leaving.cancel()
    await desk.ledger.idle.wait()
    await asyncio.sleep(0.01)
    assert desk.state.pending == ()
    before = desk.state
    await desk.restart()
    assert desk.state == before
    assert desk.ledger.carried_out == [NEW_KEY]


async def test_a_policy_that_a_later_version_reads_otherwise_refuses_everything_and_starts() -> (
    None
):
    desk = Desk()
    await desk.decide(adopt(OWN_ACCESS))
    state = decided(desk.state, adopt("version = 2"))
    assert (state.policy.rules, state.policy.text) == ((), "version = 2")


async def test_a_consent_that_was_not_needed_any_more_is_no_error() -> None:
    desk = Desk()
    proposal = await desk.propose("odile", NEW_KEY)
    desk.ledger.may_end.clear()
    first = asyncio.create_task(desk.consent("pierre", proposal))
    await desk.ledger.begun.wait()
    second = asyncio.create_task(desk.consent("quentin", proposal))
    await asyncio.sleep(0.01)
    desk.ledger.may_end.set()
    await asyncio.gather(first, second)
    assert desk.ledger.carried_out == [NEW_KEY]


async def test_of_two_decisions_at_once_one_is_carried_out_and_the_other_told() -> None:
    desk = Desk()
    one = await desk.propose("odile", NEW_KEY)
    other = await desk.propose("odile", ADD_ROSA)
    outcomes = await asyncio.gather(
        desk.consent("pierre", one), desk.consent("quentin", other), return_exceptions=True
    )
    assert [isinstance(outcome, CloudError) for outcome in outcomes] == [False, True]
    assert "rosa" not in names(desk)


async def test_a_crash_after_any_step_leaves_a_manager_that_starts() -> None:
    told = Desk()
    await told.decide(NEW_KEY)
    await told.decide(ADD_ROSA)
    await told.block("rosa", KEY)
    await told.decide(adopt(OWN_ACCESS))
    for length in range(len(told.log) + 1):
        desk = Desk()
        desk.enrolment, desk.now = told.enrolment, told.now
        desk.log = told.log[:length]
        await desk.restart()
        settled = desk.state
        assert settled.executing == ""
        assert not any(settled.decided(pending) for pending in settled.pending)
        await desk.restart()
        assert desk.state == settled
        assert len(desk.ledger.carried_out) <= 1
