"""A universe and a key holder that know each other: two processes with two data directories."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.key_holder import PASSPHRASE, REMPART, KeyHolder
from support.universe import Universe

SPACE = "v0/cryptospaces/blue"
MADE = "v0/cryptospaces/made"
POLICY = """
version = 1

[[rule]]
name = "own access"
issuers = ["{issuer}"]
projects = ["{number}"]
keys = ["v0/cryptospaces/*", "v0/cryptospaces/*/keys/*"]
verbs = ["wrap", "unwrap", "asymmetricSign", "getPublicKey", "createKey", "destroyKey",
         "checkCryptoSpacePermissions"]
reasons = ["CUSTOMER_INITIATED_ACCESS", "GOOGLE_INITIATED_SYSTEM_OPERATION"]
"""


@dataclass
class TwoParties:
    """Both, and an officer of the key holder who decides alone."""

    universe: Universe
    holder: KeyHolder
    folder: Path

    @property
    def host(self) -> str:
        return f"localhost:{self.holder.port}"

    @property
    def certificate(self) -> Path:
        return self.holder.data / "tls/certificate.pem"

    def officer(self, *words: str) -> str:
        """Type a command that the officer signs."""
        signed = ["--officer", str(self.folder / "odile.key")]
        signed += ["--officer-passphrase-file", str(self.folder / "officer.passphrase")]
        at = ["--data", str(self.holder.data)]
        done = subprocess.run(
            [REMPART, "ekm", *words, *signed, *at, "--json"],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def create_key(self, path: str, algorithm: str = "EXTERNAL_SYMMETRIC_ENCRYPTION") -> str:
        self.officer("propose", "create-key", path, "--algorithm", algorithm)
        return path


@contextmanager
def two_parties(folder: Path) -> Iterator[TwoParties]:
    """Let a key holder trust a universe by its keys, and an operator allow the key holder."""
    universe = Universe.create(folder / "universe")
    both = TwoParties(universe, KeyHolder.create(folder / "holder"), folder)
    try:
        _trust(both)
        _allow(both)
        yield both
    finally:
        both.holder.stop()
        universe.terminate()


def _trust(both: TwoParties) -> None:
    universe, holder, folder = both.universe, both.holder, both.folder
    keys = folder / "universe.jwks"
    keys.write_text(universe.run(REMPART, "issuer-keys", "--data", universe.data).stdout)
    issuer = f"https://accounts.{universe.domain}"
    prefix = universe.project.partition(":")[0]
    domain = f"gcp-sa-ekms.{prefix}-system.iam.gserviceaccount.com"
    holder.run("trust", "add", issuer, "--mail-domain", domain, "--keys-file", str(keys))
    holder.run("spaces", "create", MADE)
    enrol(both)
    policy = folder / "policy.toml"
    policy.write_text(POLICY.format(issuer=issuer, number=project_number(universe)))
    both.officer("propose", "policy", str(policy))


def enrol(both: TwoParties) -> None:
    """Let an officer in, who decides alone, and start the key holder."""
    holder, folder = both.holder, both.folder
    secret = folder / "officer.passphrase"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    key = str(folder / "odile.key")
    command = [REMPART, "ekm", "officer", "new", "--name", "odile", "--out", key]
    subprocess.run(
        [*command, "--officer-passphrase-file", str(secret)], check=True, capture_output=True
    )
    holder.run("enrol", "--officer", key, "--quorum", "1")
    holder.start(program="support.officers_program")


def _allow(both: TwoParties) -> None:
    universe = both.universe
    universe.terminate()
    settings = universe.data / "rempart.toml"
    (universe.data / "holder.pem").write_bytes(both.certificate.read_bytes())
    text = settings.read_text().replace(
        '# key_manager_authorities = "key-managers.pem"', 'key_manager_authorities = "holder.pem"'
    )
    address = f"127.0.0.1:{both.holder.port}"
    # By its name without the port the manager is another audience, which it is not.
    settings.write_text(f'{text}"{both.host}" = "{address}"\n"localhost" = "{address}"\n')
    universe.start()


def project_number(universe: Universe) -> str:
    """Return the number of the universe's project, as Cloud Storage tells it."""
    with universe.caller(universe.token()) as caller:
        answer = caller.get(f"/storage/v1/projects/{universe.project}/serviceAccount")
    assert answer.status_code == httpx.codes.OK, answer.text
    email = str(json.loads(answer.text)["email_address"])
    return email.removeprefix("service-").partition("@")[0]
