"""The token endpoint, tokeninfo and revoke.

Whatever is wrong with an assertion or a token, the answer is the same: the cause would help an
attacker more than an owner. Errors are RFC 6749's, not Google's API errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from rempart.core.call import Call, Reply
from rempart.core.errors import aborted
from rempart.core.limits import COMMIT_ATTEMPTS_MAX
from rempart.core.principal import Principal
from rempart.engine.seam import Conflict
from rempart.services.oauth2.forms import OAuthError, answer, read_form, refusal
from rempart.services.oauth2.record import Event, Record
from rempart.trust.identity.id_tokens import Asked, IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.jwt import Signed, verify
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.tokens import LIFETIME_SECONDS, TOKEN_CHARS_MAX, Statement
from rempart.trust.policy.members import email_alone
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.recorder import Recorder

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXPIRES_IN_SECONDS = 3599
"""Google's value: one less than the hour that the token is good for."""

METHOD = "oauth2.token"
_SECOND = 1_000_000
_GOOGLE_AUDIENCES = frozenset(
    (
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    )
)
"""What tools put into assertions whatever `token_uri` says (Python's, gsutil's, old Go's)."""


class OAuth2:
    """The OAuth endpoints of a universe.

    `token_uris` are those of issued key files besides `https://oauth2.<domain>/token`.
    """

    def __init__(
        self,
        identity: Identity,
        id_tokens: IdTokens,
        recorder: Recorder,
        *,
        token_uris: frozenset[str] = frozenset(),
    ) -> None:
        self._identity = identity
        self._id_tokens = id_tokens
        self._record = Record(recorder, identity.world)
        own = f"https://oauth2.{identity.domain}/token"
        self._audiences = _GOOGLE_AUDIENCES | token_uris | {own}

    async def token(self, call: Call) -> Reply:
        """Sell an access token for a self-signed assertion (RFC 7523, section 2.1).

        One that names a `target_audience` buys an ID token for that audience instead. Either is on
        record before it leaves.
        """
        try:
            signed = await self._assertion(await read_form(call))
        except OAuthError as problem:
            facts = {"error": problem.error}
            await self._record.refused(call, Event(METHOD, "", facts=facts, status=problem.status))
            return refusal(problem)
        if signed.claims.target_audience:
            return answer({"id_token": await self._id_token(signed, call)})
        facts = {"scopes": " ".join(sorted(signed.claims.scopes)), "seconds": str(LIFETIME_SECONDS)}
        await self._record.put(call, _sold(signed, facts))
        return answer(
            {
                "access_token": self._identity.tokens.mint(signed),
                "expires_in": EXPIRES_IN_SECONDS,
                "scope": " ".join(sorted(signed.claims.scopes)),
                "token_type": "Bearer",
            }
        )

    async def tokeninfo(self, call: Call) -> Reply:
        """Tell what a live access token is good for, in the shape of Google's v3."""
        try:
            _, statement, principal = await self._live(call)
        except OAuthError as problem:
            return refusal(problem)
        left = (statement.expires - self._identity.world.clock()) // _SECOND
        return answer(
            {
                "azp": principal.unique_id,
                "aud": principal.unique_id,
                "sub": principal.unique_id,
                "scope": " ".join(statement.scopes),
                "exp": str(statement.expires // _SECOND),
                "expires_in": str(left),
                **_email(principal),
                "access_type": "online",
            }
        )

    async def revoke(self, call: Call) -> Reply:
        """Refuse an access token from now on; durable before the answer (RFC 7009)."""
        try:
            token, statement, _ = await self._live(call)
        except OAuthError as problem:
            return refusal(problem)
        await self._identity.revocations.revoke(token, statement.expires)
        return answer({})

    async def _assertion(self, form: dict[str, str]) -> Signed:
        if form.get("grant_type") != JWT_BEARER:
            raise OAuthError("unsupported_grant_type", f"This universe grants {JWT_BEARER} alone.")
        assertion = form.get("assertion")
        if not assertion:
            raise OAuthError("invalid_request", "Missing required parameter: assertion")
        try:
            signed = await self._verify(assertion)
        except Rejected as problem:
            raise OAuthError("invalid_grant", "Invalid JWT Signature or claims.") from problem
        if not signed.claims.scopes and not signed.claims.target_audience:
            raise OAuthError("invalid_scope", "Missing required parameter: scope")
        return signed

    async def _id_token(self, signed: Signed, call: Call) -> str:
        """Return an ID token for the owner of an assertion, under a key that is on the disk."""
        audience = signed.claims.target_audience
        asked = Asked(audience, email=True)
        for _ in range(COMMIT_ATTEMPTS_MAX):
            transaction = self._identity.sealed.transaction()
            token = await self._id_tokens.make(transaction, signed.account, asked)
            entry = self._record.entry(call, _sold(signed, {"audience": audience}))
            transaction.append(FEED, entry)
            try:
                await transaction.commit()
            except Conflict:
                continue
            return token
        raise aborted("The signing key kept changing; retry.")

    async def _verify(self, assertion: str) -> Signed:
        identity = self._identity
        signed = await verify(identity.sealed, assertion, now=identity.world.clock())
        if signed.claims.audience not in self._audiences:
            raise Rejected("made for another audience")
        if signed.claims.subject not in ("", signed.claims.issuer):
            raise Rejected("speaks for another subject")
        return signed

    async def _live(self, call: Call) -> tuple[str, Statement, Principal]:
        token = await _token(call)
        try:
            return token, *await self._identity.open_access_token(token)
        except Rejected as problem:
            raise OAuthError("invalid_token", "Invalid Value") from problem


def _sold(signed: Signed, facts: Mapping[str, str]) -> Event:
    """Return what the log tells of a token that an account bought with a key of its own."""
    account = signed.account
    return Event(
        METHOD, account.resource.name.name, account.member, {"key": signed.key.id, **facts}
    )


def _email(principal: Principal) -> dict[str, object]:
    """Return the email of a service account; identities from outside have none of ours."""
    if email_alone(principal.member) != f"serviceAccount:{principal.email}":
        return {}
    return {"email": principal.email, "email_verified": "true"}


async def _token(call: Call) -> str:
    """Return the token that a request is about: a form field, or a query parameter."""
    fields = dict(call.query)
    if call.headers.get("content-type"):
        fields |= await read_form(call)
    token = fields.get("access_token") or fields.get("token") or ""
    if not token or len(token) > TOKEN_CHARS_MAX:
        raise OAuthError("invalid_token", "Invalid Value")
    return token


@dataclass(frozen=True, slots=True)
class Route:
    """Where one endpoint stands: first labels of host names (empty: no host tells), raw paths."""

    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    verbs: tuple[str, ...]
    run: Callable[[OAuth2, Call], Awaitable[Reply]]


ROUTES = (
    Route(
        ("oauth2", "www", "accounts", ""),
        ("/token", "/oauth2/token", "/oauth2/v3/token", "/oauth2/v4/token", "/o/oauth2/token"),
        ("POST",),
        OAuth2.token,
    ),
    Route(
        ("oauth2", "www", ""),
        ("/tokeninfo", "/oauth2/v1/tokeninfo", "/oauth2/v3/tokeninfo"),
        ("GET", "POST"),
        OAuth2.tokeninfo,
    ),
    Route(("oauth2", "accounts", ""), ("/revoke", "/o/oauth2/revoke"), ("POST",), OAuth2.revoke),
)
