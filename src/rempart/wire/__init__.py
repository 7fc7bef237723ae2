"""The methods that Google's APIs describe, as data: read from the tables beside this file.

`tools/derive_wire.py` writes the tables from Google's discovery documents; nobody edits them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

_TABLES = Path(__file__).parent


class WireParameter(msgspec.Struct, frozen=True):
    """A parameter of a method, in the path or the query.

    `type` and `format` are discovery's: an `int64` is of type `string`. `enum` lists the admitted
    values; empty where any will do.
    """

    name: str
    location: str = msgspec.field(name="in")
    type: str
    format: str = ""
    required: bool = False
    repeated: bool = False
    enum: tuple[str, ...] = ()


class WireMethod(msgspec.Struct, frozen=True):
    """A method: its id, its verb and where it is reached.

    Templates have no leading slash. `upload`, `resumable` and `download` are the media paths, empty
    where there are none; `media` says that `alt=media` answers with content. `request` and
    `response` name messages.
    """

    id: str
    verb: str
    path: str
    upload: str = ""
    resumable: str = ""
    download: str = ""
    media: bool = False
    request: str = ""
    response: str = ""
    parameters: tuple[WireParameter, ...] = ()


class WireSchema(msgspec.Struct, frozen=True):
    """The shape of a message or of one of its members.

    Exactly one of `type` and `ref` is set. An object has `properties`, or `values` where its keys
    are free; an array has `items`. `required` lists the methods that insist on the member.
    `output` is as far as Google's description says so; for Cloud Storage it never does.
    """

    type: str = ""
    format: str = ""
    ref: str = ""
    enum: tuple[str, ...] = ()
    output: bool = False
    required: tuple[str, ...] = ()
    items: WireSchema | None = None
    values: WireSchema | None = None
    properties: dict[str, WireSchema] = {}


class WireService(msgspec.Struct, frozen=True):
    """One version of an API.

    `host` is the first label of its host name; `base` the path prefix that its own paths carry,
    empty for most; `parameters` are those that every method takes. `schemas` is filled for
    Cloud Storage only.
    """

    name: str
    version: str
    revision: str
    host: str
    base: str = ""
    batch: str = ""
    parameters: tuple[WireParameter, ...] = ()
    methods: tuple[WireMethod, ...] = ()
    schemas: dict[str, WireSchema] = {}


@cache
def load(api: str, version: str) -> WireService:
    """Return one version of an API; raise LookupError where no table describes it."""
    name = f"{api}.{version}.json"
    if name not in _names():
        raise LookupError(f"no table describes {api} {version}")
    return msgspec.json.decode((_TABLES / name).read_bytes(), type=WireService)


def all_services() -> tuple[WireService, ...]:
    """Return every version of every API described, sorted by name; a few milliseconds at first."""
    return tuple(load(*name.removesuffix(".json").split(".")) for name in _names())


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in _TABLES.glob("*.json")))
