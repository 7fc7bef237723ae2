"""The port through which services tell what of theirs has a policy of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.trust.custody.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Held:
    """Something that has a policy.

    `full` is its name as Cloud Asset Inventory has it (`//storage.googleapis.com/b`); `above` is
    that of what it lies in, empty at the top. `see` is the permission to read the policy, asked on
    `resource`. `policy` may differ from what is stored: an object's is what its ACL amounts to.
    """

    resource: Resource
    full: str
    policy: Policy
    see: str
    above: str

    @property
    def name(self) -> ResourceName:
        """Return its name as policy has it."""
        return self.resource.name


@dataclass(frozen=True, slots=True)
class Located:
    """A resource that was asked about, and whose policies are its own: `held`, nearest first.

    There are as many as `resource.policies`, in the same order.
    """

    resource: Resource
    full: str
    held: tuple[Held, ...] = ()


class Holder(Protocol):
    """What one service holds that has policies, below projects."""

    @property
    def service(self) -> str:
        """Return the service of full resource names: `storage.googleapis.com`."""

    async def find(self, name: str, tx: Transaction) -> Located | None:
        """Return the resource of a name, as it follows `//SERVICE/`; None where there is none.

        Nobody is asked whether the caller may know.
        """

    def under(self, project: ProjectId, tx: Transaction) -> AsyncIterator[Held]:
        """Iterate over all in a project that has a policy, in the order of the names."""
