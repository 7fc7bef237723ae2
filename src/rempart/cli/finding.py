"""What one check of `rempart doctor` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `remedy` says what to do and is empty where all is well.

    One that is `ok` and has a remedy is a warning: fit for a trial, and not for what matters.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    @property
    def warning(self) -> bool:
        """Tell whether it works, but should not stay so."""
        return self.ok and bool(self.remedy)

    @property
    def word(self) -> str:
        """Return how it stands, in a word."""
        if not self.ok:
            return "BAD"
        return "WARN" if self.remedy else "ok"
