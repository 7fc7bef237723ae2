"""One spelling for what callers of proto-described APIs may spell in several ways.

Source: the JSON mapping of proto3. A parser takes a field's name in lower camel case or as the
`.proto` file has it, and an enum's value by name or by number; Google's own clients use all four.
Services see camel case and names, at both doors. Nothing else is touched: what is no field, and
values of a wrong type, are for the service to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from rempart.core.errors import invalid
from rempart.edge.grpc.messages import Messages, google_messages
from rempart.wire.grpc import Binding, GRPCService, UnaryMethod, all_tables

_UNDERSCORE = re.compile(r"_([a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_OF_HTTP = frozenset(("access_token", "oauth_token", "upload_id", "upload_protocol"))
_MASK = "google.protobuf.FieldMask"


class _Field(msgspec.Struct, frozen=True):
    """A field: its name in JSON, the names of its enum's numbers, its message.

    With `of_map`, enum and message are those of a map's values.
    """

    name: str
    enum: dict[int, str] = {}
    message: str = ""
    of_map: bool = False


class Spelling:
    """Knows the fields of every API that is served by gRPC; of others, how names are spelled."""

    def __init__(self, tables: tuple[GRPCService, ...], messages: Messages) -> None:
        self._messages = messages
        self._methods: dict[str, tuple[UnaryMethod, Binding]] = {
            binding.id: (method, binding)
            for table in tables
            for method in table.methods
            for binding in method.bindings
        }
        self._known: dict[str, dict[str, _Field]] = {}

    def query(self, method: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the query parameters in the one spelling."""
        described = self._methods.get(method)
        name = described[0].request if described else ""
        return dict(self._parameter(name, *pair) for pair in query.items())

    def document(self, method: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return the document in the one spelling."""
        described = self._methods.get(method)
        if described is None or not document:
            return document
        unary, binding = described
        if binding.body == "*":
            return self._respelled(unary.request, document)
        field = self._fields(unary.request).get(binding.body)
        return self._respelled(field.message, document) if field else document

    def _parameter(self, message: str, path: str, value: str) -> tuple[str, str]:
        if path in _OF_HTTP:
            return path, value
        *outer, last = path.split(".")
        for part in outer:
            field = self._fields(message).get(part)
            message = field.message if field else ""
        field = self._fields(message).get(last)
        if field is not None and value.isdecimal():
            value = field.enum.get(int(value), value)
        if field is not None and field.message == _MASK:
            value = _camel(value)
        return _camel(path), value

    def _respelled(self, message: str, document: dict[str, Any]) -> dict[str, Any]:
        fields = self._fields(message)
        respelled: dict[str, Any] = {}
        for name, value in document.items():
            field = fields.get(name)
            shown = name if field is None else field.name
            if shown in respelled:
                raise invalid(f"The field '{shown}' occurs twice.", field=shown)
            respelled[shown] = value if field is None else self._value(field, value)
        return respelled

    def _value(self, field: _Field, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            return [self._value(field, one) for one in value]
        if isinstance(value, dict):
            if field.of_map:
                return {key: self._value(_element(field), one) for key, one in value.items()}
            return self._respelled(field.message, value) if field.message else value
        if field.enum and type(value) is int:
            return field.enum.get(value, value)
        return value

    def _fields(self, message: str) -> dict[str, _Field]:
        """Return the fields by both names; none for types that have a JSON of their own."""
        known = self._known.get(message)
        if known is None:
            known = self._known[message] = {}
            if message and not message.startswith("google.protobuf."):
                for one in self._messages.of(message).DESCRIPTOR.fields:
                    known[one.name] = known[one.json_name] = _field(one)
        return known


@cache
def google_spelling() -> Spelling:
    """Return the spelling of Google's APIs."""
    return Spelling(all_tables(), google_messages())


def both_spellings(name: str) -> tuple[str, str]:
    """Return a name in camel case with the one that its `.proto` file has."""
    return name, _HUMP.sub(lambda found: f"_{found[0].lower()}", name)


def _field(one: Any) -> _Field:  # noqa: ANN401 - protobuf's descriptors have no types
    inner, of_map = one, False
    if one.message_type is not None and one.message_type.GetOptions().map_entry:
        inner, of_map = one.message_type.fields_by_name["value"], True
    names = (
        {value.number: value.name for value in inner.enum_type.values} if inner.enum_type else {}
    )
    message = inner.message_type.full_name if inner.message_type else ""
    return _Field(one.json_name, names, message, of_map)


def _element(field: _Field) -> _Field:
    return msgspec.structs.replace(field, of_map=False)


def _camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)
