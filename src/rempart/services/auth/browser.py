"""What a browser brings along: its cookies, and where its forms come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from rempart.core.call import Call
from rempart.services.auth.page import Headers
from rempart.trust.identity.workforce.documents import digest_of

BROWSER, SESSION, DEPARTURE = "__Host-browser", "__Host-session", "__Host-departure"
"""The prefix ties a cookie to this very host, to TLS and to the root path (RFC 6265bis)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_TICKET = re.compile(r"[A-Za-z0-9_-]{1,4000}")
_COOKIES_MAX = 50


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser: `secret` is its own, whoever sits before it; `session` is that of a person."""

    secret: str
    session: str

    @property
    def digest(self) -> bytes:
        """Return what tickets know a browser by; empty for one that has no cookie."""
        return digest_of(self.secret) if self.secret else b""


def browser_of(call: Call) -> Browser:
    """Return the browser that a request comes from."""
    found: dict[str, str] = {}
    for name, value in _cookies(call):
        if name in (BROWSER, SESSION) and _SECRET.fullmatch(value):
            if found.get(name, value) != value:
                return Browser("", "")
            found[name] = value
    return Browser(found.get(BROWSER, ""), found.get(SESSION, ""))


def departure_of(call: Call) -> str:
    """Return the ticket that a browser was sent to a SAML provider with, empty for none."""
    tickets = {value for name, value in _cookies(call) if name == DEPARTURE}
    found = tickets.pop() if len(tickets) == 1 else ""
    return found if _TICKET.fullmatch(found) else ""


def _cookies(call: Call) -> Iterator[tuple[str, str]]:
    for piece in call.headers.get("cookie", "").replace(",", ";").split(";")[:_COOKIES_MAX]:
        name, _, value = piece.strip().partition("=")
        yield name, value


def cookie(name: str, value: str, seconds: int | None = None, same_site: str = "Lax") -> Headers:
    """Return the header that sets a cookie; without a number it ends with the browser."""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    flags = f"Path=/; Secure; HttpOnly; SameSite={same_site}{age}"
    return (("Set-Cookie", f"{name}={value}; {flags}"),)


def own_form(call: Call) -> bool:
    """Tell whether a form was sent from one of our pages, as far as the browser says."""
    origin, site = call.headers.get("origin"), call.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    return origin is None or urlsplit(origin).netloc == urlsplit(call.base_url).netloc
