"""What a call gives a service, and what the gate asks of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rempart.core.call import Call
from rempart.core.method import Method
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.trust.authority import Authority
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import namesakes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import Place


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
        missing = await namesakes.missing(self.call.document, self.tx)
        return Place(level, surroundings, public=public, conditions=conditions, missing=missing)

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
