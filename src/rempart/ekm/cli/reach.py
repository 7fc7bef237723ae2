"""How an officer's commands reach the manager: its data directory, or over HTTPS from elsewhere.

What is sent is signed, so the way matters to no decision; over HTTPS the manager's certificate is
pinned all the same, because the answer to a look is not signed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click
import msgspec

from rempart.core.clock import World
from rempart.core.document import Document, text
from rempart.core.errors import CloudError
from rempart.core.limits import MIB
from rempart.core.signing import statement
from rempart.core.signing.statement import Refused
from rempart.ekm.admin import socket
from rempart.ekm.administration.door import MANAGER_PATH, STATEMENTS_PATH
from rempart.ekm.administration.statements import PROPOSAL, STATEMENT_CHARS_MAX, Proposal, digest
from rempart.ekm.cli import options, signing
from rempart.ekm.officers.desk import Desk
from rempart.ekm.tree.site import STATE_PATH as LOG_STATE_PATH

Decorated = TypeVar("Decorated", bound=Callable[..., object])
ANSWER_BYTES_MAX = 16 * MIB
SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Way:
    """Where the manager is: a data directory of this machine, or an address and a certificate."""

    data: Path
    url: str
    certificate: Path | None

    def manager(self) -> Document:
        """Return what everybody may know of the manager."""
        if self.url:
            return self._ask("GET", MANAGER_PATH, None)
        return options.perform(self.data, "officers.manager", {})

    def hear(self, token: str) -> Document:
        """Hand in a statement."""
        if self.url:
            return self._ask("POST", STATEMENTS_PATH, {"statement": token})
        return options.perform(self.data, "officers.hear", {"statement": token})

    def log(self) -> Document | None:
        """Return how the log stands with its witnesses; None where no manager runs."""
        if self.url:
            return self._ask("GET", LOG_STATE_PATH, None)
        try:
            return socket.call(self.data, "log.state", {})
        except CloudError:
            return None

    def _ask(self, method: str, path: str, body: Document | None) -> Document:
        where = urlsplit(self.url)
        if where.scheme != "https" or not where.hostname or self.certificate is None:
            options.refuse("--url is https://HOST:PORT, and --certificate the manager's own.")
        try:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.load_verify_locations(self.certificate)
            peer = http.client.HTTPSConnection(
                where.hostname, where.port or 443, context=tls, timeout=SECONDS_MAX
            )
            with contextlib.closing(peer):
                peer.request(method, path, None if body is None else json.dumps(body))
                answer = peer.getresponse()
                document = json.loads(answer.read(ANSWER_BYTES_MAX))
        except (OSError, ValueError, http.client.HTTPException) as problem:
            options.refuse(f"{self.url} does not answer as a manager: {problem}")
        if answer.status != http.HTTPStatus.OK:
            options.refuse(str(document.get("error", {}).get("message", answer.status)))
        found: Document = document
        return found


@dataclass(frozen=True, slots=True)
class Session:
    """An officer who has opened their key, and the manager they sign for."""

    way: Way
    desk: Desk
    basis: str
    name: str

    def state(self) -> Document:
        """Look at the state."""
        found = self.way.hear(self.desk.look())["state"]
        if not isinstance(found, dict):
            options.refuse("The manager's answer shows no state.")
        return found


def way_options(command: Decorated) -> Decorated:
    """Add the options that say where the manager is."""
    for option in (
        click.option("--url", default="", envvar="REMPART_EKM_URL", help="https://HOST:PORT"),
        click.option(
            "--certificate",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="REMPART_EKM_CERTIFICATE",
            metavar="PEM",
            help="The certificate to pin, with --url.",
        ),
        options.data_option,
    ):
        command = option(command)
    return command


def officer_options(command: Decorated) -> Decorated:
    """Add the options that say whose key signs and where the manager is."""
    return way_options(signing.passphrase_option(signing.officer_option(command)))


def session(
    *, data: Path, url: str, certificate: Path | None, officer: Path, officer_passphrase_file: str
) -> Session:
    """Open the officer's key and find out for which manager it signs."""
    way = Way(data, url, certificate)
    told = way.manager()
    held, key = signing.opened(officer, officer_passphrase_file)
    try:
        desk = Desk(key, text(told, "manager"), World())
        return Session(way, desk, text(told, "basis"), held.name)
    except CloudError as problem:
        options.refuse(problem.message)


def proposal(shown: Document) -> Proposal:
    """Return what a proposal says, from the exact text that its digest is of."""
    token = text(shown, "statement")
    if digest(token) != shown.get("digest"):
        options.refuse("The manager shows a proposal under another digest than its own.")
    try:
        payload = statement.payload_of(token, PROPOSAL, chars_max=STATEMENT_CHARS_MAX)
        return statement.content(payload, Proposal)
    except Refused as problem:
        options.refuse(f"The manager shows what is no proposal: {problem}.")


def described(found: Proposal) -> list[str]:
    """Return a decision in lines, its long texts last."""
    plain: Document = msgspec.to_builtins(found.action)
    lines = [str(plain["action"])]
    for name, value in sorted(plain.items(), key=lambda item: len(str(item[1]))):
        if name != "action":
            lines.append(f"  {name}: {options.printable(_plain(value))}")
    return [*lines, f"  note: {options.printable(found.note)}"] if found.note else lines


def _plain(value: object) -> str:
    """Return a value as people write it, and a key as its file has it."""
    if isinstance(value, tuple | list):
        return ", ".join(str(one) for one in value)
    return json.dumps(value) if isinstance(value, dict) else str(value)
