"""The method of Transparency that asks for a credential."""

from __future__ import annotations

import base64

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, paged, token
from rempart.core.policy import Resource
from rempart.services.transparency.store import Opened, Openings
from rempart.trust.policy.hierarchy import resource_at

OPENINGS_MAX = 1000


async def parent(call: Call, _store: Openings) -> Resource:
    """Return the project, folder or organization whose entries are asked for."""
    return resource_at(call.path["parent"])


async def list_openings(grant: Grant, call: Call, store: Openings) -> Reply:
    """Return a page of entries of a container, opened, with what opens them.

    A page may be short or empty although more follows: it ends after so many entries of the log.
    """
    asked = page(call.query, default=OPENINGS_MAX, most=OPENINGS_MAX)
    start = asked.after_name or "0"
    if not start.isdecimal():
        raise invalid("Invalid value for 'pageToken'.", field="pageToken")
    found, follows = await store.list(grant, call.path["parent"], int(start), asked.size)
    following = token(str(follows)) if follows is not None else ""
    return Reply(document=paged("openings", [_shown(one) for one in found], following))


def _shown(one: Opened) -> dict[str, object]:
    """Return an opening as `rempart verify` reads it (docs/spec/feed.md)."""
    return {
        "index": str(one.index),
        "salt": base64.b64encode(one.opening.salt).decode(),
        "leaf": one.opening.content.decode(),
    }
