"""Reading an authorization request (RFC 6749, section 4.1.1; RFC 7636; RFC 9700).

A wrong client or redirect address is told to the person, never sent anywhere; whatever else is
wrong is told to the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rempart.services.auth.clients import CLIENTS, redirect_allowed
from rempart.services.auth.tickets import AuthorizationRequest

STATE_CHARS_MAX = 1024
SCOPE_CHARS_MAX = 2048
SCOPES_MAX = 20
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_PROVIDER = re.compile(r"locations/global/workforcePools/[a-z0-9-]{1,63}/providers/[a-z0-9-]{1,32}")


class NotForRedirect(Exception):  # noqa: N818 - it is named for what it is
    """A request that must not be answered by a redirect; the message is for the person."""


class ForClient(Exception):  # noqa: N818 - it is named for what it is
    """A refusal that goes back to the program: where to, its state, RFC 6749's code."""

    def __init__(self, redirect: str, state: str, error: str, description: str) -> None:
        super().__init__(description)
        self.redirect = redirect
        self.state = state
        self.error = error


def authorization_request(query: Mapping[str, str], web_domain: str) -> AuthorizationRequest:
    """Return what a program asks for; raises `NotForRedirect` or `ForClient`."""
    client, redirect = query.get("client_id", ""), query.get("redirect_uri", "")
    if client not in CLIENTS:
        raise NotForRedirect("The program that asks is not known to this universe.")
    if not redirect_allowed(redirect, web_domain):
        raise NotForRedirect("The program wants its answer at an address that is not allowed.")
    state = query.get("state", "")
    if len(state) > STATE_CHARS_MAX:
        raise NotForRedirect("The program's request is too long.")

    def refused(error: str, description: str) -> ForClient:
        return ForClient(redirect, state, error, description)

    if query.get("response_type") != "code":
        raise refused("unsupported_response_type", "The response_type is code.")
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise refused("invalid_request", "A code_challenge of the method S256 is required.")
    provider = query.get("provider_name", "")
    if provider and not _PROVIDER.fullmatch(provider):
        raise refused("invalid_request", "The provider_name is not the name of a provider.")
    return AuthorizationRequest(
        client=client,
        redirect=redirect,
        state=state,
        challenge=challenge,
        scopes=_scopes(query.get("scope", ""), refused),
        provider=provider,
    )


def _scopes(text: str, refused: Callable[[str, str], ForClient]) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(text.split()))
    wrong = len(text) > SCOPE_CHARS_MAX or not 0 < len(scopes) <= SCOPES_MAX
    if wrong or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise refused("invalid_scope", f"There are 1 to {SCOPES_MAX} scopes.")
    return scopes
