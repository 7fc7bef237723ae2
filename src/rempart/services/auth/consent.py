"""The session in a browser: its page, its end, and whether a program may act for the person."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from rempart.core.call import Call, Reply
from rempart.services.auth.browser import BROWSER, SESSION, browser_of, cookie, own_form
from rempart.services.auth.clients import CLIENTS
from rempart.services.auth.page import page, redirect
from rempart.services.auth.parts import (
    Setup,
    Told,
    origin_of,
    person_of,
    stale,
    to_program_reply,
)
from rempart.services.auth.tickets import AuthorizationRequest
from rempart.trust.identity.federation.pools import POOLS, split
from rempart.trust.identity.workforce.documents import Session, digest_of

_FORBIDDEN = 403


class Consent:
    """Shows people their session and asks what they agree to."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def home(self, call: Call) -> Reply:
        """Show who is signed in, or ask who it is."""
        browser = browser_of(call)
        session = await self._session(browser.session)
        if session is not None:
            values = {**person_of(session), "proof": self._proof(browser.session)}
            return page("home", "You are signed in", values)
        secret = browser.secret or self._setup.sign_ins.secret()
        return page(
            "choose",
            "Sign in",
            {"flow": self._setup.new_flow(digest_of(secret), None)},
            headers=() if browser.secret else cookie(BROWSER, secret),
        )

    async def ask(self, call: Call) -> Reply:
        """Ask whether a program may act for the person."""
        browser = browser_of(call)
        text = call.query.get("flow", "")
        request = self._setup.flow(text, browser).request
        session = await self._session(browser.session)
        if request is None or session is None:
            raise stale()
        await self._check_programs(session)
        values = {
            **person_of(session),
            "program": CLIENTS[request.client].title,
            "where": request.redirect,
            "flow": text,
            "proof": self._proof(browser.session),
        }
        return page(
            "confirm",
            "Let a program act for you?",
            values,
            forms_to=(origin_of(request.redirect),),
        )

    async def answer(self, call: Call, form: dict[str, str]) -> Reply:
        """Send the program a code, or the person's no."""
        browser = browser_of(call)
        request = self._setup.flow(form.get("flow", ""), browser).request
        session = await self._session(browser.session)
        self._check_form(call, form, browser.session)
        if request is None or session is None:
            raise stale()
        if form.get("answer") != "yes":
            return to_program_reply(request, {"error": "access_denied"})
        await self._check_programs(session)
        return await self._code(session, request, call)

    async def sign_out(self, call: Call, form: dict[str, str]) -> Reply:
        """End the session in this browser."""
        browser = browser_of(call)
        self._check_form(call, form, browser.session)
        await self._setup.sign_ins.end(digest_of(browser.session), call)
        return redirect("/", (*cookie(SESSION, "", 0), *cookie(BROWSER, "", 0)))

    async def _code(self, session: Session, request: AuthorizationRequest, call: Call) -> Reply:
        code = await self._setup.sign_ins.code(session, request, call)
        return to_program_reply(request, {"code": code, "scope": " ".join(request.scopes)})

    async def _session(self, secret: str) -> Session | None:
        return await self._setup.sign_ins.current(secret) if secret else None

    async def _check_programs(self, session: Session) -> None:
        key = POOLS.key(split(session.provider)[0])
        found = await self._setup.sealed.find(POOLS, key)
        restrictions = found.value.restrictions if found else None
        if restrictions is not None and restrictions.no_programs:
            text = "Your organization's administrator lets nobody sign in to programs."
            raise Told("Not allowed", text, status=_FORBIDDEN)

    def _check_form(self, call: Call, form: dict[str, str], secret: str) -> None:
        """Raise unless a form comes from a page of this very session (OWASP: CSRF)."""
        given = form.get("proof", "")
        right = bool(secret) and hmac.compare_digest(given.encode(), self._proof(secret).encode())
        if not right or not own_form(call):
            raise Told(
                "Not done", "This form was not sent from a page of this session.", status=403
            )

    def _proof(self, secret: str) -> str:
        """Return what only a page of a session knows, without giving away the session's secret."""
        made = hmac.digest(self._setup.key, secret.encode(), "sha256")
        return urlsafe_b64encode(made).rstrip(b"=").decode()
