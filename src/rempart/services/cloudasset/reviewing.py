"""The review of rights under a scope: for who may search all policies and list keys there."""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.services.cloudasset.asked import AssetStore, scope

_PERIODS = {"": False, "QUARTERLY": False, "YEARLY": True}


async def review(grant: Grant, call: Call, store: AssetStore) -> Reply:
    """Return the lists of a review, for a quarter or a year."""
    period = call.query.get("period", "")
    if period not in _PERIODS:
        raise invalid("period is QUARTERLY or YEARLY.", field="period")
    authority = store.session.authority
    await authority.require("iam.serviceAccountKeys.list", await scope(call, store))
    document = await store.reviews.of(
        [grant.resource.name], call.time, store.session.tx, yearly=_PERIODS[period]
    )
    return Reply(document=document)
