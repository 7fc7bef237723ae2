"""Sign-ins as they are kept: a browser's, a code's, a program's; each change is in the log.

A secret is shown once, to whom it is made for, and is kept as its SHA-256. Every verb that gives
somebody something asks first whether all that it rests on still stands.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.clock import Micros, World
from rempart.core.errors import aborted
from rempart.core.limits import COMMIT_ATTEMPTS_MAX
from rempart.core.principal import Member
from rempart.engine.seam import Conflict
from rempart.services.auth.tickets import AuthorizationRequest
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.federation import members
from rempart.trust.identity.federation.federation import Admitted
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS, Pool, split
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.standing import PoolStanding
from rempart.trust.identity.workforce.documents import (
    SECOND,
    SESSIONS,
    Session,
    Use,
    digest_of,
)
from rempart.trust.identity.workforce.standing import PersonStanding
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

CODE_SECONDS = 300
"""Long enough to copy a code by hand; RFC 6749 allows ten minutes (section 4.1.2)."""

_SECRET_BYTES = 32
_OK = 200
_NO_FACTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Handed:
    """A program's session that was just begun or used, and its digest."""

    session: Session
    digest: bytes


class SignIns:
    """The sessions of people, on disk."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    def secret(self) -> str:
        """Return a fresh secret."""
        return urlsafe_b64encode(self._world.random(_SECRET_BYTES)).rstrip(b"=").decode()

    async def begin(self, admitted: Admitted, provider: str, call: Call) -> str:
        """Return the secret of a new session in the browser; raises Rejected."""
        session = self.session_of(admitted, provider)
        await self.standing(session)
        secret, tx = self.secret(), self._sealed.transaction()
        above, id_ = split(provider)
        found = await self._sealed.find(PROVIDERS, PROVIDERS.key(above, id_))
        detailed = found is not None and found.value.detailed_log
        self.keep(tx, secret, session, call, _mapped(session) if detailed else {})
        await tx.commit()
        return secret

    def session_of(self, admitted: Admitted, provider: str) -> Session:
        """Return the session in a browser that begins now; nothing is written."""
        attributes = admitted.attributes
        now = self._world.clock()
        return Session(
            use=Use.BROWSER,
            provider=provider,
            uid=admitted.pool.uid,
            subject=attributes.subject,
            started=now,
            ends=admitted.until(now),
            limit=admitted.ends,
            groups=attributes.groups,
            custom=attributes.custom,
            display_name=attributes.display_name,
            email=attributes.email,
        )

    def keep(
        self,
        tx: Transaction,
        secret: str,
        session: Session,
        call: Call,
        facts: Mapping[str, str] = _NO_FACTS,
    ) -> None:
        """Write a new session in the browser, and its entry in the log with these facts."""
        tx.put(SESSIONS, digest_of(secret), value=session)
        self._log(tx, "auth.signIn", session, call, {"ends": str(session.ends), **facts})

    async def current(self, secret: str) -> Session | None:
        """Return the session of a browser, if it has one that stands."""
        found = await self._sealed.find(SESSIONS, SESSIONS.key(digest_of(secret)))
        if found is None or found.value.use is not Use.BROWSER:
            return None
        try:
            await self.standing(found.value)
        except Rejected:
            return None
        return found.value

    async def end(self, digest: bytes, call: Call) -> None:
        """End a session in the browser, by the SHA-256 of its cookie."""
        await self._remove(digest, "auth.signOut", call)

    async def code(self, session: Session, request: AuthorizationRequest, call: Call) -> str:
        """Return a code with which the program that asked begins a session of its own."""
        tx, secret = self._sealed.transaction(), self.secret()
        made = replace(
            session,
            use=Use.CODE,
            ends=min(session.ends, self._world.clock() + CODE_SECONDS * SECOND),
            client=request.client,
            scopes=request.scopes,
            redirect=request.redirect,
            challenge=request.challenge,
        )
        tx.put(SESSIONS, digest_of(secret), value=made)
        self._log(tx, "auth.authorize", made, call, {"client": request.client})
        await tx.commit()
        return secret

    async def exchange(self, form: dict[str, str], client: str, call: Call) -> tuple[str, Handed]:
        """Return a refresh token for a code, and its session; raises Rejected.

        A code that comes twice was stolen: what came of it the first time ends (RFC 6749, section
        4.1.2).
        """
        code = digest_of(form.get("code", ""))
        for _ in range(COMMIT_ATTEMPTS_MAX):
            tx = self._sealed.transaction()
            found = await tx.get(SESSIONS, code)
            if found is None or found.use is not Use.CODE or found.client != client:
                raise Rejected("no such code")
            try:
                if found.handed:
                    await self._undo(tx, code, found, call)
                    break
                self._check_code(found, form)
                pool = await self.standing(found)
                refresh, made = self._program(tx, code, found, pool, call)
                await tx.commit()
            except Conflict:
                continue
            return refresh, made
        else:
            raise aborted("The code kept being used by others; begin again.")
        raise Rejected("the code was used before")

    async def refreshed(self, token: str, client: str, call: Call) -> Handed:
        """Return the session of a refresh token, if it may still have access tokens; Rejected."""
        digest = digest_of(token)
        found = await self._sealed.find(SESSIONS, SESSIONS.key(digest))
        if found is None or found.value.use is not Use.PROGRAM or found.value.client != client:
            raise Rejected("no such refresh token")
        session = found.value
        pool = await self.standing(session)
        ends = min(session.ends, session.started + pool.session_seconds * SECOND)
        if ends <= self._world.clock():
            raise Rejected("the session has reached the length that its pool allows")
        _check_programs(pool)
        tx = self._sealed.transaction()
        self._log(tx, "sts.refresh", session, call, {"client": client, "ends": str(ends)})
        await tx.commit()
        return Handed(replace(session, ends=ends), digest)

    async def revoke(self, token: str, call: Call) -> None:
        """End a program's session by its refresh token; one that is unknown is no error."""
        found = await self._sealed.find(SESSIONS, SESSIONS.key(digest_of(token)))
        if found is not None and found.value.use is Use.PROGRAM:
            await self._remove(digest_of(token), "sts.revoke", call)

    async def revoke_session(self, digest: bytes, call: Call) -> None:
        """End the session that an access token belongs to."""
        await self._remove(digest, "sts.revoke", call)

    async def standing(self, session: Session) -> Pool:
        """Return the pool of a session that stands; raises Rejected."""
        now = self._world.clock()
        above, id_ = split(session.provider)
        pool = POOLS.key(above)
        standing = PoolStanding(pool, session.uid, PROVIDERS.key(above, id_))
        await standing.check(self._sealed, now)
        await PersonStanding(above, session.subject, session.started, b"").check(self._sealed, now)
        found = await self._sealed.find(POOLS, pool)
        if found is None or session.ends <= now:
            raise Rejected("the session has ended")
        return found.value

    def _check_code(self, found: Session, form: dict[str, str]) -> None:
        verifier = form.get("code_verifier", "").encode()
        hashed = urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        if not hmac.compare_digest(hashed, found.challenge.encode()):
            raise Rejected("the code_verifier does not fit")
        if form.get("redirect_uri", "") != found.redirect:
            raise Rejected("the redirect_uri is another one")

    def _program(
        self, tx: Transaction, code: bytes, found: Session, pool: Pool, call: Call
    ) -> tuple[str, Handed]:
        _check_programs(pool)
        refresh = self.secret()
        digest = digest_of(refresh)
        ends = found.started + pool.session_seconds * SECOND
        ends = min(ends, found.limit) if found.limit else ends
        made = replace(found, use=Use.PROGRAM, ends=ends, redirect="", challenge="")
        tx.put(SESSIONS, digest, value=made)
        tx.put(SESSIONS, code, value=replace(found, handed=digest))
        self._log(tx, "sts.exchange", made, call, {"client": made.client, "ends": str(ends)})
        return refresh, Handed(made, digest)

    async def _undo(self, tx: Transaction, code: bytes, found: Session, call: Call) -> None:
        tx.delete(SESSIONS, found.handed)
        tx.delete(SESSIONS, code)
        self._log(tx, "sts.codeUsedTwice", found, call, {"client": found.client})
        await tx.commit()

    async def _remove(self, digest: bytes, method: str, call: Call) -> None:
        found = await self._sealed.find(SESSIONS, SESSIONS.key(digest))
        if found is None:
            return
        tx = self._sealed.transaction()
        tx.delete(SESSIONS, digest)
        self._log(tx, method, found.value, call, {"client": found.value.client})
        await tx.commit()

    def _log(
        self, tx: Transaction, method: str, session: Session, call: Call, facts: dict[str, str]
    ) -> None:
        leaf = Leaf(
            kind=OUTCOME,
            time=self._world.clock(),
            request=call.request_id,
            method=method,
            permission="",
            principal=member_of(session),
            resource=session.provider,
            remote=call.remote,
            status=_OK,
            facts={name: value for name, value in facts.items() if value},
        )
        tx.append(FEED, encode(leaf))


def _check_programs(pool: Pool) -> None:
    if pool.restrictions is not None and pool.restrictions.no_programs:
        raise Rejected("programs may not sign in to this pool")


def member_of(session: Session) -> Member:
    """Return whose session it is, as bindings name the person."""
    return members.member(split(session.provider)[0], session.subject)


def _mapped(session: Session) -> dict[str, str]:
    """Return what a provider's mapping made, for the log of a provider that asks for detail."""
    custom = {f"attribute.{name}": ", ".join(values) for name, values in session.custom}
    return {"google.groups": ", ".join(session.groups), **custom}


def until(session: Session) -> Micros:
    """Return when a session ends."""
    return Micros(session.ends)
