"""Which method a request asks for: by host, then by raw path.

Nothing is normalised: `//`, `/./` and a trailing slash match nothing. A path that belongs to
another service than its host's is not found, even where that service stands behind the same port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from rempart.core.call import MethodId
from rempart.edge.paths import Found, Kind, PathTable, Route, captured, decoded
from rempart.wire import WireMethod, WireService

STORAGE_XML = MethodId("storage-xml")
"""What the XML dialect of Cloud Storage is called where a method id is wanted."""

_HOSTS_MAX = 1024
_REGIONAL = "-cloudresourcemanager"
"""How the hosts end at which clients ask for tags of what lies in one region."""

_BUCKET = re.compile(rb"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# Paths of the JSON API that fit no method are not found; they are never objects in a bucket that
# happens to be called `storage` or `upload`.
_JSON_API = re.compile(
    rb"/(?:storage/v[0-9]+|(?:upload|download|batch|resumable/upload)/storage)(?:/|\Z)"
)


class Match(msgspec.Struct, frozen=True, gc=False):
    """The method asked for.

    `path` holds the path parameters, decoded once. `kind` says by which of its paths the method was
    reached; whether an upload is simple or resumable is also for its `uploadType` to say. `head`
    marks a HEAD: answer as to GET, without the body.
    """

    method: MethodId
    service: str
    path: dict[str, str]
    kind: Kind = "plain"
    head: bool = False


class NotFound(msgspec.Struct, frozen=True):
    """No method fits; `service` is the API that the host belongs to, empty where to none."""

    service: str = ""


class BadPath(msgspec.Struct, frozen=True):
    """A path parameter that is not UTF-8 in well-formed percent-encoding: the caller's fault."""

    parameter: str


class _Door(msgspec.Struct, frozen=True):
    """What a host name leads to.

    `bucket` is set on virtual hosts of the XML dialect, where `table` is None. `shared` admits
    `/<api>/…` before the paths of an API.
    """

    service: str = ""
    table: PathTable | None = None
    xml: bool = False
    shared: bool = False
    bucket: str = ""

    def lists(self, raw_path: bytes) -> bool:
        """Say whether the path asks for the list of buckets; a shared host's root is not that."""
        return raw_path == b"/" and not self.shared


class RouteTable:
    """The routes of every API, told apart by host.

    `<api>.<domain>` is an API's own host, as are `<api>.<region>.rep.<domain>`, Resource Manager's
    `<region>-cloudresourcemanager.<domain>`,
    `<api>.googleapis.com` and `<api>.localhost`; `www` takes the paths that carry their API's name;
    `<bucket>.storage.<domain>` is XML. Any name outside these domains is a shared host: it takes
    the paths that carry their API's name, `/<api>/…` before those that do not, and `/b…`, which
    one client sends to an emulator. A name inside them that is no API finds nothing.

    Methods outside Google's descriptions are given as a `WireService` of the same name.
    """

    def __init__(self, services: Iterable[WireService], domain: str) -> None:
        self._domain = domain
        self._suffixes = tuple(f".{name}" for name in (domain, "googleapis.com", "localhost"))
        self._own: dict[str, PathTable] = {}
        self._www = PathTable()
        shared = PathTable()
        self._shared = _Door(table=shared, xml=True, shared=True)
        self._doors: dict[str, _Door] = {}
        for service in services:
            own = self._own.setdefault(service.name, PathTable())
            _add(own, service)
            if service.base or service.host == "www":
                _add(self._www, service)
                _add(shared, service)
            if service.name == "storage":
                _add_rootless(shared, service)

    def match(self, host: str, verb: str, raw_path: bytes) -> Match | NotFound | BadPath:
        """Return what a request asks for.

        `host` is the Host header or `:authority`, `raw_path` the path as it was sent, without the
        query.
        """
        door = self._doors.get(host) or self._door(host)
        segments = raw_path.split(b"/")
        if len(segments) == 1 or segments[0]:
            return NotFound(door.service)
        found = None if door.table is None else door.table.find(verb, segments)
        if found is None and door.shared and (own := self._prefixed(segments[1])) is not None:
            found = own.find(verb, segments[1:])
            if found is None:
                return NotFound(segments[1].decode())
        if found is None:
            return _xml(door, verb, raw_path)
        return _match(found)

    def _prefixed(self, segment: bytes) -> PathTable | None:
        return self._own.get(segment.decode("ascii", "replace"))

    def _door(self, host: str) -> _Door:
        """Return what a host leads to, and remember it while there is room."""
        door = self._named(_bare(host))
        if not door.bucket and len(self._doors) < _HOSTS_MAX:
            self._doors[host] = door
        return door

    def _named(self, name: str) -> _Door:
        for suffix in self._suffixes:
            if name.endswith(suffix) and name != self._domain:
                return self._labelled(name.removesuffix(suffix))
        return self._shared

    def _labelled(self, label: str) -> _Door:
        if label == "www":
            return _Door(service="www", table=self._www)
        if label.endswith((".rep", ".mtls")):
            label = label.partition(".")[0]
        if label.endswith(_REGIONAL):
            label = _REGIONAL[1:]
        bucket, _, parent = label.rpartition(".")
        if bucket and parent == "storage":
            return _Door(service=STORAGE_XML, xml=True, bucket=bucket)
        return _Door(service=label, table=self._own.get(label), xml=label == "storage")


