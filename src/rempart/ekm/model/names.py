"""Paths of crypto spaces and keys: `v0/cryptospaces/S` and `v0/cryptospaces/S/keys/K`."""

from __future__ import annotations

import re

from rempart.core.errors import invalid

FIELD = "keyPath"
ID_CHARS_MAX = 63

_ID = rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{ID_CHARS_MAX - 1}}}"
_SPACE = re.compile(rf"v0/cryptospaces/{_ID}")
_KEY = re.compile(rf"v0/cryptospaces/{_ID}/keys/{_ID}")
_NAME = re.compile(_ID)


def space_path(text: str) -> str:
    """Return the path of a crypto space, or raise the refusal that names it."""
    if not _SPACE.fullmatch(text):
        raise invalid("A crypto space has the path v0/cryptospaces/SPACE.", field=FIELD)
    return text


def key_path(text: str) -> str:
    """Return the path of a key, or raise the refusal that names it."""
    if not _KEY.fullmatch(text):
        raise invalid("A key has the path v0/cryptospaces/SPACE/keys/KEY.", field=FIELD)
    return text


def is_path(text: str) -> bool:
    """Tell whether a text is the path of a crypto space or of a key."""
    return bool(_SPACE.fullmatch(text) or _KEY.fullmatch(text))


def key_in(space: str, name: str) -> str:
    """Return the path of a key of that name in a space."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"A name has up to {ID_CHARS_MAX} letters, digits, hyphens and underscores.",
            field="keyName",
        )
    return f"{space}/keys/{name}"


def space_of(key: str) -> str:
    """Return the path of the crypto space that a key is in."""
    return key.partition("/keys/")[0]
