"""The stair that every request climbs: identify → authorise → record intent → act → seal outcome.

docs/request-flow.md is this file in prose. No service is reached but through `Gate.serve`, or by an
agent of the universe's own through `Gate.serve_agent`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from msgspec import structs

from rempart.core.call import Call, MethodId, Reply
from rempart.core.errors import CloudError, Code, aborted, invariant, unavailable, unimplemented
from rempart.core.grant import Grant
from rempart.core.limits import COMMIT_ATTEMPTS_MAX, CONCURRENT_CALLS_PER_PRINCIPAL_MAX
from rempart.core.log_type import LogType, log_type, uses_key
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.core.principal import ANONYMOUS, Member, Principal
from rempart.core.proposal import Proposal
from rempart.engine.seam import Conflict, Fenced, OutOfSpace, Unavailable
from rempart.trust.authority import Authority, Rules, Within
from rempart.trust.custody.sealed import SealedEngine, Transaction
from rempart.trust.identity import namesakes
from rempart.trust.identity.identify import Identity
from rempart.trust.policy.auditing import Auditing
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.refusals import nobody
from rempart.trust.policy.registry import by_id
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import Place
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

_REFUSED = frozenset((Code.UNAUTHENTICATED, Code.PERMISSION_DENIED))


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


@dataclass(frozen=True, slots=True)
class Bound:
    """A method that is answered: by which service, and how its calls are on record.

    `recorded` says that an answer leaves only once its entry is in the log, whatever is read.
    """

    method: Method[Any]
    service: Service
    log: LogType
    recorded: bool


def _bound(method: Method[Any], service: Service) -> Bound:
    log = log_type(method.id, method.access)
    return Bound(method, service, log, method.recorded or uses_key(method.id))


class Gate:
    """Serves calls of all services."""

    def __init__(
        self,
        services: tuple[Service, ...],
        *,
        identity: Identity,
        rules: Rules,
        sealed: SealedEngine,
        recorder: Recorder,
        auditing: Auditing,
    ) -> None:
        self._methods: dict[MethodId, Bound] = {}
        for service in services:
            for method in service.methods:
                invariant(method.id not in self._methods, f"{method.id} is declared twice")
                self._methods[method.id] = _bound(method, service)
        self._identity = identity
        self._rules = rules
        self._sealed = sealed
        self._log = _Log(recorder, auditing)
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
        bound = self._bound(id_)
        return bound.method, bound.service

    def _bound(self, id_: MethodId) -> Bound:
        bound = self._methods.get(id_)
        if bound is None:
            raise unimplemented(id_)
        return bound

    async def serve(self, call: Call) -> Reply:
        """Answer a call, or raise the `CloudError` that refuses it."""
        return await self._served(call, None)

    async def serve_agent(self, agent: Principal, call: Call) -> Reply:
        """Answer a call of one of the universe's own agents, which has no credential.

        It may do what IAM grants it and is on record as anybody; no door leads here.
        """
        return await self._served(call, agent)

    async def _served(self, call: Call, agent: Principal | None) -> Reply:
        bound = self._bound(call.method)
        climb = _Climb(self._rules, self._sealed, self._log, bound, call)
        try:
            return await self._climbed(climb, agent)
        except CloudError as problem:
            if problem.code in _REFUSED:
                await climb.refused(problem)
            raise
        except OutOfSpace as problem:
            raise _full() from problem
        except (Fenced, Unavailable) as problem:
            raise unavailable("The storage engine is not available; retry later.") from problem

    async def _climbed(self, climb: _Climb, agent: Principal | None) -> Reply:
        call = climb.call
        principal = agent or await self._identity.identify(call, climb.service.name)
        path = await by_id(self._sealed, call.path)
        climb.begin(principal, call if path is call.path else structs.replace(call, path=path))
        self._enter(principal.member)
        try:
            reads = climb.method.access is Access.READ and not climb.bound.recorded
            return await (climb.read() if reads else climb.write())
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


@dataclass(frozen=True, slots=True)
class _Log:
    """What writes the log outside of commits, and what says which reads are to be in it."""

    recorder: Recorder
    auditing: Auditing


class _Climb:
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
        self, rules: Rules, sealed: SealedEngine, log: _Log, bound: Bound, call: Call
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
                committed = await tx.commit()
                return with_header(reply, receipt(committed.positions[-1], entry))
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


def _full() -> CloudError:
    """Return the answer while nothing can be written: what is to be on record is not done."""
    return CloudError(
        Code.RESOURCE_EXHAUSTED,
        "The universe's storage is full; nothing was written.",
        reason="insufficientStorage",
        status=507,
    )


def with_header(reply: Reply, header: tuple[str, str]) -> Reply:
    """Return a reply with one more header."""
    return structs.replace(reply, headers=(*reply.headers, header))
