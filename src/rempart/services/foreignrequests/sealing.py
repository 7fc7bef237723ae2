"""A customer's entry of an order: sealed in the log at once, opened to the customer when it is due.

Sealed, it is an entry of the universe's own, which no customer's list of openings shows; its
commitment is public like every other, so that it is there is provable from its first checkpoint on.
Told, another entry, of the customer's, hands over what opens the first (docs/spec/order.md).
"""

from __future__ import annotations

import base64

from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import data_loss
from rempart.services.foreignrequests.kinds import DUE, ORDER
from rempart.services.foreignrequests.model.order import Facts, Gag, Order, Scope, SealedEntry
from rempart.services.foreignrequests.model.shown import time
from rempart.trust.custody.sealed import Entry
from rempart.trust.custody.transaction import Transaction
from rempart.trust.witness.leaf import EVENT, FEED, Leaf, encode

SEALED = "foreignrequests.orders.seal"
TOLD = "foreignrequests.orders.tell"
PAGE = 100
_AGENT = "system:foreignrequests"


async def seal(
    tx: Transaction, id_: str, facts: Facts, parts: dict[str, Scope], now: Micros
) -> tuple[SealedEntry, ...]:
    """Append to the log what each customer will be told, and return how to find it again."""
    since = await tx.length(FEED)
    return tuple(
        SealedEntry(customer, tx.append(FEED, _sealed(id_, facts, customer, part, now)), since)
        for customer, part in parts.items()
    )


async def tell(tx: Transaction, id_: str, order: Order, now: Micros, because: str = "") -> Order:
    """Open an order's entries to its customers; return the order, told."""
    told = list[SealedEntry]()
    for one in order.sealed:
        if one.index >= 0:
            told.append(one)
            continue
        entry = await _found(tx, one)
        tx.append(FEED, _told(id_, order, one.customer, entry, now, because))
        told.append(replace(one, index=entry.index))
    tx.delete(DUE, order.due, id_)
    new = replace(
        order, sealed=tuple(told), told=order.told or now, because=because or order.because
    )
    tx.put(ORDER, id_, value=new)
    return new


async def _found(tx: Transaction, sealed: SealedEntry) -> Entry:
    """Return an entry by its commitment; it lies little after where the log ended before it."""
    start = sealed.since
    while page := await tx.entries(FEED, start, limit=PAGE):
        for entry in page:
            if entry.commitment == sealed.commitment and entry.opening is not None:
                return entry
        start = page[-1].index + 1
    raise data_loss(f"The sealed entry for {sealed.customer} is not in the log.")


def _sealed(id_: str, facts: Facts, customer: str, part: Scope, now: Micros) -> bytes:
    said = {
        "order": id_,
        "customer": customer,
        "authority": facts.authority,
        "country": facts.country,
        "law": facts.law,
        "statute": facts.statute,
        "reference": facts.reference,
        "received": time(facts.received),
        "channel": facts.channel,
        "deadline": time(facts.deadline),
        "documentSha256": facts.document,
        "kinds": ",".join(part.kinds),
        "resources": "\n".join(part.resources),
        "principals": "\n".join(part.principals),
        "from": time(part.begins),
        "to": time(part.ends),
        **(_silence(facts.gag) if facts.gag else {}),
    }
    return _leaf(SEALED, now, {name: value for name, value in said.items() if value})


def _told(id_: str, order: Order, customer: str, entry: Entry, now: Micros, because: str) -> bytes:
    if entry.opening is None:
        raise data_loss(f"The sealed entry for {customer} was pruned.")
    said = {
        "order": id_,
        "index": str(entry.index),
        "salt": base64.b64encode(entry.opening.salt).decode(),
        "leaf": entry.opening.content.decode(),
        "prolonged": "\n".join(
            f"{time(one.at)}: {time(one.gag.over)}, {one.gag.provision}" for one in order.prolonged
        ),
        "because": because,
    }
    return _leaf(TOLD, now, {name: value for name, value in said.items() if value}, customer)


def _leaf(method: str, now: Micros, facts: dict[str, str], customer: str = "") -> bytes:
    return encode(
        Leaf(
            kind=EVENT,
            time=now,
            request="",
            method=method,
            principal=_AGENT,
            resource=customer,
            container=customer,
            service="foreignrequests",
            facts=facts,
        )
    )


def _silence(gag: Gag) -> dict[str, str]:
    """Return what is said of a silence that an order claims."""
    end = {"gagUntil": time(gag.until)} if gag.until else {"gagReview": time(gag.review)}
    return {"gag": gag.provision, **end}
