"""Guards: what may refuse a call that IAM has allowed.

Organization policy, perimeters, disabled APIs and sovereignty rules are each one guard. They are
asked by the gate, for every permission that a call asks for, so no service can leave one out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from rempart.core.call import Body, Call, MethodId
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
    """What somebody wants to know without doing it.

    `remote`, `headers` and `certificate` (PEM) are those of the call that is thought of, as far as
    they are known.
    """

    principal: Principal
    permission: str
    resource: Resource
    time: Micros
    remote: str = ""
    headers: Mapping[str, str] = {}
    certificate: bytes = b""


class Way(msgspec.Struct, frozen=True, gc=False):
    """A method that asks for a permission; `proposes` tells whether it says what it would make."""

    method: MethodId
    access: Access
    service: str
    proposes: bool = False


class Opinion(msgspec.Struct, frozen=True, gc=False):
    """What a guard says of a call that is thought of.

    `refusal` says why it would refuse and what to do, empty where it would not. It is `unsure`
    where nobody has told where the call comes from, and that may let it through. `depends` names
    what it would judge of a call's content, which nobody knows beforehand. `see` are the
    permissions, each with the level they are asked on, of those who may know any of it: also that
    there is nothing to know.
    """

    refusal: str = ""
    unsure: bool = False
    depends: tuple[str, ...] = ()
    see: frozenset[tuple[str, str]] = frozenset()


SILENT = Opinion()


class Advisor(Protocol):
    """A guard that can be asked beforehand, of a call that is thought of: it records nothing.

    Of the same call, its opinion refuses exactly where `check` does, but for what is judged of a
    call's content.
    """

    @property
    def title(self) -> str:
        """Return what it is called in explanations."""

    async def opinion(self, asked: Asked) -> Opinion:
        """Return what it would say of a call; its proposal, document and path are not there."""


class Standing(Guard, Advisor, Protocol):
    """What refuses calls, and can be asked beforehand."""


class _Nothing:
    """The body of a call that nobody makes."""

    length = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over nothing."""
        yield b""

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - there is nothing to limit
        """Return nothing."""
        return b""


async def _unknown() -> Proposal | None:
    """Return nothing: what would be made is not known."""
    return None


_NOTHING: Body = _Nothing()


def thought_of(question: Question, way: Way) -> Asked:
    """Return what guards are asked of the call that a question is about."""
    call = Call(
        method=way.method,
        path={},
        query={},
        headers=question.headers,
        document={},
        body=_NOTHING,
        kind="plain",
        base_url="https://",
        remote=question.remote,
        request_id="",
        time=question.time,
        certificate=question.certificate,
    )
    who, permission, resource = question.principal, question.permission, question.resource
    propose = _unknown if way.proposes else None
    return Asked(who, permission, resource, call, way.access, way.service, {}, propose)
