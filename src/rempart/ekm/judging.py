"""Which judge a data directory has."""

from __future__ import annotations

from pathlib import Path

from rempart.ekm.model.verdict import Judge, NoPolicy


def make_judge(_data: Path) -> Judge:
    """Return the judge of a data directory; without a policy it refuses everything."""
    return NoPolicy()
