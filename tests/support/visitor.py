"""A person's browser, without scripts: cookies by host, forms filled in, `*.localhost` found.

It reaches the sign-in site as `auth.cloud.localhost`, which browsers take for this machine.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from typing_extensions import override

from support.oidc_provider import OIDCProvider
from support.saml_provider import SAMLProvider
from support.universe import CLOUD_PLATFORM, Universe

GCLOUD = "32555940559.apps.googleusercontent.com"
LOOPBACK = "http://localhost:8085/"
_STEPS_MAX = 15


class _ToThisMachine(httpx.BaseTransport):
    """Leads every name to this machine; the server still sees the name that was asked for."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._inner = httpx.HTTPTransport(verify=trust)

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        sent = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": name},
        )
        return self._inner.handle_request(sent)

    @override
    def close(self) -> None:
        self._inner.close()


class Visitor(httpx.Client):
    """One browser."""

    def __init__(
        self, universe: Universe, provider: OIDCProvider | SAMLProvider | None = None
    ) -> None:
        trust = universe.trust()
        if provider is not None:
            trust.load_verify_locations(cadata=provider.authority.pem)
        self.site = f"https://auth.cloud.localhost:{universe.listen}"
        self.sts = f"{universe.url}/sts/v1"
        super().__init__(base_url=self.site, transport=_ToThisMachine(trust), timeout=30)

    def sign_in(self, start: str, who: str) -> httpx.Response:
        """Open an address and walk on as a person does, up to a page of the sign-in site."""
        answer = self.get(start)
        for _ in range(_STEPS_MAX):
            if answer.is_redirect:
                answer = self.get(answer.url.join(answer.headers["location"]))
            elif str(answer.url).startswith(self.site):
                return answer
            else:
                answer = self._at_provider(answer, who)
        raise AssertionError("the sign-in does not end")

    def _at_provider(self, page: httpx.Response, who: str) -> httpx.Response:
        assert page.status_code == 200, page.text
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        action = re.search(r'action="([^"]+)"', page.text)
        assert prompt is not None, page.text
        assert action is not None, page.text
        form = {"prompt": prompt[1], "login": who, "password": "any"}
        return self.post(page.url.join(action[1]), data=form)

    def submit(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        """Send a form of a page as a browser would."""
        form = next(
            one for one in re.findall(r"<form.*?</form>", page.text, re.DOTALL)
            if f'action="{action}"' in one
        )  # fmt: skip
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        sent = {name: html.unescape(value) for name, value in hidden} | fields
        headers = {"origin": self.site, "sec-fetch-site": "same-origin"}
        return self.post(action, data=sent, headers=headers)

    def exchange(self, code: str, verifier: str, **changes: Any) -> httpx.Response:
        """Buy tokens for a code, as gcloud does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": LOOPBACK,
            "code_verifier": verifier,
        } | changes
        return self.post(f"{self.sts}/oauthtoken", data=form, auth=(GCLOUD, "public"))

    def refresh(self, token: str) -> httpx.Response:
        """Buy an access token for a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self.post(f"{self.sts}/oauthtoken", data=form, auth=(GCLOUD, "public"))


def authorize(provider: str, **changes: str | None) -> tuple[str, str]:
    """Return the address that gcloud opens, and the verifier that it keeps."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    query = {
        "response_type": "code",
        "client_id": GCLOUD,
        "redirect_uri": LOOPBACK,
        "scope": f"openid {CLOUD_PLATFORM}",
        "state": "the program's own",
        "access_type": "offline",
        "code_challenge": challenge.rstrip("="),
        "code_challenge_method": "S256",
        "provider_name": provider,
        "prompt": "consent",
    } | changes
    kept = {name: value for name, value in query.items() if value is not None}
    return str(httpx.URL("/authorize", params=kept)), verifier


def told(answer: httpx.Response) -> dict[str, str]:
    """Return what a redirect tells the program."""
    assert answer.status_code == 303, answer.text
    target = answer.headers["location"]
    assert target.startswith(LOOPBACK), target
    return {name: one[0] for name, one in parse_qs(urlsplit(target).query).items()}
