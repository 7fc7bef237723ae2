"""The way back from a provider, or in by a one-time token: a session begins."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rempart.core.call import Call, Reply
from rempart.services.auth.bootstraps import Bootstraps
from rempart.services.auth.browser import (
    BROWSER,
    DEPARTURE,
    SESSION,
    Browser,
    browser_of,
    cookie,
    departure_of,
    own_form,
)
from rempart.services.auth.departure import leaving
from rempart.services.auth.page import redirect
from rempart.services.auth.parts import Setup, Told, callback, stale
from rempart.services.auth.provider import NoSignIn, Returned
from rempart.services.auth.saml import RESPONSE_FORM_BYTES_MAX, sent
from rempart.services.auth.tickets import AuthorizationRequest, BadTicket, Departure
from rempart.services.oauth2.forms import read_form
from rempart.services.oauth2.record import Event
from rempart.trust.identity.federation.federation import Admitted
from rempart.trust.identity.federation.pools import HOST, Provider
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.workforce.documents import digest_of

STATES_MAX = 100_000
"""States that have come back and have not expired: none of them is taken again."""

CODE_CHARS_MAX = 4096
_FORBIDDEN = 403
_log = logging.getLogger(__name__)


class Arrival:
    """Takes browsers back."""

    def __init__(self, setup: Setup, bootstraps: Bootstraps) -> None:
        self._setup = setup
        self._bootstraps = bootstraps
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    async def returned(self, call: Call, provider: str) -> Reply:
        """Begin a session for whom a provider vouches, in the browser that was sent there."""
        async with self._recorded(call, provider):
            return await self._returned(call, provider)

    async def _returned(self, call: Call, provider: str) -> Reply:
        browser, query = browser_of(call), call.query
        departure = self._departure(query.get("state", ""), browser.digest, provider)
        if "error" in query:
            raise Told("Nobody was signed in", f"The provider says: {query['error'][:100]}")
        admitted = await self._admitted(call, departure)
        self._check_service(admitted, departure.request)
        secret = await self._begun(admitted, departure.provider, call)
        old = digest_of(browser.session) if browser.session else b""
        return await self._welcome(old, secret, admitted, departure.request, call)

    async def asserted(self, call: Call, provider: str) -> Reply:
        """Begin a session for whom a SAML provider vouches, in the browser that was sent there."""
        async with self._recorded(call, provider):
            form = await read_form(call, RESPONSE_FORM_BYTES_MAX)
            ticket = departure_of(call)
            if not ticket:
                return await self._unasked(call, provider)
            relay = digest_of(form.get("RelayState", ""))
            departure = self._departure(ticket, relay, provider)
            admitted = await self._asserted(call, departure, form.get("SAMLResponse", ""))
            self._check_service(admitted, departure.request)
            secret = await self._begun(admitted, provider, call)
            old, request = departure.session, departure.request
            return await self._welcome(old, secret, admitted, request, call)

    async def _asserted(self, call: Call, departure: Departure, response: str) -> Admitted:
        provider = departure.provider
        here = frozenset((callback(call, provider),))
        try:
            return await self._setup.federation.admit_assertion(
                f"//{HOST}/{provider}", response, here, departure.nonce
            )
        except Refused as problem:
            _log.warning("a sign-in by %s was refused: %s", provider, problem)
            raise Told("Nobody was signed in", str(problem), status=_FORBIDDEN) from problem

    async def _unasked(self, call: Call, provider: str) -> Reply:
        """Answer a response that nobody asked for in this browser: it is not read.

        Whoever is signed in at the provider is let in by asking it; a response that somebody else
        sends a browser with would sign it in as them.
        """
        try:
            _, found = await self._setup.federation.provider(f"//{HOST}/{provider}")
        except Refused as problem:
            raise _kept_out() from problem
        if found.saml is None:
            raise stale()
        nobody = Browser("", "")
        target, headers = sent(self._setup, call, nobody, None, (found.name, found.saml))
        return leaving(target, headers)

    async def by_token(self, call: Call, form: dict[str, str]) -> Reply:
        """Begin a session by a one-time token."""
        async with self._recorded(call, form.get("provider", "")):
            return await self._by_token(call, form)

    @asynccontextmanager
    async def _recorded(self, call: Call, provider: str) -> AsyncIterator[None]:
        """Let it be on record where nobody is signed in, with what the person is told."""
        try:
            yield
        except Told as problem:
            facts = {"told": problem.text}
            event = Event("auth.signIn", provider, facts=facts, status=problem.status)
            await self._setup.record.refused(call, event)
            raise

    async def _by_token(self, call: Call, form: dict[str, str]) -> Reply:
        browser = browser_of(call)
        if not own_form(call):
            raise Told("Sign-in", "This form was sent from elsewhere.", status=_FORBIDDEN)
        flow = self._setup.flow(form.get("flow", ""), browser)
        try:
            secret, admitted = await self._bootstraps.use(
                form.get("provider", ""), form.get("token", "").strip(), call
            )
        except Rejected as problem:
            text = "This token is not valid: it was used, has expired, or never was."
            raise Told("Nobody was signed in", text, status=_FORBIDDEN) from problem
        old = digest_of(browser.session) if browser.session else b""
        return await self._welcome(old, secret, admitted, flow.request, call)

    async def _begun(self, admitted: Admitted, provider: str, call: Call) -> str:
        try:
            return await self._setup.sign_ins.begin(admitted, provider, call)
        except Rejected as problem:
            raise _kept_out() from problem

    def _departure(self, state: str, browser: bytes, provider: str) -> Departure:
        """Return what a browser was sent with, once; raises `Told`."""
        try:
            departure = self._setup.departures.open(state, browser)
        except BadTicket as problem:
            raise stale() from problem
        if departure.provider != provider:
            raise Told(
                "Nobody was signed in", "The answer came back to another provider's address."
            )
        now, digest = self._setup.world.clock(), digest_of(state)
        while self._seen and (
            len(self._seen) >= STATES_MAX or next(iter(self._seen.values())) <= now
        ):
            self._seen.popitem(last=False)
        if digest in self._seen:
            raise stale()
        self._seen[digest] = departure.expires
        return departure

    async def _admitted(self, call: Call, departure: Departure) -> Admitted:
        setup = self._setup
        try:
            pool, provider = await setup.federation.provider(f"//{HOST}/{departure.provider}")
            code, back = _code(call, provider), callback(call, departure.provider)
            returned = Returned(code, back, departure.nonce, departure.verifier)
            return await setup.providers.admitted(pool, provider, returned)
        except NoSignIn as problem:
            raise Told("Nobody was signed in", str(problem), status=_FORBIDDEN) from problem
        except Refused as problem:
            raise _kept_out() from problem

    def _check_service(self, admitted: Admitted, request: AuthorizationRequest | None) -> None:
        """Raise where a pool's people sign in to listed services only, and this is none of them."""
        restrictions = admitted.pool.restrictions
        listed = restrictions.services if restrictions is not None else ()
        if request is None and listed and f"console.{self._setup.web_domain}" not in listed:
            text = "Your organization's administrator lets you sign in to other services only."
            raise Told("Not allowed", text, status=_FORBIDDEN)

    async def _welcome(
        self,
        old: bytes,
        secret: str,
        admitted: Admitted,
        request: AuthorizationRequest | None,
        call: Call,
    ) -> Reply:
        """Give the browser its session, and new secrets: what it held before is of no more use."""
        if old:
            await self._setup.sign_ins.end(old, call)
        fresh = self._setup.sign_ins.secret()
        cookies = (
            *cookie(SESSION, secret, admitted.pool.session_seconds),
            *cookie(BROWSER, fresh),
            *cookie(DEPARTURE, "", 0, same_site="None"),
        )
        if request is None:
            return redirect("/", cookies)
        flow = self._setup.new_flow(digest_of(fresh), request)
        return redirect(f"/confirm?flow={flow}", cookies)


def _code(call: Call, provider: Provider) -> str:
    """Return the code of a provider's answer, which names no other issuer (RFC 9207)."""
    issuer = provider.oidc.issuer if provider.oidc else ""
    if call.query.get("iss", issuer) != issuer:
        raise NoSignIn("The answer is another provider's.")
    code = call.query.get("code", "")
    if not 0 < len(code) <= CODE_CHARS_MAX:
        raise NoSignIn("The provider's answer has no code.")
    return code


def _kept_out() -> Told:
    text = "Your organization's administrator does not let this identity in."
    return Told("Nobody was signed in", text, status=_FORBIDDEN)
