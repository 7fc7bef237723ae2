"""Our side of SAML's browser sign-in: the way to a provider, and what must come back from it.

The provider sends the browser back by a form from its own site, with which a browser sends no `Lax`
cookie. So what a browser was sent with travels in a cookie of its own, which goes with such forms
too: sealed, good for this one answer, and only together with the RelayState that the provider hands
back. The response itself must name our request.

Source: SAML Bindings, sections 3.4 and 3.5; Profiles, section 4.1.
"""

from __future__ import annotations

from rempart.core.call import Call
from rempart.services.auth.browser import DEPARTURE, Browser, cookie
from rempart.services.auth.page import Headers
from rempart.services.auth.parts import FLOW_SECONDS, Setup, Told, callback
from rempart.services.auth.tickets import AuthorizationRequest, Departure
from rempart.trust.identity.federation.pools import SAML
from rempart.trust.identity.federation.saml.request import address
from rempart.trust.identity.workforce.documents import SECOND, digest_of

RESPONSE_FORM_BYTES_MAX = 256 * 1024
"""A response of the size that is read, in base64 and then percent-encoded."""

COOKIE_CHARS_MAX = 3800
"""Browsers drop a cookie whose name and value exceed 4,096 bytes (RFC 6265bis, 5.7)."""


def sent(
    setup: Setup,
    call: Call,
    browser: Browser,
    request: AuthorizationRequest | None,
    way: tuple[str, SAML],
) -> tuple[str, Headers]:
    """Return where a browser goes to sign in, and the cookie that it goes with.

    `way` is the provider's full name and its settings.
    """
    (name, saml), now = way, setup.world.clock()
    relay, id_ = setup.sign_ins.secret(), f"_{setup.sign_ins.secret()}"
    ticket = setup.departures.seal(
        Departure(
            expires=now + FLOW_SECONDS * SECOND,
            browser=digest_of(relay),
            provider=name,
            nonce=id_,
            verifier="",
            request=request,
            session=digest_of(browser.session) if browser.session else b"",
        )
    )
    if len(ticket) > COOKIE_CHARS_MAX:
        raise Told("Sign-in", "The program's request is too long for this identity provider.")
    back = callback(call, name)
    target = address(saml, name, request=id_, back=back, relay=relay, now=now)
    return target, cookie(DEPARTURE, ticket, FLOW_SECONDS, same_site="None")
