"""Guards: what may refuse a call that IAM has allowed.

Organization policy, perimeters, disabled APIs and sovereignty rules are each one guard. They are
asked by the gate, for every permission that a call asks for, so no service can leave one out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from rempart.core.call import Call
from rempart.core.clock import Micros
from rempart.core.grant import Approved
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.core.proposal import Proposal

Propose = Callable[[], Awaitable[Proposal | None]]


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A permission that IAM has granted within a call; empty for a method that needs none.

    `propose` tells what the call would make, where its method declares it; it comes with the
    method's own permission only, so that it is judged once. What a guard puts into `facts` is in
    the log's entry of a write that goes through.

    `before` has what was first asked in each project in the same call, by project: one call may
    read in one and write in another. The first of them was asked by the caller; a later one by
    another principal was asked by an agent that acts for the caller.

    `behind` is the caller for whom an agent asks, None where the principal asks in person.
    `approved` is the customer's approval that covers the call, of somebody of the operator's.
    """

    principal: Principal
    permission: str
    resource: Resource
    call: Call
    access: Access
    service: str
    facts: dict[str, str] = {}
    propose: Propose | None = None
    before: Mapping[str, Asked] = {}
    behind: Principal | None = None
    approved: Approved | None = None


class Guard(Protocol):
    """One reason to refuse what IAM allows."""

    async def check(self, asked: Asked) -> None:
        """Raise the refusal, or return; with nothing configured it costs a few microseconds."""


class Question(msgspec.Struct, frozen=True, gc=False):
    """What somebody wants to know without doing it."""

    principal: Principal
    permission: str
    resource: Resource
    time: Micros


class Advisor(Protocol):
    """A guard that can be asked beforehand: it then records nothing."""

    @property
    def title(self) -> str:
        """Return what it is called in explanations."""

    async def opinion(self, question: Question) -> str:
        """Return why it would refuse, empty where it would not."""