def _bare(host: str) -> str:
    """Return a host name in lower case, without its port and final dot."""
    if host.startswith("["):
        return host
    return host.partition(":")[0].lower().removesuffix(".")


def _match(found: Found) -> Match | BadPath:
    route = found.route
    path: dict[str, str] = {}
    for capture in found.captures:
        try:
            path[capture.name] = captured(found, capture)
        except ValueError:
            return BadPath(capture.name)
    return Match(route.method, route.service, path, route.kind, route.head)


def _xml(door: _Door, verb: str, raw_path: bytes) -> Match | NotFound | BadPath:
    """Return the bucket and object of a path in the XML dialect, where the host speaks it."""
    if not door.xml:
        return NotFound(door.service)
    bucket, rest = door.bucket, raw_path[1:]
    if not bucket:
        first, _, rest = rest.partition(b"/")
        bucket = first.decode("ascii", "replace")
        if _JSON_API.match(raw_path) or not (_BUCKET.fullmatch(first) or door.lists(raw_path)):
            return NotFound(door.service)
    try:
        path = {"bucket": bucket, "object": decoded(rest)}
    except ValueError:
        return BadPath("object")
    named = {name: value for name, value in path.items() if value}
    return Match(STORAGE_XML, STORAGE_XML, named, "plain", verb == "HEAD")


def _add(table: PathTable, service: WireService) -> None:
    """Add an API's methods, their media paths and its batch path."""
    for method in service.methods:
        _add_reads(table, service, method, method.path, "plain")
        _add_media(table, service, method)
    if service.batch:
        batch = MethodId(f"{service.name}.batch")
        table.add("POST", service.batch, Route(batch, service.name, "batch"))


def _add_rootless(table: PathTable, service: WireService) -> None:
    """Add the paths under `/b` without the API's prefix, as Node's emulator mode sends them."""
    for method in service.methods:
        path = method.path.removeprefix(f"{service.base}/")
        if path == "b" or path.startswith("b/"):
            _add_reads(table, service, method, path, "plain")


def _add_reads(
    table: PathTable, service: WireService, method: WireMethod, path: str, kind: Kind
) -> None:
    """Add a path, and HEAD to it where GET can answer with content."""
    name = MethodId(method.id)
    table.add(method.verb, path, Route(name, service.name, kind))
    if method.media:
        table.add("HEAD", path, Route(name, service.name, kind, head=True))


def _add_media(table: PathTable, service: WireService, method: WireMethod) -> None:
    """Add a method's upload and download paths; a resumable session also takes PUT and DELETE."""
    session = Route(MethodId(method.id), service.name, "resumable_upload")
    simple = Route(MethodId(method.id), service.name, "media_upload")
    for path, first in ((method.upload, simple), (method.resumable, session)):
        if path:
            table.add(method.verb, path, first)
            table.add("PUT", path, session)
            table.add("DELETE", path, session)
    if method.download:
        _add_reads(table, service, method, method.download, "media_download")
