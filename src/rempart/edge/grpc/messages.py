"""Protobuf messages and their proto3 JSON form, from descriptors in a pool of our own.

The process's default pool stays untouched, whatever else is imported. Classes are made on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError

from rempart.core.errors import Bug, invalid
from rempart.core.limits import GRPC_ELEMENTS_MAX
from rempart.edge.grpc.frames import malformed
from rempart.wire.grpc import descriptors

Document = dict[str, Any]


class Messages:
    """The messages of a FileDescriptorSet, by full name."""

    def __init__(self, described: bytes) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
            self._pool.AddSerializedFile(file.SerializeToString())
        self._classes: dict[str, Any] = {}

    def of(self, name: str) -> Any:  # noqa: ANN401 - the class is made at run time
        """Return the class of a message."""
        known = self._classes.get(name)
        if known is None:
            described = self._pool.FindMessageTypeByName(name)
            known = self._classes[name] = message_factory.GetMessageClass(described)
        return known

    def read(self, name: str, content: bytes) -> Document:
        """Return the JSON form of a message from the caller."""
        try:
            message = self.of(name).FromString(content)
        except DecodeError as problem:
            raise malformed(f"The message is not a {name}.") from problem
        if len(content) > GRPC_ELEMENTS_MAX:  # an element takes a byte at least
            _check_elements(message, GRPC_ELEMENTS_MAX)
        try:
            return self.document(message)
        except (json_format.Error, TypeError, ValueError) as problem:
            raise invalid(f"A value in the {name} is out of its range.") from problem

    def document(self, message: Any) -> Document:  # noqa: ANN401 - of any message
        """Return the JSON form of a message."""
        document: Document = json_format.MessageToDict(message, descriptor_pool=self._pool)
        return document

    def write(self, name: str, document: Mapping[str, Any]) -> bytes:
        """Return a message from its JSON form; members that it does not have are left out."""
        try:
            message = json_format.ParseDict(
                document, self.of(name)(), ignore_unknown_fields=True, descriptor_pool=self._pool
            )
        except json_format.ParseError as problem:
            raise Bug(f"a document is no {name}") from problem
        content: bytes = message.SerializeToString()
        return content


def _check_elements(message: Any, left: int) -> int:  # noqa: ANN401 - of any message
    """Return how many more elements there may be; raise where there are too many already."""
    for field, value in message.ListFields():
        if field.is_repeated:
            left -= len(value)
        if left < 0:
            raise invalid(f"The message has more than {GRPC_ELEMENTS_MAX} repeated values.")
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else (value,):
                left = _check_elements(one, left)
    return left


@cache
def google_messages() -> Messages:
    """Return the messages of all APIs that are served by gRPC."""
    return Messages(descriptors())
