"""The officers' door on the HTTPS port: two paths, authenticated by the statements themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from rempart.core.errors import invalid, unimplemented
from rempart.ekm.administration.office import Office
from rempart.ekm.administration.shown import Document
from rempart.ekm.administration.statements import STATEMENT_CHARS_MAX

PREFIX = "/admin/"
MANAGER_PATH = "/admin/v1/manager"
STATEMENTS_PATH = "/admin/v1/statements"
PATH_CHARS_MAX = 100


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted: one statement, a compact JWS."""

    statement: str


async def answer(
    office: Office, method: str, path: str, body: Callable[[], Awaitable[bytes]]
) -> Document:
    """Answer a request of an officer; raises CloudError."""
    if (method, path) == ("GET", MANAGER_PATH):
        return office.manager()
    if (method, path) != ("POST", STATEMENTS_PATH):
        raise unimplemented(f"{method} {path[:PATH_CHARS_MAX]}")
    try:
        told = msgspec.json.decode(await body(), type=_Body)
    except msgspec.DecodeError as problem:
        raise invalid('The body is {"statement": "<compact JWS>"}.') from problem
    return await office.hear(_short(told.statement))


def _short(statement: str) -> str:
    if len(statement) > STATEMENT_CHARS_MAX or not statement.isascii():
        raise invalid(f"A statement has up to {STATEMENT_CHARS_MAX} characters.")
    return statement
