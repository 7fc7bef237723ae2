"""The log's entries of administration, and what each makes of the state.

The same function takes a step when it is new and when the log is read again: what was refused then
is refused now, so a log that was changed or made up does not load.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from rempart.core.errors import CloudError, Code, denied, invalid
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory
from rempart.core.signing.statement import Content, Refused
from rempart.ekm.administration import statements
from rempart.ekm.administration.decisions import check_officers, decided
from rempart.ekm.administration.state import InForce, Pending, State
from rempart.ekm.administration.statements import (
    BLOCK,
    CONSENT,
    EVERYTHING,
    LOOK,
    PROPOSAL,
    STATEMENT_CHARS_MAX,
    Block,
    Consent,
    Enrolment,
    Look,
    Proposal,
    digest,
    manager_of,
)

PENDING_MAX = 64
BLOCKS_MAX = 1024


class Said(msgspec.Struct, frozen=True):
    """An officer's statement (a proposal, a consent or a block), and when it arrived."""

    statement: str
    time: int


class Begun(msgspec.Struct, frozen=True):
    """The effect of a decision is about to be carried out."""

    proposal: str
    time: int


class Done(msgspec.Struct, frozen=True):
    """A decision was carried out, or could not be for a reason that is said."""

    proposal: str
    time: int
    failure: str = ""


Step = Said | Begun | Done


def enrolled(text: str) -> State:
    """Return the state that a manager begins with."""
    try:
        enrolment = statement.content(text.encode(), Enrolment)
    except Refused as problem:
        raise invalid(f"This is no enrolment: {problem}") from problem
    check_officers(enrolment.officers, enrolment.quorum)
    manager = manager_of(text)
    return State(
        manager=manager, officers=enrolment.officers, quorum=enrolment.quorum, basis=manager
    )


def advance(state: State, step: Step) -> State:
    """Return the state after a step; raises a CloudError for one that does not hold."""
    state = _pruned(state, step.time // 1_000_000)
    match step:
        case Said():
            return _heard(state, step)
        case Begun():
            pending = _decision(state, step.proposal)
            if state.executing not in {"", pending.digest}:
                raise _precondition("Another decision is being carried out.")
            return replace(state, executing=pending.digest)
        case Done():
            return _done(state, step)


def looked(state: State, token: str, time: int) -> str:
    """Return the name of the officer who asks to be shown the state."""
    try:
        officer, _ = _spoken(state, token, LOOK, Look, time)
    except Refused as problem:
        raise denied(f"The statement is refused: {problem}.") from problem
    return officer.name


def _heard(state: State, said: Said) -> State:
    try:
        kind = statement.kind_of(said.statement, chars_max=STATEMENT_CHARS_MAX)
        if kind == PROPOSAL:
            return _proposed(state, said)
        if kind == CONSENT:
            return _consented(state, said)
        if kind == BLOCK:
            return _blocked(state, said)
    except Refused as problem:
        raise denied(f"The statement is refused: {problem}.") from problem
    raise denied("The statement is refused: it is of no kind that changes anything.")


def _proposed(state: State, said: Said) -> State:
    officer, proposal = _spoken(state, said.statement, PROPOSAL, Proposal, said.time)
    known = digest(said.statement)
    if state.waiting(known) is not None:
        raise Refused("it was proposed already")
    if proposal.basis != state.basis:
        raise Refused("it was made before the last decision; propose it again")
    if len(state.pending) >= PENDING_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"{PENDING_MAX} proposals are waiting, the limit.",
            reason="RESOURCE_EXHAUSTED",
        )
    decided(state, proposal.action)
    pending = Pending(
        digest=known, statement=said.statement, proposal=proposal, officers=(officer.name,)
    )
    return replace(state, pending=(*state.pending, pending))


def _consented(state: State, said: Said) -> State:
    officer, consent = _spoken(state, said.statement, CONSENT, Consent, said.time)
    pending = state.waiting(consent.proposal)
    if pending is None:
        raise Refused("no such proposal is waiting: it has expired, been decided or overtaken")
    if officer.name in pending.officers:
        raise Refused(f"{officer.name} has consented already")
    agreed = replace(pending, officers=(*pending.officers, officer.name))
    return replace(
        state, pending=tuple(agreed if each is pending else each for each in state.pending)
    )


def _blocked(state: State, said: Said) -> State:
    officer, block = _spoken(state, said.statement, BLOCK, Block, said.time)
    known = digest(said.statement)
    if any(known == heard for heard, _ in state.heard):
        raise Refused("this very block was said before")
    stopped = any(each.key == EVERYTHING for each in state.blocks)
    if len(state.blocks) >= BLOCKS_MAX and (stopped or block.key != EVERYTHING):
        raise Refused(f"{BLOCKS_MAX} blocks are in force; block everything instead")
    in_force = InForce(
        digest=known, key=block.key, officer=officer.name, time=said.time, note=block.note
    )
    heard = (*state.heard, (known, block.exp))
    return replace(state, blocks=(*state.blocks, in_force), heard=heard)


def _done(state: State, done: Done) -> State:
    """Carry out a decision in this state; failed or not, what waited beside it is overtaken."""
    pending = _decision(state, done.proposal)
    if not done.failure:
        state = decided(state, pending.proposal.action)
    return replace(state, basis=pending.digest, pending=(), executing="")


def _decision(state: State, known: str) -> Pending:
    pending = state.waiting(known)
    if pending is None or not state.decided(pending):
        raise _precondition("No such proposal has the consent of enough officers.")
    return pending


def _spoken(
    state: State, token: str, typ: str, kind: type[Content], time: int
) -> tuple[Signatory, Content]:
    """Return who signed a statement and what it says, if it is of now and for this manager."""
    key_id = statement.signer(token, typ, chars_max=STATEMENT_CHARS_MAX)
    officer = next((each for each in state.officers if each.key.id == key_id), None)
    if officer is None:
        raise Refused("it is signed by nobody who is an officer")
    payload = statement.verify(token, typ, officer.key, chars_max=STATEMENT_CHARS_MAX)
    content = statement.content(payload, kind)
    if isinstance(content, statements.Statement):
        if content.manager != state.manager:
            raise Refused("it is meant for another manager")
        long = typ in {PROPOSAL, CONSENT}
        longest = statements.PROPOSAL_SECONDS_MAX if long else statements.PROMPT_SECONDS_MAX
        content.check_times(time // 1_000_000, longest)
    return officer, content


def _pruned(state: State, now: int) -> State:
    """Forget what has expired, but for a decision that is being carried out."""
    pending = tuple(
        each for each in state.pending if each.proposal.exp > now or each.digest == state.executing
    )
    heard = tuple(each for each in state.heard if each[1] > now)
    if pending == state.pending and heard == state.heard:
        return state
    return replace(state, pending=pending, heard=heard)


def _precondition(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="FAILED_PRECONDITION")
