"""The declaration of a method: data that the gate acts on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from rempart.core.call import Call, MethodId, Reply
from rempart.core.errors import invariant
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.core.proposal import Proposal

Store = TypeVar("Store")


class Access(Enum):
    """What a method does to the data."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Method(Generic[Store]):
    """One method of an API.

    `resource` says on what `permission` is asked. `stage` receives a large body before the
    transaction begins; its result reaches `run` as `store.staged`. `run` may be called again when
    a commit loses a race, so it does nothing outside its transaction. A method that asks for no
    permission says why in `public`. `proposes` says what the call would make, for guards that judge
    it; it changes nothing, and is asked only once the permission is granted. What a `recorded`
    method answers leaves only once its entry is in the log, also where no document changes;
    `completes` adds to it what is known only then, by the entry's index.
    """

    id: MethodId
    access: Access
    run: Callable[[Grant, Call, Store], Awaitable[Reply]]
    resource: Callable[[Call, Store], Awaitable[Resource]]
    permission: str = ""
    public: str = ""
    stage: Callable[[Grant, Call, Store], Awaitable[Any]] | None = None
    proposes: Callable[[Call, Store], Awaitable[Proposal | None]] | None = None
    recorded: bool = False
    completes: Callable[[Reply, int, Store], Awaitable[Reply]] | None = None

    def __post_init__(self) -> None:
        """Refuse a method that neither asks for a permission nor says why not."""
        invariant(bool(self.permission) != bool(self.public), f"{self.id}: permission or public")
