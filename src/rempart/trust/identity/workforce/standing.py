"""Whether a person's sign-in still stands: asked at every use of every token of it."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import Micros
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.workforce.documents import SESSIONS, SUBJECTS


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """A person of a pool, since when it is signed in, and the session where there is one."""

    pool: str
    subject: str
    started: int
    session: bytes

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless the person may still get in and the session has not ended."""
        await check_subject(sealed, self.pool, self.subject, self.started)
        if self.session:
            found = await sealed.find(SESSIONS, SESSIONS.key(self.session))
            if found is None or found.value.ends <= now:
                raise Rejected("the session has ended")


async def check_subject(sealed: SealedEngine, pool: str, subject: str, started: int) -> None:
    """Raise Rejected where a subject is deleted, or what it began at that time was revoked."""
    found = await sealed.find(SUBJECTS, SUBJECTS.key(pool, subject))
    if found is None:
        return
    if found.value.deleted:
        raise Rejected("the subject is deleted")
    if started <= found.value.revoked:
        raise Rejected("the subject's sessions were revoked")
