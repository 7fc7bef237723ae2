"""Pages of listings and searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from rempart.core.call import Call, Reply
from rempart.core.document import boolean, text
from rempart.core.grant import Grant
from rempart.core.pages import page, paged, token
from rempart.services.resourcemanager.api.asked import query_parent, require_signed_in
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.model.query import parse
from rempart.services.resourcemanager.searching import Noun, Wanted, children, search
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.policy.hierarchy import Folder, Project, State

T = TypeVar("T")
Child = TypeVar("Child", Folder, Project)


async def listed(
    grant: Grant, call: Call, store: ManagerStore, noun: Noun[Child], show: Callable[[Child], Json]
) -> Reply:
    """Return a page of the children of a parent, in the order of the index."""
    deleted = boolean(call.query, "showDeleted")
    asked = page(call.query)
    last = asked.after
    shown = list[Json]()
    while found := await children(store, noun, query_parent(call), last, asked.size + 1):
        for key, _, child in found:
            if len(shown) == asked.size:
                return Reply(document=paged(noun.name, shown, token(last)))
            last = key
            if deleted or child.state is State.ACTIVE:
                shown.append(show(child))
    return Reply(document=paged(noun.name, shown))


async def found(
    grant: Grant,
    call: Call,
    store: ManagerStore,
    noun: Noun[T],
    fields: Mapping[str, str],
    show: Callable[[T], Json],
) -> Reply:
    """Return a page of a search, asked for in the query or, by older versions, in the body."""
    require_signed_in(store)
    asked = {**call.query, **call.document}
    query = text(asked, "query") or text(asked, "filter")
    wanted = Wanted(parse(query, fields), page(asked))
    shown, following = await search(grant, store, noun, wanted, show)
    return Reply(document=paged(noun.name, shown, following))
