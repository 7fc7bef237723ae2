"""The method of Transparency that asks for a credential."""

from __future__ import annotations

import base64

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.document import integer
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, paged, token
from rempart.core.policy import Resource
from rempart.services.transparency.store import Opened, Openings
from rempart.tlog.commitment import digest
from rempart.trust.policy.hierarchy import resource_at

OPENINGS_MAX = 1000
INDEX_DIGITS_MAX = 18


async def parent(call: Call, _store: Openings) -> Resource:
    """Return the project, folder or organization whose entries are asked for."""
    return resource_at(call.path["parent"])


async def list_openings(grant: Grant, call: Call, store: Openings) -> Reply:
    """Return a page of entries of a container, opened, with what opens them.

    The first page begins at `startIndex` of the log. A page may be short or empty although more
    follows: it ends after so many entries of the log.
    The call's own entry in the log states what was handed out: from where to where in the log, how
    many entries, and a digest of them. Who hands out too few has said so for ever, witnessed.
    The answer opens that entry too (`with_statement`): to ask for it would be one more.
    """
    asked = page(call.query, default=OPENINGS_MAX, most=OPENINGS_MAX)
    start = asked.after_name or str(integer(call.query, "startIndex") or 0)
    if not start.isdecimal() or len(start) > INDEX_DIGITS_MAX:
        field = "pageToken" if asked.after else "startIndex"
        raise invalid(f"Invalid value for '{field}'.", field=field)
    found, end, more = await store.list(grant, call.path["parent"], int(start), asked.size)
    stated = {
        "from": start,
        "to": str(end),
        "count": str(len(found)),
        "digest": digest((one.index, one.opening.commitment()) for one in found),
    }
    shown = paged("openings", [_shown(one) for one in found], token(str(end)) if more else "")
    return Reply(document=shown, audit=stated)


async def with_statement(reply: Reply, index: int, store: Openings) -> Reply:
    """Add what opens the call's own entry, which is in the log by now."""
    document: dict[str, object] = msgspec.to_builtins(reply.document)
    document["statement"] = _shown(await store.entry(index))
    return msgspec.structs.replace(reply, document=document)


def _shown(one: Opened) -> dict[str, object]:
    """Return an opening as `rempart verify` reads it (docs/spec/feed.md)."""
    return {
        "index": str(one.index),
        "salt": base64.b64encode(one.opening.salt).decode(),
        "leaf": one.opening.content.decode(),
    }
