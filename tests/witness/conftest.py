"""One running witness that knows one log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.paper_log import PaperLog
from support.witness_program import WitnessProgram

LOG = PaperLog("log.example/shared")


@pytest.fixture(scope="session")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessProgram]:
    """A witness that cosigned size 20 of `log.example/shared`."""
    made = WitnessProgram.create(tmp_path_factory.mktemp("witness") / "data")
    made.run("add-log", LOG.signer.key.text)
    made.start()
    assert made.add(LOG.submission(0, 20)).status_code == 200
    yield made
    made.stop()
