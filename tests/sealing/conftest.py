from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealing.stand import Stand


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Return a universe that runs sealed."""
    made = Stand.create(tmp_path)
    made.universe.start()
    yield made
    made.universe.terminate()
