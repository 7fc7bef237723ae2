"""The way to a provider: a program asks, or a person chooses."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit

from rempart.core.call import Call, Reply
from rempart.services.auth.browser import BROWSER, Browser, browser_of, cookie, own_form
from rempart.services.auth.page import Headers, page, redirect
from rempart.services.auth.parts import (
    FLOW_SECONDS,
    Setup,
    Told,
    callback,
    to_program_reply,
)
from rempart.services.auth.provider import NoSignIn, Sent
from rempart.services.auth.requests import ForClient, NotForRedirect, authorization_request
from rempart.services.auth.saml import sent
from rempart.services.auth.tickets import AuthorizationRequest, Departure
from rempart.trust.identity.federation.pools import HOST, Provider
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.workforce.documents import SECOND

_FORBIDDEN = 403


class Departing:
    """Sends browsers to providers."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def authorize(self, call: Call) -> Reply:
        """Begin a sign-in for a program: at its provider, or with the question which one."""
        try:
            request = authorization_request(call.query, self._setup.web_domain)
        except NotForRedirect as problem:
            raise Told("This request cannot be answered", str(problem)) from problem
        except ForClient as problem:
            asked = AuthorizationRequest("", problem.redirect, problem.state, "", ())
            told = {"error": problem.error, "error_description": str(problem)}
            return to_program_reply(asked, told)
        browser, headers = self._known(call)
        session = await self._setup.sign_ins.current(browser.session) if browser.session else None
        if session is not None and request.provider in ("", session.provider):
            flow = self._setup.new_flow(browser.digest, request)
            return redirect(f"/confirm?flow={flow}", headers)
        if request.provider:
            return await self._leave(call, browser, request, request.provider, headers, form=False)
        flow = self._setup.new_flow(browser.digest, request)
        return page("choose", "Sign in", {"flow": flow}, headers=headers)

    async def provider(self, call: Call, form: dict[str, str]) -> Reply:
        """Go on with the provider that a person chose."""
        browser = browser_of(call)
        if not own_form(call):
            raise Told("Sign-in", "This form was sent from elsewhere.", status=_FORBIDDEN)
        flow = self._setup.flow(form.get("flow", ""), browser)
        name = form.get("provider", "").strip().removeprefix(f"//{HOST}/")
        return await self._leave(call, browser, flow.request, name, (), form=True)

    def _known(self, call: Call) -> tuple[Browser, Headers]:
        """Return the browser, with a cookie of its own if it had none."""
        browser = browser_of(call)
        if browser.secret:
            return browser, ()
        secret = self._setup.sign_ins.secret()
        return Browser(secret, browser.session), cookie(BROWSER, secret)

    async def _leave(
        self,
        call: Call,
        browser: Browser,
        request: AuthorizationRequest | None,
        name: str,
        headers: Headers,
        *,
        form: bool,
    ) -> Reply:
        provider = await self._provider(name)
        if provider.saml is not None:
            way = (provider.name, provider.saml)
            target, departing = sent(self._setup, call, browser, request, way)
            return _away(target, (*headers, *departing), form=form)
        if provider.oidc is None:
            flow = self._setup.new_flow(browser.digest, request)
            values = {"flow": flow, "provider": provider.name}
            return page("token", "Sign in with a one-time token", values, headers=headers)
        nonce, verifier = self._setup.sign_ins.secret(), self._setup.sign_ins.secret()
        ends = self._setup.world.clock() + FLOW_SECONDS * SECOND
        departure = Departure(ends, browser.digest, provider.name, nonce, verifier, request)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        state = self._setup.departures.seal(departure)
        by = Sent(callback(call, provider.name), state, nonce, challenge.decode())
        try:
            target = await self._setup.providers.way(provider, provider.oidc, by)
        except NoSignIn as problem:
            raise Told("Sign-in is not possible now", str(problem), status=502) from problem
        return _away(target, headers, form=form)

    async def _provider(self, name: str) -> Provider:
        """Return a provider of a workforce pool that is in use; raises `Told`."""
        text = "There is no such provider here, or it is not in use. Ask your administrator."
        if not name.startswith("locations/"):
            raise Told("No such provider", text)
        try:
            return (await self._setup.federation.provider(f"//{HOST}/{name}"))[1]
        except Refused as problem:
            raise Told("No such provider", text) from problem


def _away(target: str, headers: Headers, *, form: bool) -> Reply:
    """Send a browser to its provider.

    A redirect after a form would have to be allowed by the page that held the form: there a page
    with a link is shown.
    """
    return leaving(target, headers) if form else redirect(target, headers)


def leaving(target: str, headers: Headers) -> Reply:
    """Return the page with the way to a provider."""
    values = {"target": target, "host": urlsplit(target).netloc}
    return page("leave", "Sign in", values, headers=headers)
