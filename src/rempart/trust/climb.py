"""One call on the stair: authorised, done, and on record, in this order (docs/request-flow.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec import structs

from rempart.core.call import Call, Reply
from rempart.core.errors import CloudError, Code, aborted, invariant
from rempart.core.grant import Grant
from rempart.core.limits import COMMIT_ATTEMPTS_MAX
from rempart.core.log_type import LogType
from rempart.core.method import Method
from rempart.core.policy import Resource
from rempart.core.principal import ANONYMOUS, Principal
from rempart.core.proposal import Proposal
from rempart.engine.seam import Conflict, OutOfSpace
from rempart.trust.authority import Authority, Rules, Within
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import namesakes
from rempart.trust.policy.auditing import Auditing
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.refusals import nobody
from rempart.trust.session import Service, Session
from rempart.trust.witness.leaf import (
    FEED,
    INTENT,
    OUTCOME,
    REFUSAL,
    USE,
    Leaf,
    agent_of,
    encode,
    told,
)
from rempart.trust.witness.recorder import Recorder, receipt

_UNTOLD = frozenset((Code.INVALID_ARGUMENT, Code.NOT_FOUND))
"""What is wrong with the request of a caller whom nobody knows: not told before who it is."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A method that is answered: by which service, and how its calls are on record.

    `recorded` says that an answer leaves only once its entry is in the log, whatever is read.
    """

    method: Method[Any]
    service: Service
    log: LogType
    recorded: bool


@dataclass(frozen=True, slots=True)
class Log:
    """What writes the log outside of commits, and what says which reads are to be in it."""

    recorder: Recorder
    auditing: Auditing


class Climb:
    """One call on its way up and down the stair."""

    __slots__ = (
        "authority",
        "bound",
        "call",
        "facts",
        "grant",
        "intent",
        "keys",
        "log",
        "method",
        "resource",
        "rules",
        "sealed",
        "service",
    )

    def __init__(
        self, rules: Rules, sealed: SealedEngine, log: Log, bound: Bound, call: Call
    ) -> None:
        self.rules = rules
        self.sealed = sealed
        self.log = log
        self.bound = bound
        self.method = bound.method
        self.service = bound.service
        self.intent: int | None = None
        self.grant: Grant | None = None
        self.resource: Resource | None = None
        self.begin(ANONYMOUS, call)

    def begin(self, principal: Principal, call: Call) -> None:
        """Say who calls, once that is known."""
        self.call = call
        within = Within(call, self.method.access, self.service.name)
        self.facts, self.keys = within.facts, within.keys
        self.authority = Authority(principal, self.rules, within)

    async def read(self) -> Reply:
        """Authorise and answer; of what is to be on record, the entry is durable first."""
        store, tx = self._open(None)
        grant = await self._authorise(store, tx)
        reply = await self._run(grant, store, tx)
        principal, resource = self.authority.principal, self.resource
        invariant(resource is not None, "what was authorised has a resource")
        if resource is None or not await self.log.auditing.wants(
            principal, self.service.name, self.bound.log, resource
        ):
            return reply
        return with_header(reply, await self.log.recorder.put(self._leaf(USE, reply)))

    async def refused(self, problem: CloudError) -> None:
        """Let it be on record that the call was refused."""
        refusal = Reply(status=problem.status)
        leaf = structs.replace(self._leaf(REFUSAL, refusal), message=told(problem.message))
        problem.headers = (*problem.headers, *await self.log.recorder.refused(leaf))

    async def write(self) -> Reply:
        """Authorise, stage, then act and seal the outcome in one commit."""
        staged: object = None
        try:
            staged = await self._stage()
            return await self._act(staged)
        except (OutOfSpace, CloudError):
            await self._discard(staged)
            raise
        # After `Fenced` or `Unavailable` the commit may yet be found on the disk, and would then
        # refer to what was staged: only the sweep, which sees what is committed, may remove it.

    async def _discard(self, staged: object) -> None:
        """Drop what was staged for a commit that certainly did not happen."""
        if staged is not None:
            await self.service.discard(staged)

    async def _stage(self) -> object:
        """Receive what is too big for the transaction, under a grant of its own."""
        if self.method.stage is None:
            return None
        store, tx = self._open(None)
        return await self.method.stage(await self._authorise(store, tx), self.call, store)

    async def _act(self, staged: object) -> Reply:
        for _ in range(COMMIT_ATTEMPTS_MAX):
            store, tx = self._open(staged)
            grant = await self._authorise(store, tx)
            reply = await self._run(grant, store, tx)
            if not (tx.writes or self.bound.recorded):
                return reply
            kind = OUTCOME if tx.writes else USE
            entry = tx.append(FEED, encode(self._leaf(kind, reply)))
            try:
                at = (await tx.commit()).positions[-1]
            except Conflict:
                continue
            if self.method.completes is not None:
                reply = await self.method.completes(reply, at.index, store)
            return with_header(reply, receipt(at, entry))
        raise aborted("The resource kept changing while this call was made; retry it.")

    async def _run(self, grant: Grant, store: object, tx: Transaction) -> Reply:
        """Run the method; where it is about a policy, accounts are named for whom they are."""
        if not namesakes.concern(self.method.id):
            return await self.method.run(grant, self.call, store)
        call = await namesakes.stored(self.call, tx)
        return await namesakes.shown(await self.method.run(grant, call, store), tx)

    async def _authorise(self, store: object, tx: Transaction) -> Grant:
        method = self.method
        self.facts.clear()
        self.keys.clear()
        self.resource = resource = await self._resource(store)
        propose = partial(self._propose, store, tx) if method.proposes else None
        if method.public:
            self.grant = await self.authority.public(resource, propose)
        else:
            self.grant = await self.authority.require(method.permission, resource, propose)
        return self.grant

    async def _propose(self, store: object, tx: Transaction) -> Proposal | None:
        """Return what the call would make, with accounts named for whom they are."""
        call, method = self.call, self.method
        if namesakes.concern(method.id):
            call = await namesakes.stored(call, tx)
        return await method.proposes(call, store) if method.proposes else None

    async def _resource(self, store: object) -> Resource:
        """Return what the call is about; what is wrong with a request is not for nobody to know."""
        try:
            return await self.method.resource(self.call, store)
        except CloudError as problem:
            if self.authority.principal.anonymous and problem.code in _UNTOLD:
                raise nobody() from problem
            raise

    async def _intend(self) -> None:
        """Make the intent durable, once, before the first effect outside a transaction."""
        if self.intent is not None:
            return
        invariant(self.grant is not None, "an intent needs a grant")
        tx = self.sealed.transaction()
        tx.append(FEED, encode(self._leaf(INTENT, None)))
        self.intent = (await tx.commit()).positions[0].index

    def _leaf(self, kind: str, reply: Reply | None) -> Leaf:
        call, resource = self.call, self.resource
        return Leaf(
            kind=kind,
            time=call.time,
            request=call.request_id,
            method=call.method,
            permission=self.method.permission,
            principal=self.authority.principal.member,
            resource=resource.name.name if resource else "",
            remote=call.remote,
            status=reply.status if reply else 0,
            intent=self.intent,
            facts={**reply.audit, **self.facts} if reply else {},
            service=self.service.name,
            access=self.bound.log.value,
            container=container_of(resource) if resource else "",
            agent=agent_of(call),
            reason=self.grant.reason if self.grant else "",
            approval=self.grant.approval if self.grant else "",
            key=" ".join(self.keys),
        )

    def _open(self, staged: object) -> tuple[Any, Transaction]:
        tx = self.sealed.transaction()
        principal = self.authority.principal
        session = Session(tx, self.authority, self._intend, self.call, principal, staged)
        return self.service.open(session), tx


def with_header(reply: Reply, header: tuple[str, str]) -> Reply:
    """Return a reply with one more header."""
    return structs.replace(reply, headers=(*reply.headers, header))
