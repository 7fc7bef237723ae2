"""What the pages of the sign-in site have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from rempart.core.call import Call, Reply
from rempart.core.clock import World, rfc3339
from rempart.services.auth.browser import Browser
from rempart.services.auth.page import Headers, redirect
from rempart.services.auth.provider import Providers
from rempart.services.auth.sessions import SignIns, member_of, until
from rempart.services.auth.tickets import AuthorizationRequest, BadTicket, Departure, Flow, Tickets
from rempart.services.oauth2.record import Record
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.federation import Federation
from rempart.trust.identity.workforce.documents import SECOND, Session

FLOW_SECONDS = 15 * 60
"""From the program's request, or the first page, to the person's consent."""


class Told(Exception):  # noqa: N818 - it is named for what it is
    """Something that the person is told in place of the page."""

    def __init__(self, title: str, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.title = title
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class Setup:
    """What the site needs for its whole life; `web_domain` is the universe's for web pages."""

    sealed: SealedEngine
    sign_ins: SignIns
    providers: Providers
    federation: Federation
    flows: Tickets[Flow]
    departures: Tickets[Departure]
    world: World
    record: Record
    web_domain: str
    key: bytes

    def new_flow(self, browser: bytes, request: AuthorizationRequest | None) -> str:
        """Return the ticket of a sign-in that begins."""
        ends = self.world.clock() + FLOW_SECONDS * SECOND
        return self.flows.seal(Flow(ends, browser, request))

    def flow(self, text: str, browser: Browser) -> Flow:
        """Return the sign-in that a form or address carries on; raises `Told`."""
        try:
            return self.flows.open(text, browser.digest)
        except BadTicket as problem:
            raise stale() from problem


def callback(call: Call, provider: str) -> str:
    """Return where a provider sends browsers back to: an address of its own."""
    return f"{call.base_url}/signin-callback/{provider}"


def stale() -> Told:
    """Return what is told where a sign-in cannot be carried on."""
    return Told(
        "Begin again",
        "This sign-in took too long, was finished before, or was begun in another browser."
        " Begin again where you came from.",
    )


def to_program(request: AuthorizationRequest, answer: Mapping[str, str]) -> str:
    """Return the address at which a program hears an answer."""
    fields = {**answer, **({"state": request.state} if request.state else {})}
    return f"{request.redirect}?{urlencode(fields)}"


def to_program_reply(
    request: AuthorizationRequest, answer: Mapping[str, str], headers: Headers = ()
) -> Reply:
    """Send a browser back to the program that began."""
    return redirect(to_program(request, answer), headers)


def origin_of(address: str) -> str:
    """Return the origin of an address: what a page's policy names."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def person_of(session: Session) -> dict[str, str]:
    """Return how a page names a person and the end of its session."""
    named = session.display_name or session.email or session.subject
    shown = rfc3339(until(session)).replace("T", " ")[:16]
    return {"person": named, "member": member_of(session), "ends": shown}
