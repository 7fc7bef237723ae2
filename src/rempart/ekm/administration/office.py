"""Where officers are heard: one place for the socket, the HTTPS door and the stopped manager."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rempart.core.clock import Clock
from rempart.core.errors import CloudError, Code
from rempart.ekm.administration import actions, trail
from rempart.ekm.administration.administration import Administration, is_look, subject
from rempart.ekm.administration.history import History, pinned
from rempart.ekm.administration.shown import Document, shown
from rempart.ekm.administration.state import State
from rempart.ekm.administration.statements import digest
from rempart.ekm.administration.steps import Step, enrolled
from rempart.ekm.model.holdings import Pin
from rempart.ekm.record.entry import Entry

_LOG = logging.getLogger("rempart.ekm")
Append = Callable[[Entry], Awaitable[None]]
KeepPin = Callable[[Pin], Awaitable[None]]
Perform = Callable[[str, Document, str], Awaitable[Document]]
"""Do something with keys and issuers, by the action's name, for somebody; recorded there too."""


class Office:
    """Hears officers once there are any; `follow` is told every new state."""

    def __init__(  # noqa: PLR0913 - each is one thing that the office reaches
        self,
        history: History,
        *,
        append: Append,
        keep_pin: KeepPin,
        perform: Perform,
        check: Callable[[actions.Effect], None],
        known: Callable[[str], bool],
        clock: Clock,
        follow: Callable[[State], None],
    ) -> None:
        self._append = append
        self._keep_pin = keep_pin
        self._perform = perform
        self._check = check
        self._known = known
        self._clock = clock
        self._follow = follow
        self._pin = self._sealed = history.pin
        self._enrolling = asyncio.Lock()
        self._administration: Administration | None = None
        if history.state is not None:
            self._open(history.state)

    @property
    def state(self) -> State | None:
        """Return what was decided so far, None where there are no officers yet."""
        return None if self._administration is None else self._administration.state

    def manager(self) -> Document:
        """Return what everybody may know: for whom officers sign, after which decision."""
        state = self._enrolled().state
        return {"manager": state.manager, "basis": state.basis}

    async def enrol(self, text: str) -> Document:
        """Let the first officers in; from now on nothing is changed without them."""
        return await asyncio.shield(self._enrol(text))

    async def _enrol(self, text: str) -> Document:
        async with self._enrolling:
            if self._administration is not None:
                raise _precondition("There are officers already: they decide who joins them.")
            state = enrolled(text)
            await self._keep(trail.enrolment(text, self._clock()))
            self._open(state)
            self._follow(state)
            await self._seal()
        return self.manager()

    async def hear(self, token: str) -> Document:
        """Take an officer's statement and do what follows; a look is answered with the state.

        A caller who goes away does not stop what has begun: the state never falls behind the log.
        """
        return await asyncio.shield(self._hear(token))

    async def _hear(self, token: str) -> Document:
        administration = self._enrolled()
        try:
            await administration.take(token)
        except CloudError as problem:
            await self._append(trail.refused(digest(token), problem.message, self._clock()))
            raise
        try:
            await administration.settle(token)
        finally:
            await self._seal()
        if is_look(token):
            return {"digest": digest(token), "state": shown(administration.state)}
        pending = administration.state.waiting(subject(token))
        return {"digest": digest(token), "waiting": pending is not None}

    async def resume(self) -> None:
        """Finish, at a start, what was decided and not seen to be done."""
        if self._administration is not None:
            await self._administration.resume()
            await self._seal()

    def known(self, path: str) -> bool:
        """Tell whether there is a key or a crypto space of this path."""
        return self._known(path)

    def check(self, action: actions.Effect) -> None:
        """Refuse now what could not be done when officers have decided."""
        self._check(action)

    async def carry_out(self, action: actions.Effect) -> None:
        """Have what officers decided about keys and issuers done."""
        for name, arguments in _performed(action):
            await self._perform(name, arguments, "officers")

    def _open(self, state: State) -> None:
        self._administration = Administration(state, self._record, self, self._clock, self._follow)

    def _enrolled(self) -> Administration:
        if self._administration is None:
            raise _precondition("This manager has no officers yet: rempart ekm enrol")
        return self._administration

    async def _record(self, step: Step) -> None:
        await self._keep(trail.entry(step))

    async def _keep(self, entry: Entry) -> None:
        await self._append(entry)
        self._pin = pinned(self._pin, entry)

    async def _seal(self) -> None:
        """Put under the seal how far the log goes, so that no step can be cut off again.

        Afterwards, because the sealed file may be busy for a second with a key that is being
        made, and a block must count before.
        """
        if self._sealed == self._pin:
            return
        pin = self._pin
        try:
            await self._keep_pin(pin)
            self._sealed = pin
        except OSError:
            # What is on record counts; the next step seals it with its own.
            _LOG.exception("the sealed file could not be written")


def _performed(action: actions.Effect) -> list[tuple[str, Document]]:
    """Return what a decision is in the words of whoever holds keys and issuers."""
    match action:
        case actions.CreateSpace():
            return [("spaces.create", {"space": action.space})]
        case actions.CreateKey():
            return _created(action)
        case actions.DestroyKey():
            return [("keys.destroy", {"key": action.key})]
        case actions.RemoveLeftOver():
            return [("hsm.remove", {"id": action.id, "label": action.label})]
        case actions.SetCacheDuration():
            return [("keys.set", {"key": action.key, "cacheSeconds": action.seconds})]
        case actions.TrustIssuer() | actions.DistrustIssuer():
            return [_of_issuers(action)]


def _created(action: actions.CreateKey) -> list[tuple[str, Document]]:
    made: Document = {"key": action.key, "algorithm": action.algorithm}
    if action.home:
        made["home"] = action.home
    cached: Document = {"key": action.key, "cacheSeconds": action.cache_seconds}
    return [("keys.create", made)] + ([("keys.set", cached)] if action.cache_seconds else [])


def _of_issuers(action: actions.TrustIssuer | actions.DistrustIssuer) -> tuple[str, Document]:
    if isinstance(action, actions.DistrustIssuer):
        return "trust.remove", {"issuer": action.issuer}
    return "trust.add", _issuer(action)


def _issuer(action: actions.TrustIssuer) -> Document:
    return {
        "issuer": action.issuer,
        "mail_domains": list(action.mail_domains),
        "audiences": list(action.audiences),
        "keys": action.keys,
        "keys_url": action.keys_url,
        "authority": action.authority,
    }


def _precondition(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="FAILED_PRECONDITION")
