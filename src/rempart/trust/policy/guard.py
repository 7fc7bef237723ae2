"""Guards: what may refuse a call that IAM has allowed.

Organization policy, perimeters, disabled APIs and sovereignty rules are each one guard. They are
asked by the gate, for every permission that a call asks for, so no service can leave one out.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from rempart.core.call import Call
from rempart.core.clock import Micros
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A permission that IAM has granted within a call; empty for a method that needs none."""

    principal: Principal
    permission: str
    resource: Resource
    call: Call
    access: Access
    service: str


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
