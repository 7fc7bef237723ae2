"""Patterns of paths, as rules and approvals write them.

`*` stands for any characters of one segment, everything else for itself. `v0/cryptospaces/s/keys/*`
is every key of one crypto space and nothing below or beside them.
"""

from __future__ import annotations

import re
from functools import lru_cache

PATTERN_CHARS_MAX = 512
_STARS_MAX = 8
_COMPILED_MAX = 4096


def fits(pattern: str, path: str) -> bool:
    """Tell whether a path is one that the pattern names."""
    return _compiled(pattern).fullmatch(path) is not None


def sound(pattern: str) -> bool:
    """Tell whether a pattern may be used: not empty, and quick to match."""
    return 0 < len(pattern) <= PATTERN_CHARS_MAX and pattern.count("*") <= _STARS_MAX


def under(prefix: str, path: str) -> bool:
    """Tell whether a path is the prefix, or below it by whole segments."""
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


@lru_cache(maxsize=_COMPILED_MAX)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A run of stars means what one star means; as one it cannot make the search explode.
    parts = re.sub(r"\*+", "*", pattern).split("*")
    return re.compile("[^/]*".join(re.escape(part) for part in parts))
