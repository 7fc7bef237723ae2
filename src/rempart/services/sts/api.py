"""Token exchange and introspection.

Sources: RFC 8693 (exchange), RFC 7662 (introspection), google.identity.sts.v1, and what Google's
client libraries send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import camel
from rempart.services.oauth2.forms import OAuthError, answer, read_form, read_json, refusal
from rempart.services.oauth2.record import Event, Record
from rempart.services.sts.model import ACCESS_TOKEN, FIELDS, Exchange, exchange, required
from rempart.trust.identity.federation.federation import Admitted, Federation, Proof, Shown
from rempart.trust.identity.federation.pools import provider_name
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.tokens import TOKEN_CHARS_MAX, Federated
from rempart.trust.witness.recorder import Recorder

ANSWERED = frozenset(("sts.token",))
_JSON = "application/json"
_SECOND = 1_000_000


class STS:
    """The endpoints of the service."""

    def __init__(self, identity: Identity, federation: Federation, recorder: Recorder) -> None:
        self._identity = identity
        self._federation = federation
        self._record = Record(recorder, identity.world)

    async def token(self, call: Call) -> Reply:
        """Give an access token for a credential that a pool's provider vouches for.

        It is on record before it leaves, and so is a refusal.
        """
        fields: dict[str, str] = {}
        try:
            fields = await _fields(call)
            wanted = exchange(fields)
            admitted = await self._admitted(wanted, call.certificate)
            await self._federation.check_program(admitted)
        except OAuthError as problem:
            return await self._refused(call, fields, problem)
        except Refused as problem:
            return await self._refused(call, fields, OAuthError(problem.error, str(problem)))
        statement = self._statement(wanted, admitted)
        await self._record.put(call, _given(statement, admitted))
        return answer(
            {
                "access_token": self._identity.tokens.seal(statement),
                "issued_token_type": ACCESS_TOKEN,
                "token_type": "Bearer",
                "expires_in": (statement.expires - statement.issued) // _SECOND,
            }
        )

    async def _admitted(self, wanted: Exchange, certificate: bytes) -> Admitted:
        audience, token = wanted.audience, wanted.subject_token
        if wanted.proof is Proof.ASSERTION:
            here = self._recipients(audience)
            return await self._federation.admit_assertion(audience, token, here)
        shown = Shown(wanted.proof, token, certificate)
        return await self._federation.admit_shown(audience, shown)

    def _recipients(self, audience: str) -> frozenset[str]:
        """Return where an assertion may be meant for: here, or the sign-in of the same provider."""
        domain, provider = self._identity.domain, provider_name(audience)
        here = f"https://sts.{domain}/v1/token"
        return frozenset((here, f"https://auth.cloud.{domain}/signin-callback/{provider}"))

    async def _refused(self, call: Call, fields: Mapping[str, str], problem: OAuthError) -> Reply:
        facts, audience = {"error": problem.error}, fields.get("audience", "")
        event = Event("sts.token", audience, facts=facts, status=problem.status)
        await self._record.refused(call, event)
        return refusal(problem)

    async def introspect(self, call: Call) -> Reply:
        """Tell whom an access token speaks for and until when; of any other, that it does not."""
        try:
            token = required(await _fields(call), "token")
        except OAuthError as problem:
            return refusal(problem)
        try:
            if len(token) > TOKEN_CHARS_MAX:
                return answer({"active": False})
            statement, principal = await self._identity.open_access_token(token)
        except Rejected:
            return answer({"active": False})
        return answer(
            {
                "active": True,
                "username": principal.email,
                "sub": principal.unique_id,
                "client_id": principal.unique_id,
                "iss": f"https://sts.{self._identity.domain}/",
                "scope": " ".join(statement.scopes),
                "iat": statement.issued // _SECOND,
                "exp": statement.expires // _SECOND,
                "token_type": "Bearer",
            }
        )

    def _statement(self, wanted: Exchange, admitted: Admitted) -> Federated:
        now, attributes = self._identity.world.clock(), admitted.attributes
        return Federated(
            pool=admitted.pool.name,
            uid=admitted.pool.uid,
            provider=admitted.provider,
            subject=attributes.subject,
            groups=attributes.groups,
            custom=attributes.custom,
            scopes=wanted.scopes,
            issued=now,
            expires=Micros(admitted.until(now)),
            display_name=attributes.display_name,
            user_project=wanted.user_project,
        )


def _given(statement: Federated, admitted: Admitted) -> Event:
    """Return what the log tells of a token that was given for a credential from outside."""
    facts = {
        "scopes": " ".join(statement.scopes),
        "seconds": str((statement.expires - statement.issued) // _SECOND),
    }
    return Event("sts.token", admitted.provider, admitted.member, facts)


async def _fields(call: Call) -> dict[str, str]:
    """Return the parameters of a form, or of a JSON document with Google's spelling of them."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        return await read_form(call)
    given = await read_json(call)
    return {name: given.get(camel(name), given.get(name, "")) for name in FIELDS} | {
        "token": given.get("token", "")
    }


@dataclass(frozen=True, slots=True)
class Route:
    """Where one endpoint stands: by the API's host name, and by its name where no host tells."""

    hosts: tuple[str, ...]
    path: str
    run: Callable[[STS, Call], Awaitable[Reply]]


ROUTES = (
    Route(("sts",), "/v1/token", STS.token),
    Route(("",), "/sts/v1/token", STS.token),
    Route(("sts",), "/v1/introspect", STS.introspect),
    Route(("",), "/sts/v1/introspect", STS.introspect),
)
