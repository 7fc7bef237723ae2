"""The stair that every request climbs: identify → authorise → record intent → act → seal outcome.

docs/request-flow.md is this file in prose. No service is reached but through `Gate.serve`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec

from rempart.core.call import Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.errors import CloudError, Code, aborted, invariant, unavailable, unimplemented
from rempart.core.grant import Grant
from rempart.core.limits import COMMIT_ATTEMPTS_MAX, CONCURRENT_CALLS_PER_PRINCIPAL_MAX
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.core.proposal import Proposal
from rempart.engine.seam import Committed, Conflict, Fenced, OutOfSpace, Unavailable
from rempart.trust.authority import Authority, Rules, Within
from rempart.trust.custody.sealed import SealedEngine, Transaction
from rempart.trust.identity import namesakes
from rempart.trust.identity.identify import Identity
from rempart.trust.policy.refusals import nobody
from rempart.trust.policy.registry import by_id
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import Place
from rempart.trust.witness.leaf import FEED, INTENT, OUTCOME, Leaf, encode

_UNTOLD = frozenset((Code.INVALID_ARGUMENT, Code.NOT_FOUND))
"""What is wrong with the request of a caller whom nobody knows: not told before who it is."""

RECEIPT_HEADER = "x-rempart-receipt"


@dataclass(slots=True)
class Session:
    """What one climb of the stair hands to a service: its transaction and the caller's standing.

    `intend` makes the intent durable; a service calls it before its first effect outside the
    transaction. `staged` is what the method's `stage` returned. `call` is what `caller` asked, also
    where one service asks another in its course and the standing is that of its agent.
    """

    tx: Transaction
    authority: Authority
    intend: Callable[[], Awaitable[None]]
    call: Call
    caller: Principal
    staged: Any = None

    async def place(
        self, level: Level, resource: Resource, *, public: bool = True, conditions: bool = True
    ) -> Place:
        """Return where the policy goes that the call sets on a resource."""
        surroundings = await self.authority.around(self.tx, resource)
        return Place(level, surroundings, public=public, conditions=conditions)

    def acting_as(self, agent: Principal) -> Session:
        """Return the same session with the standing of an agent that acts for the caller."""
        return Session(self.tx, self.authority.of(agent), self.intend, self.call, self.caller)


class Service(Protocol):
    """An API: its name, its methods and how it opens its store for one session."""

    @property
    def name(self) -> str:
        """Return Google's name of the API: `storage`."""

    @property
    def methods(self) -> tuple[Method[Any], ...]:
        """Return the declared methods."""

    def open(self, session: Session) -> Any:  # noqa: ANN401 - each service has its own store
        """Return the store whose verbs the methods use."""

    async def discard(self, staged: Any) -> None:  # noqa: ANN401
        """Drop what a method staged and did not commit."""


