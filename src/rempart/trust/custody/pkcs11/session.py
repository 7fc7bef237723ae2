"""One session with a token: find, make, use and destroy objects, in values of this language."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from ctypes import Structure, byref, c_ubyte, c_ulong, c_void_p
from dataclasses import dataclass
from typing import Any

from rempart.trust.custody.pkcs11.abi import (
    Attribute,
    AttributeValue,
    Mechanism,
    MechanismCall,
    Module,
    Refused,
)

Template = Mapping[Attribute, bytes | bool | int]
_FOUND_AT_ONCE = 64
_OUTPUT_SLACK = 1024
"""More than any signature, tag or padding adds to what goes in."""


@dataclass(frozen=True, slots=True)
class Way:
    """A mechanism with its parameter: bytes, or a structure of `abi`."""

    mechanism: Mechanism
    parameter: bytes | Structure | None = None

    def call(self) -> tuple[MechanismCall, Any]:
        """Return the structure that C takes, and what must live as long."""
        if self.parameter is None:
            return MechanismCall(self.mechanism, None, 0), None
        if isinstance(self.parameter, bytes):
            kept: Any = (c_ubyte * len(self.parameter)).from_buffer_copy(self.parameter)
        else:
            kept = self.parameter
        where = ctypes.cast(byref(kept), c_void_p)
        return MechanismCall(self.mechanism, where, ctypes.sizeof(kept)), kept


class Session:
    """A session that is logged in; used by one thread at a time."""

    __slots__ = ("handle", "module")

    def __init__(self, module: Module, handle: int) -> None:
        self.module = module
        self.handle = handle

    def find(self, template: Template) -> list[int]:
        """Return the handles of all objects that have these attributes."""
        attributes, count, _kept = _attributes(template)
        self.module.call("FindObjectsInit", self.handle, attributes, count)
        found: list[int] = []
        try:
            batch, got = (c_ulong * _FOUND_AT_ONCE)(), c_ulong()
            while True:
                self.module.call("FindObjects", self.handle, batch, _FOUND_AT_ONCE, byref(got))
                found += batch[: got.value]
                if got.value < _FOUND_AT_ONCE:
                    return found
        finally:
            self.module.call("FindObjectsFinal", self.handle)

    def attribute(self, found: int, wanted: Attribute) -> bytes:
        """Return an attribute of an object."""
        asked = AttributeValue(wanted, None, 0)
        self.module.call("GetAttributeValue", self.handle, found, byref(asked), 1)
        value = (c_ubyte * asked.length)()
        asked.value = ctypes.cast(value, c_void_p)
        self.module.call("GetAttributeValue", self.handle, found, byref(asked), 1)
        return bytes(value[: asked.length])

    def generate(self, way: Way, template: Template) -> int:
        """Make a secret key and return its handle."""
        call, _way = way.call()
        attributes, count, _kept = _attributes(template)
        made = c_ulong()
        self.module.call("GenerateKey", self.handle, byref(call), attributes, count, byref(made))
        return made.value

    def generate_pair(self, way: Way, public: Template, private: Template) -> tuple[int, int]:
        """Make a key pair and return the handles of its public and private half."""
        call, _way = way.call()
        theirs, their_count, _theirs = _attributes(public)
        ours, our_count, _ours = _attributes(private)
        one, other = c_ulong(), c_ulong()
        self.module.call(
            "GenerateKeyPair", self.handle, byref(call), theirs, their_count, ours, our_count,
            byref(one), byref(other),
        )  # fmt: skip
        return one.value, other.value

    def create(self, template: Template) -> int:
        """Make an object of given values and return its handle."""
        attributes, count, _kept = _attributes(template)
        made = c_ulong()
        self.module.call("CreateObject", self.handle, attributes, count, byref(made))
        return made.value

    def destroy(self, found: int) -> None:
        """Destroy an object."""
        self.module.call("DestroyObject", self.handle, found)

    def random(self, count: int) -> bytes:
        """Return random bytes of the token."""
        value = (c_ubyte * count)()
        self.module.call("GenerateRandom", self.handle, value, count)
        return bytes(value)

    def sign(self, way: Way, key: int, data: bytes) -> bytes:
        """Return the signature, or authentication code, of data."""
        return self._operation("Sign", way, key, data)

    def encrypt(self, way: Way, key: int, data: bytes) -> bytes:
        """Return data encrypted."""
        return self._operation("Encrypt", way, key, data)

    def decrypt(self, way: Way, key: int, data: bytes) -> bytes:
        """Return data decrypted."""
        return self._operation("Decrypt", way, key, data)

    def close(self) -> None:
        """End the session; whatever goes wrong, it is not used again."""
        try:
            self.module.call("CloseSession", self.handle)
        except Refused:
            return

    def _operation(self, what: str, way: Way, key: int, data: bytes) -> bytes:
        call, _way = way.call()
        self.module.call(f"{what}Init", self.handle, byref(call), key)
        room = len(data) + _OUTPUT_SLACK
        value, length = (c_ubyte * room)(), c_ulong(room)
        self.module.call(what, self.handle, data, len(data), value, byref(length))
        return bytes(memoryview(value)[: length.value])


def open_session(module: Module, slot: int, flags: int) -> Session:
    """Open a session on a slot."""
    handle = c_ulong()
    module.call("OpenSession", slot, flags, None, None, byref(handle))
    return Session(module, handle.value)


def _attributes(template: Template) -> tuple[Any, int, Any]:
    """Return a template as C takes it, its length, and what must live as long."""
    kept = [_encoded(value) for value in template.values()]
    attributes = (AttributeValue * len(kept))(
        *(
            AttributeValue(name, ctypes.cast(value, c_void_p), ctypes.sizeof(value))
            for name, value in zip(template, kept, strict=True)
        )
    )
    return attributes, len(kept), kept


def _encoded(value: bytes | bool | int) -> Any:  # noqa: ANN401, FBT001 - CK_BBOOL or CK_ULONG or bytes
    if isinstance(value, bytes):
        return (c_ubyte * len(value)).from_buffer_copy(value)
    if isinstance(value, bool):
        return (c_ubyte * 1)(value)
    return (c_ulong * 1)(value)


def slots(module: Module) -> Iterable[int]:
    """Return the slots that hold a token."""
    count = c_ulong()
    module.call("GetSlotList", 1, None, byref(count))
    found = (c_ulong * count.value)()
    module.call("GetSlotList", 1, found, byref(count))
    return found[: count.value]
