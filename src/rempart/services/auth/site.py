"""The sign-in site, `https://auth.<cloud web domain>`: which page a request asks for.

    /authorize          a program sends a browser here (RFC 6749)
    /provider           the person chose a provider
    /signin-callback/…  the provider sends the browser back; each has an address of its own, so that
                        the answer of one is never taken for another's (RFC 9700, 4.4.2); by a form
                        where it speaks SAML
    /bootstrap          the person has a one-time token instead
    /confirm            the person lets the program act
    /signout, /         the session in this browser

Nothing is answered by a redirect to an address that a request names, but to a program's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from rempart.core.call import Call, Reply
from rempart.core.errors import CloudError
from rempart.services.auth.arrival import Arrival
from rempart.services.auth.consent import Consent
from rempart.services.auth.departure import Departing
from rempart.services.auth.page import page, style
from rempart.services.auth.parts import Told
from rempart.services.oauth2.forms import OAuthError, read_form

CALLBACK = "/signin-callback/"
_FORBIDDEN, _NOT_FOUND, _NOT_ALLOWED = 403, 404, 405
Form = Callable[[Call, dict[str, str]], Awaitable[Reply]]
Shown = Callable[[Call], Awaitable[Reply]]


class Site:
    """Answers every request to the sign-in host."""

    def __init__(
        self, domain: str, departing: Departing, arrival: Arrival, consent: Consent
    ) -> None:
        self._domain = domain
        self._arrival = arrival
        self._pages: dict[str, Shown] = {
            "/": consent.home,
            "/authorize": departing.authorize,
            "/confirm": consent.ask,
            "/style.css": _style,
        }
        self._forms: dict[str, Form] = {
            "/provider": departing.provider,
            "/bootstrap": arrival.by_token,
            "/confirm": consent.answer,
            "/signout": consent.sign_out,
        }

    async def serve(self, call: Call) -> Reply:
        """Answer a request with a page, whatever becomes of it."""
        try:
            self._check_host(call)
            return await self._serve(call)
        except Told as problem:
            return page("message", problem.title, {"text": problem.text}, status=problem.status)
        except OAuthError as problem:
            return page("message", "Sign-in", {"text": str(problem)}, status=problem.status)
        except CloudError as problem:
            return page("message", "Sign-in", {"text": problem.message}, status=problem.status)

    async def _serve(self, call: Call) -> Reply:
        path = call.path["path"]
        if call.verb == "POST" and path.startswith(CALLBACK):
            return await self._arrival.asserted(call, path.removeprefix(CALLBACK))
        if call.verb == "POST":
            form = self._forms.get(path)
            if form is None:
                raise Told("No form", "There is nothing to send here.", status=_NOT_ALLOWED)
            return await form(call, await read_form(call))
        if path.startswith(CALLBACK):
            return await self._arrival.returned(call, path.removeprefix(CALLBACK))
        shown = self._pages.get(path)
        if shown is None:
            raise Told("No such page", "There is no such page here.", status=_NOT_FOUND)
        return await shown(call)

    def _check_host(self, call: Call) -> None:
        """Refuse other names of this host, and what is not TLS: its cookies are for neither."""
        parts = urlsplit(call.base_url)
        own = (f"auth.cloud.{self._domain}", "auth.cloud.localhost")
        if parts.scheme != "https" or (parts.hostname or "") not in own:
            raise Told("Sign-in", f"People sign in at https://{own[0]} alone.", status=_FORBIDDEN)


async def _style(_call: Call) -> Reply:
    return style()
