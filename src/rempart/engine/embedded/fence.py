"""The one-way switch that ends all writing after durability was lost."""

from __future__ import annotations

from collections.abc import Callable

from rempart.engine.seam import Fenced

OnFenced = Callable[[str], None]
"""Called once, with the reason, when an engine fences itself; it should end the process."""


class Fence:
    """Open until tripped, then every `check` raises `Fenced`."""

    def __init__(self, on_fenced: OnFenced) -> None:
        self._on_fenced = on_fenced
        self._reason: str | None = None

    @property
    def tripped(self) -> bool:
        """Return whether writes are over."""
        return self._reason is not None

    def check(self) -> None:
        """Raise `Fenced` once tripped."""
        if self._reason is not None:
            raise Fenced(self._reason)

    def trip(self, reason: str) -> Fenced:
        """End all writes and return the exception that says why."""
        if self._reason is None:
            self._reason = reason
            self._on_fenced(reason)
        return Fenced(self._reason)
