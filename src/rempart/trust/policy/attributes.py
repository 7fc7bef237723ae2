"""Which attributes conditions may read: the text is looked through before it is compiled.

CEL finds out about a field that is not there only when it reads it, and then the condition does not
hold: a slip of the pen would be stored and never grant, or always forbid.
"""

from __future__ import annotations

import re

from rempart.core.cel import without_texts

OFFERED = frozenset(("resource.name", "resource.type", "resource.service")) | frozenset(
    ("request.time", "request.auth.access_levels", "principal.type", "principal.subject")
)
"""What a condition may read; Google's `request.host` and `request.path` are not told."""

_TESTS_OF_TAGS = frozenset(
    f"resource.{test}" for test in ("matchTag", "matchTagId", "hasTagKey", "hasTagKeyId")
)
_BLANK = re.compile(r"\s+")
_READ = re.compile(r"\b(?:resource|request|principal)\s*\.\s*(?:auth\s*\.\s*)?\w+")


def unknown(expression: str) -> str | None:
    """Return the first attribute that an expression reads and no condition can, or None."""
    for found in _READ.findall(without_texts(expression)):
        name = _BLANK.sub("", found)
        if name not in OFFERED and name not in _TESTS_OF_TAGS:
            return name
    return None
