"""How the rows of IAM's table are written, whatever the noun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.core.proposal import Proposal
from rempart.services.iam.store import IamStore

Resources = Callable[[Call, IamStore], Awaitable[Resource]]
Proposes = Callable[[Call, IamStore], Awaitable[Proposal | None]]
Run = Callable[[Grant, Call, IamStore], Awaitable[Reply]]
Methods = tuple[Method[IamStore], ...]


def reading(name: str, permission: str, resource: Resources, run: Run) -> Method[IamStore]:
    """Return the row of a method that changes nothing."""
    return Method(MethodId(f"iam.{name}"), Access.READ, run, resource, f"iam.{permission}")


def writing(
    name: str, permission: str, resource: Resources, run: Run, proposes: Proposes | None = None
) -> Method[IamStore]:
    """Return the row of a method that changes something, and what it would make."""
    id_ = MethodId(f"iam.{name}")
    return Method(id_, Access.WRITE, run, resource, f"iam.{permission}", proposes=proposes)


def public(name: str, resource: Resources, run: Run, *, why: str) -> Method[IamStore]:
    """Return the row of a method that reads, for a reason, without a permission."""
    return Method(MethodId(f"iam.{name}"), Access.READ, run, resource, public=why)