class Gate:
    """Serves calls of all services."""

    def __init__(
        self,
        services: tuple[Service, ...],
        *,
        identity: Identity,
        rules: Rules,
        sealed: SealedEngine,
        world: World,
    ) -> None:
        self._methods: dict[MethodId, tuple[Method[Any], Service]] = {}
        for service in services:
            for method in service.methods:
                invariant(method.id not in self._methods, f"{method.id} is declared twice")
                self._methods[method.id] = (method, service)
        self._identity = identity
        self._rules = rules
        self._sealed = sealed
        self._world = world
        self._running: dict[Member, int] = {}

    def answered(self) -> frozenset[MethodId]:
        """Return the methods that are answered for real."""
        return frozenset(self._methods)

    @property
    def rules(self) -> Rules:
        """Return who decides."""
        return self._rules

    def method(self, id_: MethodId) -> tuple[Method[Any], Service]:
        """Return a method that is answered, and its service; raises 501 for any other."""
        bound = self._methods.get(id_)
        if bound is None:
            raise unimplemented(id_)
        return bound

    async def serve(self, call: Call) -> Reply:
        """Answer a call, or raise the `CloudError` that refuses it."""
        method, service = self.method(call.method)
        principal = await self._identity.identify(call, service.name)
        path = await by_id(self._sealed, call.path)
        if path is not call.path:
            call = msgspec.structs.replace(call, path=path)
        self._enter(principal.member)
        try:
            climb = _Climb(self._rules, self._sealed, method, service, call, principal)
            reads = method.access is Access.READ and not method.recorded
            return await (climb.read() if reads else climb.write())
        except (Fenced, Unavailable) as problem:
            raise unavailable("The storage engine is not available; retry later.") from problem
        finally:
            self._leave(principal.member)

    def _enter(self, member: Member) -> None:
        running = self._running.get(member, 0)
        if running >= CONCURRENT_CALLS_PER_PRINCIPAL_MAX:
            message = (
                f"More than {CONCURRENT_CALLS_PER_PRINCIPAL_MAX} calls of this principal are in"
                " progress; wait for some to end and retry."
            )
            raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="rateLimitExceeded")
        self._running[member] = running + 1

    def _leave(self, member: Member) -> None:
        left = self._running[member] - 1
        if left:
            self._running[member] = left
        else:
            del self._running[member]


class _Climb:
    """One call on its way up and down the stair."""

    __slots__ = ("authority", "call", "facts", "grant", "intent", "method", "sealed", "service")

    def __init__(
        self,
        rules: Rules,
        sealed: SealedEngine,
        method: Method[Any],
        service: Service,
        call: Call,
        principal: Principal,
    ) -> None:
        self.sealed = sealed
        self.method = method
        self.service = service
        self.call = call
        within = Within(call, method.access, service.name)
        self.facts = within.facts
        self.authority = Authority(principal, rules, within)
        self.intent: int | None = None
        self.grant: Grant | None = None

    async def read(self) -> Reply:
        """Authorise and answer; nothing is written."""
        store, tx = self._open(None)
        grant = await self._authorise(store, tx)
        return await self._run(grant, store, tx)

    async def write(self) -> Reply:
        """Authorise, stage, then act and seal the outcome in one commit."""
        staged: object = None
        try:
            staged = await self._stage()
            return await self._act(staged)
        except OutOfSpace as problem:
            await self._discard(staged)
            raise CloudError(
                Code.RESOURCE_EXHAUSTED,
                "The universe's storage is full; nothing was written.",
                reason="insufficientStorage",
                status=507,
            ) from problem
        except CloudError:
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
            if not (tx.writes or self.method.recorded):
                return reply
            tx.append(FEED, encode(self._leaf(OUTCOME, grant, reply)))
            try:
                return _with_receipt(reply, await tx.commit())
            except Conflict:
                continue
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
        resource = await self._resource(store)
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
        if self.grant is not None:
            tx.append(FEED, encode(self._leaf(INTENT, self.grant, None)))
        self.intent = (await tx.commit()).positions[0].index

    def _leaf(self, kind: str, grant: Grant, reply: Reply | None) -> Leaf:
        call = self.call
        return Leaf(
            kind=kind,
            time=call.time,
            request=call.request_id,
            method=call.method,
            permission=grant.permission,
            principal=grant.principal.member,
            resource=grant.resource.name,
            remote=call.remote,
            status=reply.status if reply else 0,
            intent=self.intent,
            facts={**reply.audit, **self.facts} if reply else {},
        )

    def _open(self, staged: object) -> tuple[Any, Transaction]:
        tx = self.sealed.transaction()
        principal = self.authority.principal
        session = Session(tx, self.authority, self._intend, self.call, principal, staged)
        return self.service.open(session), tx


def _with_receipt(reply: Reply, committed: Committed) -> Reply:
    at = committed.positions[-1]
    receipt = (RECEIPT_HEADER, f"{at.feed}/{at.index}/{at.chain.hex()}")
    return msgspec.structs.replace(reply, headers=(*reply.headers, receipt))
