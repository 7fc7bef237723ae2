"""A real SAML identity provider, outside the universe: people sign in there by name.

`npm samlp`, the library of Auth0's, over TLS, under an authority of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from support.authority import Authority
from support.node_program import ended, listening
from support.npm import installed
from support.saml_forge import Forge, Signer
from support.universe import free_ports, program

HERE = Path(__file__).parent / "saml"
ISSUER = "urn:corp.example.test:saml"
ACCOUNTS: Mapping[str, Mapping[str, object]] = {
    "alice": {
        "mail": "alice@corp.example.test",
        "displayName": "Alice Martin",
        "groups": ["engineers", "auditors"],
    },
    "bob": {"mail": "bob@corp.example.test", "displayName": "Bob Durand", "groups": ["visitors"]},
}
MAPPING = {
    "google.subject": "assertion.subject",
    "google.groups": "assertion.attributes['groups']",
    "google.display_name": "assertion.attributes['displayName'][0]",
}


@dataclass
class SAMLProvider:
    """One provider and its process."""

    folder: Path
    packages: Path
    authority: Authority
    port: int
    sign_response: bool = True
    signer: Signer = field(default_factory=Signer)
    inside: tuple[str, ...] = ()
    """The words that lead a command into the universe's namespaces."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    def start(self) -> None:
        """Run the provider and return when it answers."""
        certificate, key = self.authority.issue(self.folder, "localhost")
        setup = {
            "issuer": ISSUER,
            "port": self.port,
            "certificate": str(certificate),
            "key": str(key),
            "signing": {"certificate": self.signer.pem, "key": self.signer.private_pem},
            "signResponse": self.sign_response,
            "accounts": ACCOUNTS,
            "seconds": 600,
        }
        script = self.packages / "provider.mjs"
        shutil.copy(HERE / "provider.mjs", script)
        self.process = listening(script, setup, self.inside)

    def stop(self) -> None:
        """End the process, if it runs."""
        process, self.process = self.process, None
        ended(process)

    def metadata(self) -> str:
        """Return what it publishes about itself."""
        return self._got("/metadata")

    def response(self, user: str, audience: str, recipient: str) -> str:
        """Return a response about somebody that nobody asked for, in base64."""
        return self._got("/unasked", user=user, audience=audience, recipient=recipient)

    def pen(self, audience: str, recipient: str) -> Forge:
        """Return what writes as this provider, with its key: also what it never would."""
        return Forge(audience, recipient, issuer=ISSUER, signer=self.signer)

    def _got(self, path: str, **query: str) -> str:
        trust = self.authority.trust()
        answer = httpx.get(self.address + path, params=query, verify=trust, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.text


@contextmanager
def running(
    folder: Path, config: pytest.Config, authority: Authority, inside: tuple[str, ...] = ()
) -> Iterator[SAMLProvider]:
    """Give a provider that runs."""
    program("node")
    packages = installed(HERE / "package.json", config)
    made = SAMLProvider(folder, packages, authority, free_ports(1)[0], inside=inside)
    made.start()
    yield made
    made.stop()
