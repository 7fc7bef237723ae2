"""The stair that every request climbs: identify → authorise → record intent → act → seal outcome.

docs/request-flow.md is this file in prose. No service is reached but through `Gate.serve`, or by an
agent of the universe's own through `Gate.serve_agent`.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from rempart.core.call import Call, MethodId, Reply
from rempart.core.errors import CloudError, Code, invariant, unavailable, unimplemented
from rempart.core.limits import CONCURRENT_CALLS_PER_PRINCIPAL_MAX
from rempart.core.log_type import log_type, uses_key
from rempart.core.method import Access, Method
from rempart.core.principal import Member, Principal
from rempart.engine.seam import Fenced, OutOfSpace, Unavailable
from rempart.trust.authority import Rules
from rempart.trust.climb import Bound, Climb, Log
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.identify import Identity
from rempart.trust.policy.auditing import Auditing
from rempart.trust.policy.registry import by_id
from rempart.trust.session import Service
from rempart.trust.witness.recorder import Recorder

_REFUSED = frozenset((Code.UNAUTHENTICATED, Code.PERMISSION_DENIED))


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
        self._log = Log(recorder, auditing)
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
        climb = Climb(self._rules, self._sealed, self._log, bound, call)
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

    async def _climbed(self, climb: Climb, agent: Principal | None) -> Reply:
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


def _bound(method: Method[Any], service: Service) -> Bound:
    log = log_type(method.id, method.access)
    return Bound(method, service, log, method.recorded or uses_key(method.id))


def _full() -> CloudError:
    """Return the answer while nothing can be written: what is to be on record is not done."""
    return CloudError(
        Code.RESOURCE_EXHAUSTED,
        "The universe's storage is full; nothing was written.",
        reason="insufficientStorage",
        status=507,
    )
