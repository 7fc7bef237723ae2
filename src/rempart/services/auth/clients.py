"""The programs that may ask for a sign-in in the browser, and where its result may go.

Their client ids are Google's own: the programs bring them, whatever universe they talk to. They are
public clients (RFC 6749, section 2.1): the secret that each carries is known to everybody, so it is
not asked for, and PKCE ties a code to the program that began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}/")


@dataclass(frozen=True, slots=True)
class Client:
    """A program: what a person knows it as, and the page where its code is shown for copying."""

    id: str
    title: str
    page: str


CLIENTS = {
    one.id: one
    for one in (
        Client("32555940559.apps.googleusercontent.com", "Google Cloud CLI", "authcode"),
        Client(
            "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com",
            "Google client libraries",
            "applicationdefaultauthcode",
        ),
    )
}
PAGES = ("authcode", "applicationdefaultauthcode")
"""Under `https://sdk.<cloud web domain>/`."""


def redirect_allowed(redirect: str, web_domain: str) -> bool:
    """Tell whether a code may be sent there.

    To a program on the person's own machine by its loopback address (RFC 8252, section 7.3), or to
    our page that shows it.
    """
    if _LOOPBACK.fullmatch(redirect):
        return True
    return redirect in {f"https://sdk.{web_domain}/{page}" for page in PAGES}
