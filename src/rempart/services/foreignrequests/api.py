"""The methods of the register. None of them touches anything that an order asks for."""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import integer, only
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.services.foreignrequests.answer.template import LANGUAGES, answer
from rempart.services.foreignrequests.keeping import keeper
from rempart.services.foreignrequests.model import entering
from rempart.services.foreignrequests.model.order import Closing, Order, Prolonged
from rempart.services.foreignrequests.model.shown import assessment_json, order_json, report_json
from rempart.services.foreignrequests.store import OrderStore

PROLONGED_MAX = 100


async def enter(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Enter an order; nothing else happens by it."""
    await keeper(grant, store)
    id_, order = await store.enter(grant, entering.entered(call.document, store.now))
    return _reply(id_, order, digest=order.facts.digest)


async def list_(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """List orders, newest first."""
    await keeper(grant, store)
    found, following = await store.page(grant, page(call.query))
    shown = [order_json(one.id, one.value) for one in found]
    return Reply(document=paged("orders", shown, following))


async def get(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Return an order, with its newest assessment."""
    await keeper(grant, store)
    id_, order = await _order(grant, call, store)
    found = await store.assessment(grant, id_)
    document = order_json(id_, order)
    return Reply(document=document | ({"assessment": assessment_json(found)} if found else {}))


async def assess(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Compute what of an order's scope can be handed over, as everything stands now."""
    await keeper(grant, store)
    only(call.document, "id")
    id_, order = await _order(grant, call, store)
    _, found = await store.assess(grant, id_, order)
    return Reply(
        document=assessment_json(found),
        audit={"order": id_, "assessment": found.digest, "reach": found.reach.value},
    )


async def answered(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Return a draft of the answer for counsel, of the newest assessment."""
    rules = await keeper(grant, store)
    language = call.query.get("language") or "en"
    if language not in LANGUAGES:
        raise invalid(f"language is one of {', '.join(LANGUAGES)}.", field="language")
    id_, order = await _order(grant, call, store)
    found = await store.assessment(grant, id_)
    if found is None:
        raise _precondition("The order was never assessed: assess it first.", "NOT_ASSESSED")
    text = answer(id_, order, found, rules, language)
    stated = {"order": id_, "text": hashlib.sha256(text.encode()).hexdigest()}
    return Reply(document={"language": language, "text": text}, audit=stated)


async def prolong(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Put another end to a silence, before the customers were told."""
    await keeper(grant, store)
    id_, order = await _order(grant, call, store)
    _require_sealed(order)
    if order.gag is None:
        raise _precondition("The order claims no silence.", "NO_GAG")
    if order.due <= store.now:
        raise _precondition("The silence is over: its customers are being told.", "OVER")
    gag = entering.prolonging(call.document, store.now)
    if len(order.prolonged) == PROLONGED_MAX:
        raise _precondition(f"It was prolonged {PROLONGED_MAX} times.", "PROLONGED_TOO_OFTEN")
    prolonged = Prolonged(store.now, gag, grant.principal.member)
    new = store.prolong(grant, id_, order, prolonged)
    return _reply(id_, new, provision=gag.provision)


async def disclose(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Tell the customers before a silence is over: it was lifted, or does not bind."""
    await keeper(grant, store)
    only(call.document, "id", "because")
    id_, order = await _order(grant, call, store)
    _require_sealed(order)
    because = entering.words(call.document, "because")
    return _reply(id_, await store.tell(grant, id_, order, because), because=because)


async def close(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Say how an order ended. The entry stays, and so does its seal."""
    await keeper(grant, store)
    id_, order = await _order(grant, call, store)
    outcome, note = entering.closing(call.document)
    if order.closing is not None:
        raise _precondition("The order is closed already.", "CLOSED")
    new = replace(order, closing=Closing(store.now, outcome, note, grant.principal.member))
    store.put(grant, id_, new)
    return _reply(id_, new, outcome=outcome.value)


async def report(grant: Grant, call: Call, store: OrderStore) -> Reply:
    """Count the orders of which their customers were told, all or a year's."""
    await keeper(grant, store)
    year = integer(call.query, "year")
    every = [order async for order in store.every(grant)]
    return Reply(document=report_json(every, year))


async def _order(grant: Grant, call: Call, store: OrderStore) -> tuple[str, Order]:
    id_ = call.path["id"]
    return id_, await store.order(grant, id_)


def _require_sealed(order: Order) -> None:
    if order.told:
        raise _precondition("Its customers were told: that cannot be undone.", "TOLD")


def _reply(id_: str, order: Order, **audit: str) -> Reply:
    return Reply(document=order_json(id_, order), audit={"order": id_, **audit})


def _precondition(message: str, reason: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason=reason)
