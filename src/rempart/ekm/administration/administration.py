"""Hears officers' statements, records what they say, and carries out what enough of them decided.

Record first: a step is on disk before it counts. A decision is carried out by the consent that
completes it. While its effect runs, and making a key may take a second, blocks are heard all the
same; only other decisions wait their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, get_args

from rempart.core.clock import Clock
from rempart.core.errors import CloudError, Code, denied, not_found
from rempart.core.signing import statement
from rempart.core.signing.statement import Refused
from rempart.ekm.administration import actions
from rempart.ekm.administration.decisions import check_policy
from rempart.ekm.administration.state import Pending, State
from rempart.ekm.administration.statements import (
    BLOCK,
    CONSENT,
    EVERYTHING,
    LOOK,
    STATEMENT_CHARS_MAX,
    Consent,
    digest,
)
from rempart.ekm.administration.steps import Begun, Done, Said, Step, advance, looked

PENDING_PER_OFFICER_MAX = 8
BLOCKS_PER_OFFICER_MAX = 128
"""Not counting those of everything, which stay possible whatever else is in force."""

Record = Callable[[Step], Awaitable[None]]
"""Put a step into the log; it is durable on return."""


class Effects(Protocol):
    """What holds keys and issuers, and carries out decisions about them."""

    def known(self, path: str) -> bool:
        """Tell whether there is a key or a crypto space of this path."""
        ...

    def check(self, action: actions.Effect) -> None:
        """Raise the CloudError that carrying it out would raise now, as far as can be told."""
        ...

    async def carry_out(self, action: actions.Effect) -> None:
        """Do it, durably on return; raises a CloudError where it cannot be done."""
        ...


class Administration:
    """The officers' side of a manager. `follow` is told every new state."""

    def __init__(
        self,
        state: State,
        record: Record,
        effects: Effects,
        clock: Clock,
        follow: Callable[[State], None],
    ) -> None:
        self.state = state
        self._record = record
        self._effects = effects
        self._clock = clock
        self._follow = follow
        self._step = asyncio.Lock()
        self._carrying_out = asyncio.Lock()

    async def hear(self, token: str) -> str:
        """Take an officer's statement and do what follows; return its digest.

        A caller who goes away does not stop what has begun: the state never falls behind the log.
        """
        return await asyncio.shield(self._hear(token))

    async def take(self, token: str) -> None:
        """Verify and record a statement; one that is refused raises a CloudError.

        It leaves no trace in the state then. A look changes nothing and is not recorded.
        """
        if _kind(token) == LOOK:
            looked(self.state, token, self._clock())
        else:
            await self._take(Said(token, self._clock()))

    async def settle(self, token: str) -> None:
        """Carry out the proposal that a statement taken before is about, if it is decided.

        Raises the CloudError that says why it could not be.
        """
        if _kind(token) not in {LOOK, BLOCK}:
            await self._decide(subject(token))

    async def resume(self) -> None:
        """Finish, at a start, what was decided and not seen to be done."""
        async with self._carrying_out:
            for pending in self.state.pending:
                if self.state.decided(pending) and self.state.waiting(pending.digest):
                    await self._finish(pending)

    async def _hear(self, token: str) -> str:
        await self.take(token)
        await self.settle(token)
        return digest(token)

    async def _decide(self, known: str) -> None:
        """Carry out a proposal if enough officers have consented."""
        async with self._carrying_out:
            interrupted = self.state.waiting(self.state.executing)
            if interrupted is not None:
                await self._finish(interrupted)
            pending = self.state.waiting(known)
            if pending is None and self.state.basis == known:
                return  # others had consented as well, and it is done
            if pending is None:
                message = "Another decision was carried out first; propose it again."
                raise CloudError(Code.ABORTED, message, reason="OVERTAKEN")
            if self.state.decided(pending):
                failure = await self._finish(pending)
                if failure is not None:
                    raise failure

    async def _finish(self, pending: Pending) -> CloudError | None:
        failure = await self._effect(pending)
        message = "" if failure is None else failure.message
        await self._take(Done(pending.digest, self._clock(), message))
        return failure

    async def _effect(self, pending: Pending) -> CloudError | None:
        action = pending.proposal.action
        if not isinstance(action, get_args(actions.Effect)):
            return None
        await self._take(Begun(pending.digest, self._clock()))
        try:
            await self._effects.carry_out(action)
        except CloudError as problem:
            return problem
        return None

    def _check_new(self, state: State) -> None:
        """Refuse a new proposal that could not be carried out, and a block that stops nothing.

        Asked of what is new, and not of what the log has: that was right in its time.
        """
        for block in state.blocks[len(self.state.blocks) :]:
            if block.key != EVERYTHING:
                if not self._effects.known(block.key):
                    raise not_found(f"There is no {block.key}, so nothing was blocked.")
                made = sum(
                    each.officer == block.officer and each.key != EVERYTHING
                    for each in state.blocks
                )
                _check_share(block.officer, made, BLOCKS_PER_OFFICER_MAX, "blocks are in force")
        for pending in state.pending:
            if self.state.waiting(pending.digest) is None:
                who = pending.officers[0]
                made = sum(each.officers[0] == who for each in state.pending)
                _check_share(who, made, PENDING_PER_OFFICER_MAX, "proposals wait")
                action = pending.proposal.action
                check_policy(action)
                if isinstance(action, get_args(actions.Effect)):
                    self._effects.check(action)

    async def _take(self, step: Step) -> None:
        """Check a step, record it, and let it count; in the order of the log."""
        async with self._step:
            state = advance(self.state, step)
            self._check_new(state)
            await self._record(step)
            self.state = state
            self._follow(state)


def _check_share(officer: str, made: int, most: int, what: str) -> None:
    """Refuse an officer more than their share, which would leave none to the others."""
    if made > most:
        message = f"{most} of {officer}'s {what}, the limit of one officer."
        raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="RESOURCE_EXHAUSTED")


def is_look(token: str) -> bool:
    """Tell whether a statement that was heard asks to be shown the state."""
    return _kind(token) == LOOK


def _kind(token: str) -> str:
    try:
        return statement.kind_of(token, chars_max=STATEMENT_CHARS_MAX)
    except Refused as problem:
        raise denied(f"The statement is refused: {problem}.") from problem


def subject(token: str) -> str:
    """Return what a statement that was heard is about: a consent's is the proposal."""
    if _kind(token) != CONSENT:
        return digest(token)
    payload = statement.payload_of(token, CONSENT, chars_max=STATEMENT_CHARS_MAX)
    return statement.content(payload, Consent).proposal
