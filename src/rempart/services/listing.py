"""A page of documents in the order of their keys, whichever service lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rempart.core.pages import Page, token
from rempart.engine.seam import Span
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.transaction import Transaction

T = TypeVar("T")


def everyone(_: object) -> bool:
    """Admit every document."""
    return True


async def listed(
    tx: Transaction,
    kind: Kind[T],
    span: Span,
    page: Page,
    admit: Callable[[Found[T]], bool] = everyone,
) -> tuple[list[Found[T]], str]:
    """Return a page of those documents of a span that are admitted, and the next page's token.

    The token is the key of the last document that was looked at; empty on the last page. A token
    from elsewhere leads to no document outside the span.
    """
    shown = list[Found[T]]()
    last = max(span.start, page.after)
    while found := await tx.scan(kind, span.after(last), limit=page.size + 1):
        for one in found:
            if len(shown) == page.size:
                return shown, token(last)
            last = one.key
            if admit(one):
                shown.append(one)
    return shown, ""
