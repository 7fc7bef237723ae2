"""What one check of `rempart doctor` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `remedy` says what to do and is empty where all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
