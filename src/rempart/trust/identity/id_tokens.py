"""ID tokens of service accounts, by which programs prove who they are outside the universe.

Issued in the name of the universe and signed by RS256, which every verifier must take (OpenID
Connect Core 1.0, section 3.1.3.7); the tokens for key managers are another key's (`issuer.py`). No
key of these is one that a bearer token of an API may be signed by.
"""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import World
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ServiceAccount
from rempart.trust.identity.signing_keys import ISSUER, SIGNING_KEYS, SigningKey, signing_key

TOKEN_SECONDS = 3600
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What an ID token is to say: for whom, and what of the account besides its unique id."""

    audience: str
    email: bool = False
    email_azp: bool = False
    organization: str = ""


class IdTokens:
    """Makes ID tokens under the universe's own key; `name` is the issuer's."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self._world = world

    async def make(self, transaction: Transaction, account: ServiceAccount, asked: Asked) -> str:
        """Return a token for an account; the transaction may hold the key that signed it."""
        key = await signing_key(transaction, ISSUER, self._world)
        now = self._world.clock() // _SECOND
        claims: dict[str, object] = {
            "iss": self.name,
            "aud": asked.audience,
            "azp": account.email if asked.email_azp else account.unique_id,
            "sub": account.unique_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        if asked.email:
            claims |= {"email": account.email, "email_verified": True}
        if asked.organization:
            claims["google"] = {"organization_number": int(asked.organization)}
        return key.token(claims)

    async def keys(self, sealed: SealedEngine) -> tuple[SigningKey, ...]:
        """Return the keys that verify the tokens, newest first."""
        found = await sealed.find(SIGNING_KEYS, SIGNING_KEYS.key(ISSUER))
        return found.value.published(self._world.clock()) if found else ()
