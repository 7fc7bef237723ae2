"""Transparency: the log of the universe for anybody to check, and what opens a customer's entries.

Ours, not Google's. The tree and its checkpoints are public (`site.py`); the table below is what is
asked with a credential: entries opened, for those who may read the data access logs of a project,
folder or organization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.method import Access, Method
from rempart.services.transparency import api
from rempart.services.transparency.store import Openings
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

_NAME = "transparency"
_PARENTS = ("projects", "folders", "organizations")
_READS = "logging.privateLogEntries.list"
_PAGES = (
    WireParameter("pageSize", "query", "integer"),
    WireParameter("pageToken", "query", "string"),
    WireParameter("startIndex", "query", "integer"),
)


def _method(parent: str) -> Method[Openings]:
    id_ = MethodId(f"{_NAME}.{parent}.openings.list")
    return Method(
        id_,
        Access.READ,
        api.list_openings,
        api.parent,
        permission=_READS,
        recorded=True,
        completes=api.with_statement,
    )


METHODS = tuple(_method(parent) for parent in _PARENTS)
OWN = WireService(
    name=_NAME,
    version="v1",
    revision="",
    host=_NAME,
    methods=tuple(
        WireMethod(
            id=f"{_NAME}.{parent}.openings.list",
            verb="GET",
            path=f"v1/{{parent={parent}/*}}/openings",
            parameters=(WireParameter("parent", "path", "string", required=True), *_PAGES),
        )
        for parent in _PARENTS
    ),
)


@dataclass(frozen=True, slots=True)
class TransparencyService:
    """The API as the gate serves it."""

    sealed: SealedEngine
    name: str = _NAME
    methods: tuple[Method[Openings], ...] = METHODS

    def open(self, session: Session) -> Openings:
        """Return the store of one session."""
        return Openings(self.sealed, session.tx)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
