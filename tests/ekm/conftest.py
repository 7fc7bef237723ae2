from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.key_holder import KeyHolder, running


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyHolder]:
    """A key holder that runs; it is shared, so tests leave its keys alone."""
    with running(tmp_path_factory.mktemp("ekm") / "data") as started:
        yield started
