"""One request, down and back: identify → read → judge → act → record, then answer.

Whatever becomes of a request is recorded before its answer leaves, refusals and strangers' requests
too; of strangers who come too often, their number is (`strangers.py`). A change is recorded as an
intent before it is made. What cannot be recorded is not answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rempart.core.clock import World
from rempart.core.errors import CloudError, Code, invalid, unimplemented
from rempart.ekm.access.callers import Callers
from rempart.ekm.access.token import Caller, Rejected
from rempart.ekm.door import bodies
from rempart.ekm.door.errors import (
    MESSAGE_CHARS_MAX,
    Reply,
    internal,
    not_authenticated,
    not_recorded,
    rendered,
)
from rempart.ekm.door.strangers import Strangers, too_many
from rempart.ekm.door.verbs import VERBS, Holder, Verb, info
from rempart.ekm.keys.store import Store
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Judge, Verdict
from rempart.ekm.record.entry import Entry, encoded, of_use
from rempart.ekm.record.journal import Journal, NotRecorded

INFO_PATHS = frozenset(("/v0/info", "/.well-known/external-key-manager/info"))
PATH_CHARS_MAX = 300
DURATION = "allowedCacheDuration"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the server hands it over; `body` reads it, bounded in size and time."""

    method: str
    path: str
    authorization: list[str] = field(repr=False)
    remote: str
    host: str
    body: Callable[[], Awaitable[bytes]]


@dataclass(slots=True)
class _Trace:
    """What becomes known of a request, for its entry."""

    time: int
    verb: str
    key: str
    remote: str
    use: KeyUse | None = None
    rule: str = ""
    allowed: bool = False
    cause: str = ""
    generation: int = 0
    changed: bool = False
    known: bool = False

    def entry(self, *, status: int = 0, stage: str = "") -> Entry:
        """Return the entry as far as the request has come."""
        if self.use is None:
            members: dict[str, object] = {
                "verb": self.verb, "key": self.key, "remote": self.remote,
            }  # fmt: skip
        else:
            members = of_use(self.use)
        return Entry(
            time=self.time,
            kind="request",
            stage=stage,
            status=status,
            rule=self.rule,
            allowed=self.allowed,
            cause=self.cause[:MESSAGE_CHARS_MAX],
            generation=self.generation,
            **members,  # type: ignore[arg-type]  # the members of KeyUse have their types
        )


