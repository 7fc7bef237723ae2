"""A real OpenID provider, outside the universe: people sign in there, and its keys may change.

`npm oidc-provider` (certified by the OpenID Foundation) over TLS, under an authority of its own.
Anybody in `accounts` signs in by name; the claims there are in the ID token.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support.authority import Authority
from support.node_program import ended, listening
from support.npm import installed
from support.universe import free_ports, program

HERE = Path(__file__).parent / "oidc"
CLIENT, SECRET = "workload", "a secret of the client's"
REDIRECT = "https://client.example.test/callback"
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "alice": {
        "email": "alice@corp.example.test",
        "email_verified": True,
        "name": "Alice Martin",
        "groups": ["engineers", "auditors"],
        "department": "research",
        "preferred_username": "alice",
    },
    "bob": {
        "email": "bob@corp.example.test",
        "email_verified": True,
        "name": "Bob Durand",
        "groups": ["visitors"],
        "preferred_username": "bob",
    },
}
_STEPS_MAX = 12


def signing_key(kid: str, algorithm: str = "RS256") -> dict[str, Any]:
    """Return a new private key as the provider's JWK set has it."""
    if algorithm.startswith("ES"):
        curve = ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1()
        made = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(curve), as_dict=True)
    else:
        private = rsa.generate_private_key(65537, 2048)
        made = jwt.algorithms.RSAAlgorithm.to_jwk(private, as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm}


@dataclass
class OIDCProvider:
    """One provider and its process; it may be stopped, and started again with other keys."""

    folder: Path
    packages: Path
    authority: Authority
    port: int
    keys: list[dict[str, Any]] = field(default_factory=lambda: [signing_key("first")])
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: ACCOUNTS)
    clients: dict[str, tuple[str, ...]] = field(default_factory=lambda: {CLIENT: (REDIRECT,)})
    """By client id, which is the audience of its tokens: where it may be sent back to."""
    seconds: int = 3600
    inside: tuple[str, ...] = ()
    """The words that lead a command into the universe's namespaces."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    def start(self) -> None:
        """Run the provider and return when it answers."""
        certificate, key = self.authority.issue(self.folder, "localhost")
        setup = {
            "issuer": self.issuer,
            "port": self.port,
            "certificate": str(certificate),
            "key": str(key),
            "jwks": {"keys": self.keys},
            "accounts": self.accounts,
            "claims": sorted({claim for one in self.accounts.values() for claim in one}),
            "seconds": self.seconds,
            "clients": [_client(name, uris, self.keys[0]) for name, uris in self.clients.items()],
        }
        script = self.packages / "provider.mjs"
        shutil.copy(HERE / "provider.mjs", script)
        self.process = listening(script, setup, self.inside)

    def stop(self) -> None:
        """End the process, if it runs."""
        process, self.process = self.process, None
        ended(process)

    def rotate(self, *keys: dict[str, Any]) -> None:
        """Sign with other keys from now on, the first of them; those of before are gone."""
        self.stop()
        self.keys = list(keys)
        self.start()

    def jwks(self) -> str:
        """Return the public JWK set, as it is published."""
        with self.browser() as browser:
            return browser.get("/jwks").text

    def browser(self) -> httpx.Client:
        """Return a browser without scripts: it trusts the authority and keeps cookies."""
        return httpx.Client(
            base_url=self.issuer, verify=self.authority.trust(), trust_env=False, timeout=30
        )

    def id_token(self, who: str, client: str = CLIENT, nonce: str = "") -> str:
        """Sign somebody in at the provider's pages; return the ID token that the client gets."""
        redirect = self.clients[client][0]
        query = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": redirect,
            "scope": "openid",
        }
        if nonce:
            query["nonce"] = nonce
        with self.browser() as browser:
            code = sign_in(browser, str(httpx.URL("/auth", params=query)), who, redirect)["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
            answer = browser.post("/token", data=form, auth=(client, SECRET))
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["id_token"]
        return token


def sign_in(browser: httpx.Client, url: str, who: str, back: str) -> dict[str, str]:
    """Walk through the provider's pages as a person does; return what comes back to the client.

    `url` is where the client sends the browser, `back` the address that ends the walk.
    """
    answer = browser.get(url)
    for _ in range(_STEPS_MAX):
        if answer.is_redirect:
            target = str(answer.url.join(answer.headers["location"]))
            if target.startswith(back):
                return {name: one[0] for name, one in parse_qs(urlsplit(target).query).items()}
            answer = browser.get(target)
            continue
        assert answer.status_code == 200, answer.text
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        action = re.search(r'action="([^"]+)"', answer.text)
        assert prompt is not None, answer.text
        assert action is not None, answer.text
        form = {"prompt": prompt[1], "login": who, "password": "any"}
        answer = browser.post(str(answer.url.join(action[1])), data=form)
    raise AssertionError("the provider keeps asking")


@contextmanager
def running(folder: Path, config: pytest.Config, **settings: Any) -> Iterator[OIDCProvider]:
    """Give a provider that runs; `settings` are fields of `OIDCProvider`."""
    program("node")
    packages = installed(HERE / "package.json", config)
    authority = settings.pop("authority", None) or Authority()
    made = OIDCProvider(folder, packages, authority, free_ports(1)[0], **settings)
    made.start()
    yield made
    made.stop()


def _client(name: str, uris: tuple[str, ...], key: dict[str, Any]) -> dict[str, Any]:
    return {
        "client_id": name,
        "client_secret": SECRET,
        "id_token_signed_response_alg": key["alg"],
        "redirect_uris": list(uris),
        "response_types": ["code", "id_token", "code id_token"],
        "grant_types": ["authorization_code", "implicit"],
    }
