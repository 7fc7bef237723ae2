"""Who of the operator's staff may act for which customer now, and the record of every call.

A call is let in by an approval that is in force when its record is committed: the record and the
look at the approval are one transaction, so nothing is let in after an approval was taken back. An
answer that is still being sent when it is taken back is cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, aborted, denied, invariant
from rempart.core.grant import Approved
from rempart.core.limits import COMMIT_ATTEMPTS_MAX
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.engine.seam import Conflict
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.policy.changes import Concluded
from rempart.trust.policy.hierarchy import container_of, level_name, levels
from rempart.trust.policy.sovereignty.rules import Rules
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.support.documents import (
    OF_STAFF,
    REQUEST,
    TALLY,
    Request,
    Tally,
    request_name,
)
from rempart.trust.policy.support.rules import Sought, State, covers, state

Served = Callable[[Call], Awaitable[Reply]]
Recording = Callable[[Call, str, str, Resource, Approved, Access], bytes]
"""Returns the log's entry of a call: who seeks what, on what, by whose leave, how."""

Owned = tuple[tuple[str, str, Request], ...]


class SupportAccess:
    """Finds the approval that covers a call, and records the call under it."""

    def __init__(
        self, sealed: SealedEngine, staff: Staff, world: World, feed: str, recording: Recording
    ) -> None:
        self._sealed = sealed
        self._staff = staff
        self._clock = world.clock
        self._feed = feed
        self._recording = recording
        self._requests: Concluded[str, Owned] = Concluded(sealed, (REQUEST,), self._made_by)
        self._answering: dict[str, Approved] = {}
        self._sending: dict[str, int] = {}

    def idle(self, now: Micros) -> bool:
        """Tell, without waiting, that nobody is concerned; False where that is not known."""
        return self._staff.absent(now)

    async def concerned(self, principal: Principal, resource: Resource, now: Micros) -> bool:
        """Tell whether somebody is the operator's, and a resource a customer's."""
        rules = await self._staff.rules(now)
        if rules is None or not await self._staff.includes(rules, principal.member, now):
            return False
        container = container_of(resource)
        return bool(container) and not await self._own(rules, container)

    async def approved(
        self, principal: Principal, permission: str, resource: Resource, call: Call, access: Access
    ) -> Approved | None:
        """Return the approval that covers what somebody of the staff seeks, if there is one."""
        now = call.time
        if not await self.concerned(principal, resource, now):
            return None
        member = self._staff.named(principal.member)
        sought = Sought(
            member,
            permission,
            permission.partition(".")[0] or resource.name.service.partition(".")[0],
            resource.name.name,
            container_of(resource),
            access,
            now,
        )
        for container, id_, request in await self._requests.of(member):
            if covers(request, sought):
                return _approved(container, id_, request)
        return None

    async def enter(
        self,
        approved: Approved,
        call: Call,
        permission: str,
        resource: Resource,
        access: Access,
    ) -> None:
        """Make the record of a call under an approval durable, or raise that it is over."""
        container, id_ = approved.container, approved.id
        for _ in range(COMMIT_ATTEMPTS_MAX):
            tx = self._sealed.transaction()
            now = self._clock()
            request = await tx.get(REQUEST, container, id_)
            if request is None or state(request, now) is not State.ACTIVE:
                raise over(approved.name)
            tally = await tx.get(TALLY, container, id_) or Tally()
            tx.put(TALLY, container, id_, value=counted(tally, access, now))
            by = request.principal
            entry = self._recording(call, by, permission, resource, approved, access)
            tx.append(self._feed, entry)
            try:
                await tx.commit()
            except Conflict:
                continue
            self._answering[call.request_id] = approved
            return
        raise aborted("The approval kept changing while this call was made; retry it.")

    def sending(self, name: str) -> int:
        """Return how many answers are being sent under an approval."""
        return self._sending.get(name, 0)

    def watched(self, serve: Served) -> Served:
        """Return what serves calls and cuts an answer once its approval is over."""

        async def served(call: Call) -> Reply:
            try:
                reply = await serve(call)
            finally:
                approved = self._answering.pop(call.request_id, None) if self._answering else None
            if approved is None or reply.stream is None:
                return reply
            return replace(reply, stream=self._cut(reply.stream, approved))

        return served

    async def _cut(self, stream: AsyncIterator[bytes], approved: Approved) -> AsyncIterator[bytes]:
        name = approved.name
        self._sending[name] = self._sending.get(name, 0) + 1
        try:
            async for piece in stream:
                found = await self._sealed.find(
                    REQUEST, REQUEST.key(approved.container, approved.id)
                )
                if found is None or state(found.value, self._clock()) is not State.ACTIVE:
                    raise over(name)
                yield piece
        finally:
            self._sending[name] -= 1
            if not self._sending[name]:
                del self._sending[name]

    async def _made_by(self, member: str) -> Owned:
        """Return the approved requests of somebody, oldest first."""
        found = list[tuple[str, str, Request]]()
        async for one in scanned(self._sealed, OF_STAFF, OF_STAFF.under(member)):
            _, container, id_ = one.key[1:-1].decode().split("\x00")
            request = await self._sealed.find(REQUEST, REQUEST.key(container, id_))
            invariant(request is not None, "a request that somebody made is there")
            if request is not None and request.value.approved and not request.value.invalidated:
                found.append((container, id_, request.value))
        return tuple(found)

    async def _own(self, rules: Rules, container: str) -> bool:
        """Tell whether a container is the operator's own, or in what is."""
        own = rules.operator.own
        if not own:
            return False
        return any(level_name(one) in own for one in await levels(self._sealed, container))


def counted(tally: Tally, access: Access, now: int) -> Tally:
    """Return a tally with one more call."""
    reads = access is Access.READ
    return replace(
        tally,
        calls=tally.calls + 1,
        reads=tally.reads + reads,
        writes=tally.writes + (not reads),
        first=tally.first or now,
        last=now,
    )


def _approved(container: str, id_: str, request: Request) -> Approved:
    evidence = "~".join(one.evidence for one in request.signatures if one.evidence)
    return Approved(
        container, id_, request_name(container, id_), request.reason, evidence,
        len(request.signatures), len(request.officers),
    )  # fmt: skip


def over(name: str) -> CloudError:
    """Return the refusal of what an approval let in that is over."""
    return denied(f"The approval {name} is over.", reason="accessApproval")
