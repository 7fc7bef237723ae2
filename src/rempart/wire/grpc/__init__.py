"""The methods that are served by gRPC, as data: read from the tables beside this file.

`tools/derive_grpc.py` writes the tables and the descriptors; nobody edits them. Fields and
parameters are named in lower camel case.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

_TABLES = Path(__file__).parent


class Variable(msgspec.Struct, frozen=True):
    """A field of the request (dotted within messages) that is a path parameter in REST.

    `segments` is its template: `projects/*/locations/*`; a final `**` is one or more segments.
    """

    field: str
    name: str
    segments: str


class Binding(msgspec.Struct, frozen=True):
    """One HTTP rule of a method: the REST method that it leads to, and where fields go.

    `body` is the field that REST sends as its document, `*` for all that is not in the path, empty
    for none; what is in neither goes to the query.
    """

    id: str
    verb: str
    variables: tuple[Variable, ...]
    body: str = ""


class UnaryMethod(msgspec.Struct, frozen=True):
    """A method: its path without the leading slash, its messages' full names, its HTTP rules."""

    path: str
    request: str
    response: str
    bindings: tuple[Binding, ...]


class GRPCService(msgspec.Struct, frozen=True):
    """One version of an API; `api` is the first label of its host name."""

    api: str
    version: str
    methods: tuple[UnaryMethod, ...]


@cache
def all_tables() -> tuple[GRPCService, ...]:
    """Return every API that is served by gRPC, sorted by name."""
    return tuple(
        msgspec.json.decode(path.read_bytes(), type=GRPCService)
        for path in sorted(_TABLES.glob("*.json"))
    )


def descriptors() -> bytes:
    """Return the FileDescriptorSet of their messages and of what errors are made of."""
    return (_TABLES / "descriptors.binpb").read_bytes()
