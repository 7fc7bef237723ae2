"""One-time tokens at the door: each lets one person in once; its use is on record for ever."""

from __future__ import annotations

import hmac

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.clock import World
from rempart.engine.seam import Conflict
from rempart.services.auth.sessions import SignIns
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.federation import Admitted, Federation
from rempart.trust.identity.federation.mapping import Attributes
from rempart.trust.identity.federation.pools import HOST
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.workforce.bootstrap import named_by, provider_of
from rempart.trust.identity.workforce.documents import BOOTSTRAPS, Bootstrap, digest_of


class Bootstraps:
    """Takes one-time tokens."""

    def __init__(
        self, sealed: SealedEngine, federation: Federation, sign_ins: SignIns, world: World
    ) -> None:
        self._sealed = sealed
        self._federation = federation
        self._sign_ins = sign_ins
        self._world = world

    async def use(self, provider: str, token: str, call: Call) -> tuple[str, Admitted]:
        """Return the secret of a session in the browser for a token; raises Rejected.

        The token is used and the session begun in one commit: of two that come at once, one is in.
        """
        named = named_by(token)
        if named is None or provider != str(provider_of(named.organization)):
            raise Rejected("no token of this provider")
        tx = self._sealed.transaction()
        found = await tx.get(BOOTSTRAPS, named.organization, named.id)
        if found is None or not self._good(found, token):
            raise Rejected("no token that is good now")
        try:
            pool, _ = await self._federation.provider(f"//{HOST}/{provider}")
        except Refused as problem:
            raise Rejected("the organization has closed this way in") from problem
        admitted = Admitted(pool, provider, Attributes(named.id))
        session = self._sign_ins.session_of(admitted, provider)
        await self._sign_ins.standing(session)
        tx.put(
            BOOTSTRAPS,
            named.organization,
            named.id,
            value=replace(found, used=self._world.clock(), remote=call.remote),
        )
        secret = self._sign_ins.secret()
        self._sign_ins.keep(tx, secret, session, call)
        try:
            await tx.commit()
        except Conflict as problem:
            raise Rejected("another took it at the same time") from problem
        return secret, admitted

    def _good(self, found: Bootstrap, token: str) -> bool:
        fits = hmac.compare_digest(found.token, digest_of(token))
        return fits and not found.used and found.expires > self._world.clock()
