"""The security token service's endpoints for people: oauthtoken and revoke.

They stand in no description of Google's; clients' requests are in the recordings. Sources: RFC
6749, RFC 7009. Whatever is wrong with a code or a refresh token, the answer is one.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from urllib.parse import unquote_plus

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.services.auth.clients import CLIENTS
from rempart.services.auth.sessions import Handed, SignIns
from rempart.services.oauth2.forms import OAuthError, answer, read_form, refusal
from rempart.services.oauth2.record import Event, Record
from rempart.trust.identity.federation.pools import split
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.tokens import PREFIX, TOKEN_CHARS_MAX, Federated
from rempart.trust.identity.workforce.documents import SECOND
from rempart.trust.witness.recorder import Recorder

ACCESS_SECONDS_MAX = 3600
_UNAUTHORISED = 401


class PersonTokens:
    """Sells access tokens to programs that somebody signed in."""

    def __init__(self, identity: Identity, sign_ins: SignIns, recorder: Recorder) -> None:
        self._identity = identity
        self._sign_ins = sign_ins
        self._record = Record(recorder, identity.world)

    async def token(self, call: Call) -> Reply:
        """Sell an access token for a code or a refresh token (RFC 6749, sections 4.1.3 and 6).

        What sells it is on record (`SignIns`), and so is a refusal.
        """
        try:
            form = await read_form(call)
            client = _client(call, form)
            return answer(await self._sold(form, client, call))
        except OAuthError as problem:
            facts = {"error": problem.error}
            event = Event("sts.oauthtoken", "", facts=facts, status=problem.status)
            await self._record.refused(call, event)
            return refusal(problem)

    async def revoke(self, call: Call) -> Reply:
        """End what a token belongs to: a person's session, or the token alone (RFC 7009)."""
        try:
            form = await read_form(call)
            await self._revoke(_short(form, "token"), call)
        except OAuthError as problem:
            return refusal(problem)
        return answer({})

    async def _revoke(self, token: str, call: Call) -> None:
        """End it; a token that is unknown or ended is no error (section 2.2)."""
        if not token.startswith(PREFIX):
            await self._sign_ins.revoke(token, call)
            return
        try:
            statement, _ = await self._identity.open_access_token(token)
        except Rejected:
            return
        if isinstance(statement, Federated) and statement.session:
            await self._sign_ins.revoke_session(statement.session, call)
        else:
            await self._identity.revocations.revoke(token, statement.expires)

    async def _sold(self, form: dict[str, str], client: str, call: Call) -> dict[str, object]:
        grant_type = form.get("grant_type")
        try:
            if grant_type == "authorization_code":
                refresh, handed = await self._sign_ins.exchange(form, client, call)
                return self._access(handed) | {"refresh_token": refresh}
            if grant_type == "refresh_token":
                token = _short(form, "refresh_token")
                return self._access(await self._sign_ins.refreshed(token, client, call))
        except Rejected as problem:
            raise OAuthError("invalid_grant", _ENDED) from problem
        raise OAuthError(
            "unsupported_grant_type", "Here are granted: authorization_code, refresh_token."
        )

    def _access(self, handed: Handed) -> dict[str, object]:
        session, now = handed.session, self._identity.world.clock()
        expires = Micros(min(session.ends, now + ACCESS_SECONDS_MAX * SECOND))
        statement = Federated(
            pool=split(session.provider)[0],
            uid=session.uid,
            provider=session.provider,
            subject=session.subject,
            groups=session.groups,
            custom=session.custom,
            scopes=session.scopes,
            issued=now,
            expires=expires,
            display_name=session.display_name,
            session=handed.digest,
            started=session.started,
        )
        return {
            "access_token": self._identity.tokens.seal(statement),
            "token_type": "Bearer",
            "expires_in": max(1, (expires - now) // SECOND),
            "scope": " ".join(session.scopes),
        }


_ENDED = "The code or token is not valid here, or its session has ended. Sign in again."


def _client(call: Call, form: dict[str, str]) -> str:
    """Return the program that asks; it is public, so that its secret proves nothing."""
    header = call.headers.get("authorization", "")
    scheme, _, pair = header.partition(" ")
    client = form.get("client_id", "")
    if scheme.lower() == "basic":
        try:
            named = b64decode(pair, validate=True).decode().partition(":")[0]
        except (Base64Error, ValueError) as problem:
            raise _unknown() from problem
        client = unquote_plus(named)
    if client not in CLIENTS:
        raise _unknown()
    return client


def _unknown() -> OAuthError:
    return OAuthError(
        "invalid_client", "The program is not known to this universe.", status=_UNAUTHORISED
    )


def _short(form: dict[str, str], name: str) -> str:
    value = form.get(name, "")
    if not 0 < len(value) <= TOKEN_CHARS_MAX:
        raise OAuthError("invalid_request", f"Missing required parameter: {name}")
    return value
