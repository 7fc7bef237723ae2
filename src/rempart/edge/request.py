"""What a request says before anybody knows which method it asks for: host, query, headers.

Refused here: query strings that are not well-formed UTF-8 in percent-encoding, too long or of too
many parameters, and Host headers that could not be part of a URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import msgspec

from rempart.core.call import Body
from rempart.core.errors import CloudError, invalid
from rempart.core.limits import KIB

QUERY_BYTES_MAX = 16 * KIB
QUERY_PARAMETERS_MAX = 256
_HOSTS_MAX = 1024
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Request(msgspec.Struct, gc=False):
    """One request as it arrived, or one of those that a batch holds.

    `path` is raw; `service` and `query` become known while it is answered, and say how the answer
    is to be written.
    """

    verb: str
    path: bytes
    query_string: bytes
    headers: dict[str, str]
    host: str
    scheme: str
    body: Body
    remote: str
    id: str
    query: dict[str, str] = {}
    service: str = ""
    whole: bool = False
    """Whether the server takes a response in one message."""
    batch: str = ""
    """The API whose batch this request is part of; empty for one that arrived by itself."""
    certificate: bytes = b""
    """What the client proved in TLS to hold the key of (PEM); empty where it was not asked."""


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by lower-case name, duplicates joined by ", "."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) == len(raw):
        return headers
    headers.clear()
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name in headers:
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def read_query(raw: bytes, repeated: frozenset[str]) -> dict[str, str]:
    """Return the query parameters, decoded once.

    Of a parameter that occurs more than once the last value counts; those that Google describes as
    repeated have their values joined by newlines.
    """
    if not raw:
        return {}
    if len(raw) > QUERY_BYTES_MAX:
        raise invalid(f"The query string is longer than {QUERY_BYTES_MAX} bytes.")
    pieces = raw.split(b"&")
    if len(pieces) > QUERY_PARAMETERS_MAX:
        raise invalid(f"The query has more than {QUERY_PARAMETERS_MAX} parameters.")
    escaped = b"%" in raw or b"+" in raw
    query: dict[str, str] = {}
    for piece in pieces:
        if not piece:
            continue
        name_bytes, _, value_bytes = piece.partition(b"=")
        if escaped or not piece.isascii():
            name, value = _text(name_bytes, name_bytes), _text(value_bytes, name_bytes)
        else:
            name, value = name_bytes.decode(), value_bytes.decode()
        if name in repeated and name in query:
            value = f"{query[name]}\n{value}"
        query[name] = value
    return query


def _text(raw: bytes, name: bytes) -> str:
    try:
        if b"%" in raw or b"+" in raw:
            if _STRAY_PERCENT.search(raw):
                raise _undecodable(name)
            raw = unquote_to_bytes(raw.replace(b"+", b" "))
        return raw.decode()
    except UnicodeDecodeError as problem:
        raise _undecodable(name) from problem


def _undecodable(name: bytes) -> CloudError:
    shown = name[:80].decode("ascii", "replace")
    return invalid(f"Query parameter '{shown}' is not percent-encoded UTF-8.", field=shown)


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a request was sent to: the start of its URLs, and the host's label in the universe.

    `label` is `storage` for `storage.<domain>`, and for `storage.mtls.<domain>`, where the same is
    served to clients that show a certificate; empty for a host outside of every known domain.
    """

    base_url: str
    label: str


class Origins:
    """Remembers what each Host header means."""

    def __init__(self, domain: str) -> None:
        self._suffixes = tuple(f".{name}" for name in (domain.lower(), "googleapis.com"))
        self._known: dict[tuple[str, str], Origin] = {}

    def of(self, scheme: str, host: str) -> Origin:
        """Return the origin; raise `invalid` where the Host header names no host."""
        key = (scheme, host)
        known = self._known.get(key)
        if known is None:
            if host and not _HOST.fullmatch(host):
                raise invalid("The Host header is not the name of a host.", field="Host")
            known = Origin(f"{scheme}://{host}", self._label(host))
            if len(self._known) < _HOSTS_MAX:
                self._known[key] = known
        return known

    def _label(self, host: str) -> str:
        name = host.partition(":")[0].lower().removesuffix(".")
        for suffix in (*self._suffixes, ".localhost"):
            if name.endswith(suffix):
                return name.removesuffix(suffix).removesuffix(".mtls")
        return ""