class Requests:
    """Answers requests. `judge` may be replaced at any time."""

    def __init__(
        self, store: Store, journal: Journal, callers: Callers, judge: Judge, world: World
    ) -> None:
        self._holder = Holder(store, world)
        self._journal = journal
        self._callers = callers
        self._clock = world.clock
        self.strangers = Strangers(journal.append, world.clock)
        self.judge = judge

    async def answer(self, incoming: Incoming) -> Reply:
        """Return what is answered; it is on record.

        A caller that goes away stops nothing that has begun: it was asked, and is on record.
        """
        return await asyncio.shield(self._answer(incoming))

    async def _answer(self, incoming: Incoming) -> Reply:
        path, _, verb = incoming.path.removeprefix("/").rpartition(":")
        if incoming.path in INFO_PATHS:
            path, verb = "", "info"
        trace = _Trace(self._clock(), verb[:64], path[:PATH_CHARS_MAX], incoming.remote)
        try:
            reply = await self._reply(incoming, verb, path, trace)
        except CloudError as problem:
            trace.cause = trace.cause or problem.message
            reply = rendered(problem)
        except NotRecorded:
            return rendered(not_recorded())
        except Exception as problem:  # noqa: BLE001 - the edge: nothing of it may reach a caller
            trace.cause = type(problem).__name__
            reply = rendered(internal(problem))
        if not trace.known and not self.strangers.admit(incoming.remote):
            return rendered(too_many())
        try:
            return await self._recorded(reply, trace)
        except NotRecorded:
            return rendered(not_recorded())

    async def _recorded(self, reply: Reply, trace: _Trace) -> Reply:
        """Record what is answered and return it; a block that came meanwhile takes its place.

        It may come while a signature is made, and while the log is written: once a block is on
        record nothing leaves any more. What was changed before it is told all the same.
        """
        reply = self._unless_blocked(reply, trace)
        await self._record(trace.entry(status=reply.status))
        last = self._unless_blocked(reply, trace)
        if last is not reply:
            await self._record(trace.entry(status=last.status))
        return last

    def _unless_blocked(self, reply: Reply, trace: _Trace) -> Reply:
        if trace.use is None or not trace.allowed or trace.changed:
            return reply
        block = self.judge.blocked(trace.use)
        if block is None:
            return reply
        refused = _refused(block, trace)
        trace.cause = refused.message
        return rendered(refused)

    async def _reply(self, incoming: Incoming, verb: str, path: str, trace: _Trace) -> Reply:
        # Read first, though nobody is known yet: an answer to half a request would be lost.
        content = await incoming.body()
        trace.time = self._clock()  # a body may take its time, and is judged when it is there
        if incoming.method != ("GET" if verb == "info" else "POST"):
            raise unimplemented(f"{incoming.method} {incoming.path[:PATH_CHARS_MAX]}")
        if verb == "info":
            await self._identify(incoming, trace)
            return Reply(200, info())
        known = VERBS.get(verb)
        if known is None:
            raise unimplemented(f"The verb {verb[:64]!r}")
        caller = await self._identify(incoming, trace)
        known.path(path)
        body = bodies.read(content, known.body)
        if body.key_path.strip("/") not in {"", path}:
            raise invalid("keyPath is another than the request's path.", field="keyPath")
        trace.use = _use(trace, caller, body)
        verdict = self._judge(trace.use, trace)
        document = await self._act(known, path, body, trace)
        if not verdict.cacheable and DURATION in document:
            document[DURATION] = "0s"
        return Reply(200, document)

    async def _identify(self, incoming: Incoming, trace: _Trace) -> Caller:
        try:
            caller = await self._callers.identify(incoming.authorization, trace.time // 1_000_000)
        except Rejected as problem:
            trace.cause = str(problem)
            raise not_authenticated() from None
        trace.known = True
        return caller

    def _judge(self, use: KeyUse, trace: _Trace) -> Verdict:
        verdict = self.judge.judge(use)
        if not verdict.allowed:
            raise _refused(verdict, trace)
        trace.rule, trace.allowed = verdict.rule, True
        return verdict

    async def _act(
        self, verb: Verb, path: str, body: bodies.Request, trace: _Trace
    ) -> dict[str, object]:
        if not verb.changes:
            return await verb.act(self._holder, path, body)
        await self._record(trace.entry(stage="intent"))
        block = self.judge.blocked(trace.use) if trace.use is not None else None
        if block is not None:
            raise _refused(block, trace)
        trace.changed = True
        try:
            return await verb.act(self._holder, path, body)
        finally:
            trace.generation = self._holder.store.holdings.generation

    async def _record(self, entry: Entry) -> None:
        await self._journal.append(encoded(entry))


def _refused(verdict: Verdict, trace: _Trace) -> CloudError:
    """Return the refusal that a verdict is, and note it for the entry."""
    trace.rule, trace.allowed = verdict.rule, False
    reason = "RATE_EXCEEDED" if verdict.code is Code.RESOURCE_EXHAUSTED else "REFUSED"
    return CloudError(verdict.code, verdict.message, reason=reason, field=verdict.field or None)


def _use(trace: _Trace, caller: Caller, body: bodies.Request) -> KeyUse:
    context = body.additional_context
    told = context.rempart_context
    reason = context.access_reason_context.reason
    return KeyUse(
        time=trace.time,
        verb=trace.verb,
        key=trace.key,
        issuer=caller.issuer,
        caller=caller.email,
        project=caller.project,
        resource=context.relative_resource_name,
        reason="REASON_UNSPECIFIED" if reason == "" else reason,
        health_check=context.is_key_health_check,
        principal=told.principal,
        operation=told.operation,
        target=told.target,
        approval=told.approval,
        entry=told.entry,
        remote=trace.remote,
    )
