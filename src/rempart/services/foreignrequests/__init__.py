"""The register of orders of authorities: what was asked, what can be done, who was told.

Ours, not Google's; for those who keep the register (`keeping.py`). An entry is a note and nothing
more: no other part of the universe reads it, no right comes of it, and nothing removes it.
docs/orders.md, docs/spec/order.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.services.foreignrequests import api, keeping
from rempart.services.foreignrequests.store import OrderStore, Setup
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

_NAME = "foreignrequests"
_R, _W = Access.READ, Access.WRITE
_KEEPERS = "who keeps the register is named in the signed rules of the operator's staff, not in IAM"
Run = Callable[[Grant, Call, OrderStore], Awaitable[Reply]]


def _method(name: str, access: Access, run: Run) -> Method[OrderStore]:
    id_ = MethodId(f"{_NAME}.{name}")
    return Method(id_, access, run, keeping.register, public=_KEEPERS, recorded=True)


METHODS: tuple[Method[OrderStore], ...] = (
    _method("orders.enter", _W, api.enter),
    _method("orders.list", _R, api.list_),
    _method("orders.get", _R, api.get),
    _method("orders.assess", _W, api.assess),
    _method("orders.answer", _R, api.answered),
    _method("orders.prolong", _W, api.prolong),
    _method("orders.disclose", _W, api.disclose),
    _method("orders.close", _W, api.close),
    _method("report", _R, api.report),
)

_ID = WireParameter("id", "path", "string", required=True)
_PAGES = (
    WireParameter("pageSize", "query", "integer"),
    WireParameter("pageToken", "query", "string"),
)


def _wire(name: str, verb: str, path: str, *query: WireParameter) -> WireMethod:
    parameters = (_ID, *query) if "{id}" in path else query
    return WireMethod(f"{_NAME}.{name}", verb, f"v1/{path}", parameters=parameters)


OWN = WireService(
    name=_NAME,
    version="v1",
    revision="",
    host=_NAME,
    methods=(
        _wire("orders.enter", "POST", "orders"),
        _wire("orders.list", "GET", "orders", *_PAGES),
        _wire("orders.get", "GET", "orders/{id}"),
        _wire("orders.assess", "POST", "orders/{id}:assess"),
        _wire("orders.answer", "GET", "orders/{id}:answer",
              WireParameter("language", "query", "string")),
        _wire("orders.prolong", "POST", "orders/{id}:prolong"),
        _wire("orders.disclose", "POST", "orders/{id}:disclose"),
        _wire("orders.close", "POST", "orders/{id}:close"),
        _wire("report", "GET", "report", WireParameter("year", "query", "integer")),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForeignRequestsService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = _NAME
    methods: tuple[Method[OrderStore], ...] = METHODS

    def open(self, session: Session) -> OrderStore:
        """Return the store of one session."""
        return OrderStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
