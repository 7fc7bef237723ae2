"""The register's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, not_found
from rempart.core.grant import Grant
from rempart.core.pages import Page
from rempart.services.answers.places import Places
from rempart.services.foreignrequests import assessing
from rempart.services.foreignrequests.concerned import customers
from rempart.services.foreignrequests.kinds import ASSESSMENT, DUE, ORDER, Due
from rempart.services.foreignrequests.model import names
from rempart.services.foreignrequests.model.assessment import Assessment
from rempart.services.foreignrequests.model.order import Facts, Order, Prolonged
from rempart.services.foreignrequests.sealing import seal, tell
from rempart.services.kms.opened import OpenedKeys
from rempart.services.listing import listed
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.session import Session

ORDERS_MAX = 10_000
"""How many orders a register holds: entries are never removed, and a report reads all."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life; `root` says where the root key is kept."""

    sealed: SealedEngine
    world: World
    staff: Staff
    places: Places
    opened: OpenedKeys
    root: Callable[[], str]


class OrderStore:
    """The register as one session sees it."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx

    async def order(self, grant: Grant, id_: str) -> Order:
        """Return an order; raises `not_found`."""
        found = await self.tx.get(ORDER, names.parsed(id_))
        if found is None:
            raise not_found(f"Order {id_} not found.")
        return found

    async def page(self, grant: Grant, page: Page) -> tuple[list[Found[Order]], str]:
        """Return a page of orders, newest first, and the next page's token."""
        return await listed(self.tx, ORDER, ORDER.under(), page)

    async def every(self, grant: Grant) -> AsyncIterator[Order]:
        """Iterate over all orders."""
        async for one in scanned(self.tx, ORDER, ORDER.under()):
            yield one.value

    async def enter(self, grant: Grant, facts: Facts) -> tuple[str, Order]:
        """Keep a new order, with an entry in the log for each customer whom it is about."""
        if len(await self.tx.scan(ORDER, ORDER.under(), limit=ORDERS_MAX)) == ORDERS_MAX:
            message = f"The register holds {ORDERS_MAX} orders, and none is ever removed."
            raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="quotaExceeded")
        id_ = names.new_id(self.now, self.setup.world.random(names.SALT_BYTES))
        parts = await customers(facts.scope, self.setup.places, self.setup.sealed, self.tx)
        order = Order(
            facts=facts,
            entered=self.now,
            by=grant.principal.member,
            due=facts.gag.over if facts.gag else self.now,
            sealed=await seal(self.tx, id_, facts, parts, self.now),
        )
        self.tx.put(ORDER, id_, value=order)
        self.tx.put(DUE, order.due, id_, value=Due())
        return id_, order

    async def assess(self, grant: Grant, id_: str, order: Order) -> tuple[Order, Assessment]:
        """Compute an order's assessment anew and keep it.

        A customer who has become one since the order was entered has an entry from now on.
        """
        setup, scope = self.setup, order.facts.scope
        ground = assessing.Ground(setup.sealed, setup.places, setup.opened)
        found = await assessing.assess(ground, scope, setup.root(), self.now)
        order = await self._complete(id_, order)
        new = replace(order, assessed=found.at)
        self.tx.put(ASSESSMENT, id_, value=found)
        self.tx.put(ORDER, id_, value=new)
        return new, found

    async def _complete(self, id_: str, order: Order) -> Order:
        setup, scope = self.setup, order.facts.scope
        known = {one.customer for one in order.sealed}
        parts = await customers(scope, setup.places, setup.sealed, self.tx)
        late = {name: part for name, part in parts.items() if name not in known}
        if not late:
            return order
        sealed = await seal(self.tx, id_, order.facts, late, self.now)
        order = replace(order, sealed=(*order.sealed, *sealed))
        if order.told:
            # What others were told already, these are told at the next round.
            order = replace(order, due=self.now)
            self.tx.put(DUE, order.due, id_, value=Due())
        return order

    async def assessment(self, grant: Grant, id_: str) -> Assessment | None:
        """Return the newest assessment of an order, if there is one."""
        return await self.tx.get(ASSESSMENT, id_)

    async def tell(self, grant: Grant, id_: str, order: Order, because: str) -> Order:
        """Tell an order's customers now."""
        return await tell(self.tx, id_, order, self.now, because)

    def prolong(self, grant: Grant, id_: str, order: Order, prolonged: Prolonged) -> Order:
        """Put a silence in the place of another."""
        due = prolonged.gag.over
        new = replace(order, prolonged=(*order.prolonged, prolonged), due=due)
        self.tx.delete(DUE, order.due, id_)
        self.tx.put(DUE, new.due, id_, value=Due())
        self.tx.put(ORDER, id_, value=new)
        return new

    def put(self, grant: Grant, id_: str, order: Order) -> None:
        """Keep an order."""
        self.tx.put(ORDER, id_, value=order)

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()
