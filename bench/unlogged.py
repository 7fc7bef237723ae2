"""`python -m bench.unlogged up …`: the server without its log, to measure what the log costs.

Nothing is appended, sequenced or signed; no server that anybody runs can be told so.
"""

from __future__ import annotations

import asyncio

from rempart.__main__ import main
from rempart.engine.seam import Committed, Position
from rempart.trust.custody.transaction import Transaction
from rempart.trust.witness.leaf import FEED, Leaf
from rempart.trust.witness.recorder import RECEIPT_HEADER, Recorder
from rempart.trust.witness.sequencer import Sequencer

_commit = Transaction.commit


async def _committed(self: Transaction, fence: tuple[str, int] | None = None) -> Committed:
    done = await _commit(self, fence)
    return Committed(done.version, (Position(FEED, 0, b""),))


def _append(_self: Transaction, _feed: str, _content: bytes) -> bytes:
    return b""


async def _put(_self: Recorder, _leaf: Leaf) -> tuple[str, str]:
    return (RECEIPT_HEADER, "")


async def _run(_self: Sequencer) -> None:
    await asyncio.Event().wait()


Transaction.append = _append  # type: ignore[assignment, method-assign]
Transaction.commit = _committed  # type: ignore[method-assign]
Recorder.put = _put  # type: ignore[assignment, method-assign]
Sequencer.run = _run  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    main()
