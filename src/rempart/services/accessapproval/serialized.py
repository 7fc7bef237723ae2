"""An approval as Google serialises it to be signed: the protocol buffer without its signature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from rempart.wire.grpc import descriptors

_NAME = "google.cloud.accessapproval.v1.ApprovalRequest"


def serialized(document: Mapping[str, object]) -> bytes:
    """Return a request's JSON form as its protocol buffer, fields in their order."""
    message = json_format.ParseDict(document, _kind()(), ignore_unknown_fields=True)
    content: bytes = message.SerializeToString(deterministic=True)
    return content


@cache
def _kind() -> Any:  # noqa: ANN401 - the class is made at run time
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(_NAME))
