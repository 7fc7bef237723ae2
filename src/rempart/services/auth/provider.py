"""Our side of OpenID Connect with a pool's provider: the way there, and what comes of its code.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; Discovery 1.0; RFC 7636. The ID token is
verified like any other token from outside, and its nonce besides. Why something failed goes to the
log; the person hears one sentence.
"""

from __future__ import annotations

import hmac
import json
import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from rempart.core.jwks import BadKeySet
from rempart.core.limits import KIB
from rempart.outbound import Question
from rempart.trust.identity.federation.federation import Admitted, Federation
from rempart.trust.identity.federation.issuers import HTTP_OK, Issuers
from rempart.trust.identity.federation.pools import OIDC, Pool, Provider, owner_of
from rempart.trust.identity.federation.refusal import Refused

ANSWER_BYTES_MAX = 256 * KIB
_SCOPES = ("openid", "profile", "email")
_FORM = "application/x-www-form-urlencoded"
_log = logging.getLogger(__name__)


class NoSignIn(Exception):  # noqa: N818 - it is named for what it is
    """The provider signed nobody in; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a browser is sent to a provider with, and must come back by."""

    redirect: str
    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser came back with, and what it was sent with."""

    code: str
    redirect: str
    nonce: str
    verifier: str


class Providers:
    """The providers of workforce pools as this universe speaks to them."""

    def __init__(self, issuers: Issuers, federation: Federation) -> None:
        self._issuers = issuers
        self._federation = federation

    async def way(self, provider: Provider, oidc: OIDC, sent: Sent) -> str:
        """Return where a browser goes to sign in; raises `NoSignIn`."""
        address = await self._address(provider, oidc, "authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": oidc.client_id,
            "redirect_uri": sent.redirect,
            "scope": " ".join(dict.fromkeys((*_SCOPES, *oidc.scopes))),
            "state": sent.state,
            "nonce": sent.nonce,
            "code_challenge": sent.challenge,
            "code_challenge_method": "S256",
        }
        return address + ("&" if urlsplit(address).query else "?") + urlencode(query)

    async def admitted(self, pool: Pool, provider: Provider, returned: Returned) -> Admitted:
        """Return the identity that a provider's code stands for; raises `NoSignIn`."""
        oidc = provider.oidc
        if oidc is None:
            raise NoSignIn("This provider has no sign-in of its own.")
        try:
            answer = await self._tokens(provider, oidc, returned)
            claims = await self._federation.claims(provider, _text(answer, "id_token"))
            _check_own(claims, oidc, returned.nonce)
            if oidc.userinfo:
                claims = await self._with_userinfo(
                    provider, oidc, claims, _text(answer, "access_token")
                )
            return self._federation.admit(pool, provider, claims)
        except (Refused, BadKeySet) as problem:
            _log.warning("a sign-in by %s was refused: %s", provider.name, problem)
            told = str(problem) if isinstance(problem, Refused) else _UNREACHED
            raise NoSignIn(told) from problem

    async def _tokens(
        self, provider: Provider, oidc: OIDC, returned: Returned
    ) -> Mapping[str, object]:
        configuration = await self._issuers.configuration(owner_of(provider.name), oidc.issuer)
        form = {
            "grant_type": "authorization_code",
            "code": returned.code,
            "redirect_uri": returned.redirect,
            "code_verifier": returned.verifier,
        }
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        if not oidc.client_secret:
            form["client_id"] = oidc.client_id
        elif _by_post(configuration):
            form |= {"client_id": oidc.client_id, "client_secret": oidc.client_secret}
        else:
            headers["Authorization"] = _basic(oidc)
        url = _endpoint(configuration, "token_endpoint")
        return await self._json(provider, Question(url, "POST", headers, urlencode(form).encode()))

    async def _with_userinfo(
        self, provider: Provider, oidc: OIDC, claims: Mapping[str, object], token: str
    ) -> Mapping[str, object]:
        """Return the claims with what the userinfo endpoint says over them (section 5.3)."""
        url = await self._address(provider, oidc, "userinfo_endpoint")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        told = await self._json(provider, Question(url, "GET", headers))
        if told.get("sub") != claims.get("sub"):
            raise Refused("The userinfo endpoint speaks of somebody else.")
        kept = {name: claims[name] for name in ("iss", "aud", "sub", "exp", "iat", "nonce")}
        return {**claims, **told, **kept}

    async def _address(self, provider: Provider, oidc: OIDC, name: str) -> str:
        try:
            return _endpoint(
                await self._issuers.configuration(owner_of(provider.name), oidc.issuer), name
            )
        except BadKeySet as problem:
            _log.warning("an identity provider cannot be used: %s", problem)
            raise NoSignIn(_UNREACHED) from problem

    async def _json(self, provider: Provider, question: Question) -> Mapping[str, object]:
        answer = await self._issuers.ask(owner_of(provider.name), question, ANSWER_BYTES_MAX)
        if answer.status != HTTP_OK:
            raise BadKeySet(f"{question.url} answered {answer.status}")
        try:
            document = json.loads(answer.text)
        except (ValueError, RecursionError) as problem:
            raise BadKeySet(f"{question.url} does not answer with JSON") from problem
        if not isinstance(document, dict):
            raise BadKeySet(f"{question.url} does not answer with a JSON object")
        return document


_UNREACHED = "The identity provider does not answer as it should. Try again, or tell its operator."


def _endpoint(configuration: Mapping[str, object], name: str) -> str:
    address = configuration.get(name)
    parts = urlsplit(address) if isinstance(address, str) else None
    if not isinstance(address, str) or parts is None:
        raise BadKeySet(f"its configuration has no {name}")
    if parts.scheme != "https" or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise BadKeySet(f"the {name} of its configuration is no https address")
    if not (address.isascii() and address.isprintable()) or set(address) & set(" \"'<>\\;,"):
        raise BadKeySet(f"the {name} of its configuration is not plain")
    return address


def _by_post(configuration: Mapping[str, object]) -> bool:
    """Tell whether a provider takes a client's secret in the form alone (Discovery, section 3)."""
    methods = configuration.get("token_endpoint_auth_methods_supported")
    if not isinstance(methods, list):
        return False
    return "client_secret_basic" not in methods and "client_secret_post" in methods


def _basic(oidc: OIDC) -> str:
    """Return the client's credentials as RFC 6749, section 2.3.1, writes them."""
    pair = ":".join(quote(one, safe="") for one in (oidc.client_id, oidc.client_secret))
    return f"Basic {b64encode(pair.encode()).decode()}"


def _check_own(claims: Mapping[str, object], oidc: OIDC, nonce: str) -> None:
    """Refuse an ID token that was made for another client or sign-in than this one."""
    if claims.get("azp", oidc.client_id) != oidc.client_id:
        raise Refused("The ID token was made for another client.")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise Refused("The ID token was made for another sign-in.")


def _text(answer: Mapping[str, object], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"The identity provider gave no {name}.")
    return value
