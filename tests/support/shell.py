"""A universe's stand-in: it writes a key file and stops at once, so that the command line is tested
alone; `test_universe.py` and the clients' suite run the real one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rempart import app
from rempart.cli import main
from rempart.config import Config
from rempart.trust.custody.keyring import Keyring
from rempart.universe import (
    Check,
    LeftOverKey,
    Listener,
    Operations,
    Ready,
    ServiceCoverage,
    VerifyReport,
)
from rempart.verifier.checks import Asked

PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


@dataclass(frozen=True, slots=True)
class Row:
    service: str
    answered: int
    described: int


@dataclass(slots=True)
class Universe:
    """What the fake was asked, and what it is to answer."""

    served: list[Config] = field(default_factory=list)
    created: list[Path] = field(default_factory=list)
    checks: tuple[Check, ...] = (Check("feed", ok=True, detail="3 entries"),)
    crash_first_start: bool = False
    while_serving: Callable[[], None] = lambda: None

    async def first_start(self, data: Path, config: Config, keyring: Keyring) -> None:
        self.created.append(data)
        if self.crash_first_start:
            raise KeyboardInterrupt
        content = {
            "type": "service_account",
            "client_email": f"administrator@default.{config.prefix}.iam.gserviceaccount.com",
            "private_key_id": "k1",
            "private_key": PRIVATE_KEY,
            "token_uri": f"https://oauth2.{config.domain}/token",
            "universe_domain": config.domain,
        }
        (data / "admin-key.json").write_text(json.dumps(content))
        (data / "admin-key.json").chmod(0o600)

    async def serve(self, data: Path, config: Config, listener: Listener) -> None:
        self.served.append(config)
        listener.ready(Ready(config.listen, config.http))
        self.while_serving()

    async def verify(
        self, data: Path, config: Config, keyring: Keyring, held: Asked
    ) -> VerifyReport:
        return VerifyReport(self.checks)

    def coverage(self) -> list[ServiceCoverage]:
        return [Row("storage", 40, 80), Row("pubsub", 0, 30)]

    def operations(self) -> Operations:
        return Operations(
            self.first_start,
            self.serve,
            self.verify,
            self.coverage,
            lambda *_: {"keys": []},
            self.left_over,
            app.elsewhere,
            app.answers,
        )

    async def left_over(
        self, data: Path, config: Config, keyring: Keyring, remove: tuple[str, ...]
    ) -> tuple[LeftOverKey, ...]:
        return ()


class Shell:
    """Types commands at one data directory."""

    def __init__(self, data: Path, universe: Universe) -> None:
        self.data = data
        self.universe = universe

    def type(self, *words: str, data: bool = True) -> Result:
        command = [*words, "--data", str(self.data)] if data else list(words)
        return CliRunner().invoke(main, command, obj=self.universe.operations)

    def up(self, *words: str) -> Result:
        return self.type("up", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", *words)
