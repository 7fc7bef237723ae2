"""Which log of a universe is published: `log_number` counts from the next start on."""

from __future__ import annotations

from rempart.app.assembly import log_signer
from rempart.config import Config
from rempart.core.errors import CloudError
from rempart.engine.seam import Engine
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import parse_note
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.log import PublishedLog
from rempart.universe import Check


async def log_before(
    engine: Engine, sealed: SealedEngine, keyring: Keyring, config: Config
) -> VerifierKey | None:
    """Return the key of an earlier log than that of the settings, where that is what is published.

    What cannot be read is no earlier log: whoever checks the tree says what is wrong with it.
    """
    try:
        head = await PublishedLog(engine, sealed).head()
        if head is None or not head.published:
            return None
        origin = parse_checkpoint(parse_note(head.published).text).origin
    except (CloudError, Malformed):
        return None
    earlier = (log_signer(config.domain, keyring, it).key for it in range(1, config.log_number))
    return next((key for key in earlier if key.name == origin), None)


def to_begin(log: VerifierKey, before: VerifierKey) -> Check:
    """Return what to tell of a log that has not begun, while an earlier one is checked."""
    detail = (
        f"log_number was changed, and the log {log.name} has not begun: it does at the next start."
        f" What is published, and checked here, is {before.name}, without a policy of witnesses"
    )
    return Check("log-number", ok=True, detail=detail)
