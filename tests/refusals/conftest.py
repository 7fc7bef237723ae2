"""One universe for all refusals."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.universe import Universe, universe

__all__ = ["universe"]


@pytest.fixture(scope="session")
def admin(universe: Universe) -> Iterator[httpx.Client]:
    with universe.caller(universe.token()) as caller:
        yield caller
