"""Who keeps the register: those of the operator's staff whom the sovereignty rules name for it."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.errors import CloudError, denied
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.services.foreignrequests.store import OrderStore
from rempart.trust.policy.refusals import nobody
from rempart.trust.policy.sovereignty.register import canonical
from rempart.trust.policy.sovereignty.rules import Rules

SERVICE = "foreignrequests.googleapis.com"


async def register(call: Call, store: OrderStore) -> Resource:
    """Return the register: it is in no customer's hierarchy, so no customer's list shows it."""
    return Resource(ResourceName(SERVICE, f"{SERVICE}/Register", "orders"), None)


async def keeper(grant: Grant, store: OrderStore) -> Rules:
    """Return the rules in force, or raise unless the caller is one of its keepers.

    Whoever is named must also be in the staff register that is in force.
    """
    staff, now, member = store.setup.staff, store.session.call.time, grant.principal.member
    if grant.principal.anonymous:
        raise nobody()
    rules = await staff.rules(now)
    orders = rules.orders if rules else None
    named = orders is not None and canonical(member) in map(canonical, orders.keepers)
    if rules is None or orders is None or not named:
        raise _denied()
    if await staff.person(rules, member, now) is None:
        raise _denied()
    return rules


def _denied() -> CloudError:
    return denied(
        "Only the keepers of the register of orders may do this: those whom [orders] in"
        " sovereignty.toml names, by a staff register that is in force.",
        reason="foreignRequests",
    )
