"""Which method a gRPC path names: it carries the service's name, and most hosts will do.

Mixins (IAMPolicy, Locations, Operations) are the exception: many APIs share their names. The API's
own host name tells; on any other host the resource's name does, as far as it is enough. Operations
whose names fit several APIs are told apart by how each writes the ids of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from rempart.core.errors import invalid, unimplemented
from rempart.edge.grpc.frames import unspoken
from rempart.edge.grpc.transcode import Asked, Rule, no_rule_fits
from rempart.wire import all_services
from rempart.wire.grpc import GRPCService, UnaryMethod

_OPERATION = "google.longrunning.Operations/GetOperation"
_OWN: Mapping[str, re.Pattern[str]] = {
    "cloudresourcemanager": re.compile(r"operations/[a-z]+\.[0-9]+"),
    "serviceusage": re.compile(r"operations/(?:acat\.p2-.+|[a-z]+\.DONE_OPERATION)"),
    "cloudkms": re.compile(r".+/locations/(?!global/)[^/]+/operations/[0-9a-f]+"),
}
"""How the names of an API's own operations look, as far as it tells them from another's.

IAM's are all global, and Cloud KMS has global ones, too: those need the host.
"""


class Unary(msgspec.Struct, frozen=True):
    """A unary method of one API, with its HTTP rules."""

    api: str
    described: UnaryMethod
    rules: tuple[Rule, ...]


class Methods:
    """The methods of every API that is served by gRPC."""

    def __init__(self, tables: Iterable[GRPCService]) -> None:
        self._by_path: defaultdict[str, list[Unary]] = defaultdict(list)
        for table in tables:
            for method in table.methods:
                rules = tuple(map(Rule.of, method.bindings))
                self._by_path[method.path].append(Unary(table.api, method, rules))
        self._hosts = {service.host for service in all_services()}

    def named(self, path: str, label: str) -> list[Unary]:
        """Return the methods of a path on a host; `label` is the host's within the universe."""
        methods = self._by_path.get(path)
        if methods is None:
            raise unimplemented(path)
        own = [one for one in methods if self.serves(one.api, label)]
        if not own:
            raise unspoken(f"{path} is not served at {label}, the host of another API.")
        return own

    def serves(self, api: str, label: str) -> bool:
        """Tell whether a host is an API's own, or that of no API."""
        host = label.partition(".")[0] if label.endswith(".rep") else label.rpartition(".")[2]
        return host == api or host not in self._hosts


def choose(methods: list[Unary], document: dict[str, Any]) -> tuple[Unary, Asked]:
    """Return the method whose HTTP rule fits the request, and what it asks for."""
    fits = [
        (method, rule, path)
        for method in methods
        for rule in method.rules
        if (path := rule.path(document)) is not None
    ]
    if not fits:
        raise no_rule_fits(methods[0].rules, document)
    if len({method.api for method, _, _ in fits}) > 1:
        fits = [one for one in fits if _owns(one[0], document)] or fits
    method, rule, path = fits[0]
    if any(other.api != method.api for other, _, _ in fits):
        raise invalid("Several APIs have this method; call it at the host name of one.")
    return method, rule.apply(document, path)


def _owns(method: Unary, document: Mapping[str, Any]) -> bool:
    """Tell whether an operation that is asked for is one of the method's API, by its name."""
    own = _OWN.get(method.api) if method.described.path == _OPERATION else None
    return own is not None and own.fullmatch(str(document.get("name", ""))) is not None
