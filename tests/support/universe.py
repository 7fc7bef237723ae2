"""A real server process, started as a user starts it, and everything a client needs to reach it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from rempart import app, config
from rempart.core.clock import World
from rempart.core.names import ProjectId, ProjectNumber
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.trust.custody.sealing.files import clear_keyring
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import accounts
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS, Project
from rempart.trust.policy.registry import add_project
from rempart.trust.policy.validate import new_etag
from support.authority import Authority
from support.gcloud import gcloud_server
from support.key_material import loaded

REMPART = str(Path(sys.executable).with_name("rempart"))
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 180
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
OTHER_PROJECT = "other-one"
STRANGER, NEIGHBOUR = "stranger", "neighbour"


class CommandFailed(AssertionError):  # noqa: N818 - it is named for what it is
    """A client ended otherwise than the test expects; the message has its output."""


@dataclass
class Universe:
    """One data directory and the process that serves it; it may be stopped and started again."""

    data: Path
    listen: int
    http: int
    engine: str = ""
    """The URL that `--engine` is given; empty for the embedded one."""
    inside: tuple[str, ...] = ()
    """The words that lead a command into namespaces where `rempart env --universe` holds."""
    process: subprocess.Popen[bytes] | None = None
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    """Key files of accounts besides the administrator, by account id."""
    above: dict[str, str] = field(default_factory=dict)
    """The names of the first folder and organization, by noun."""
    outside: Authority = field(default_factory=Authority)
    """Who vouches for the identity providers that this universe may ask."""
    _env: dict[str, str] = field(default_factory=dict)
    _log: IO[bytes] | None = None

    @classmethod
    def create(cls, data: Path, engine: str = "") -> Universe:
        """Start a universe that never existed, and add a stranger and another project's owner."""
        listen, http = free_ports(2)
        universe = cls(data, listen, http, engine)
        universe.start()
        universe.furnish()
        return universe

    def furnish(self) -> None:
        """Add what tests need beside a fresh universe, and start it again."""
        self.terminate()
        self.keys, self.above = asyncio.run(_add_accounts(self.data))
        _trust_outside(self.data, self.outside)
        self.start()

    def start(self) -> None:
        """Run `rempart up` and return when it answers."""
        self._log = (self.data.parent / "rempart.log").open("ab")
        # As the README starts it, by a name from where the user stands; a namespace begins at /.
        data = str(self.data) if self.inside else self.data.name
        command = [*self.inside, REMPART, "up", "--data", data]
        command += ["--listen", f"127.0.0.1:{self.listen}", "--http", f"127.0.0.1:{self.http}"]
        command += ["--engine", self.engine] if self.engine else []
        self.process = subprocess.Popen(
            command,
            cwd=self.data.parent,
            stdout=self._log,
            stderr=self._log,
            env=_plain_environment(self.data.parent),
        )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not (self.data / "run.json").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"rempart up did not become ready:\n{self.log()}")
            time.sleep(0.02)

    def terminate(self) -> int:
        """Stop as an operator stops it, and return the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop as a power cut stops it."""
        self._end(signal.SIGKILL)

    def restart(self, *, kill: bool = False) -> None:
        """Stop and start again on the same ports."""
        if kill:
            self.kill()
        else:
            self.terminate()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            code = process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise CommandFailed(f"rempart up did not stop:\n{self.log()}") from None
        if self._log is not None:
            self._log.close()
        if number is signal.SIGKILL:
            (self.data / "run.json").unlink(missing_ok=True)
        return code

    def log(self) -> str:
        """Return what the server printed."""
        return (self.data.parent / "rempart.log").read_text(errors="replace")[-8000:]

    # What clients are told.

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of a shell that has evaluated `rempart env`."""
        if not self._env:
            form = ["--universe"] if self.inside else []
            told = subprocess.run(
                [REMPART, "env", "--data", str(self.data), "--json", *form],
                check=True,
                capture_output=True,
                env=_plain_environment(self.data.parent),
            )
            self._env = _plain_environment(self.data.parent) | json.loads(told.stdout)
        return self._env

    @property
    def url(self) -> str:
        return f"https://localhost:{self.listen}"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def project(self) -> str:
        return self.env["GOOGLE_CLOUD_PROJECT"]

    @property
    def domain(self) -> str:
        return self.env["GOOGLE_CLOUD_UNIVERSE_DOMAIN"]

    @property
    def location(self) -> str:
        return self.env["REMPART_LOCATION"]

    @property
    def admin_key(self) -> dict[str, str]:
        content: dict[str, str] = json.loads((self.data / "admin-key.json").read_text())
        return content

    def token(self, key: dict[str, str] | None = None, **changes: Any) -> str:
        """Return a self-signed bearer token; None removes a claim."""
        key = key or self.admin_key
        now = int(time.time())
        email = key["client_email"]
        claims = {
            "iss": email,
            "sub": email,
            "iat": now,
            "exp": now + 3600,
            "scope": CLOUD_PLATFORM,
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            kept,
            loaded(key["private_key"]),
            algorithm="RS256",
            headers={"kid": key["private_key_id"]},
        )

    def trust(self) -> ssl.SSLContext:
        """Return a TLS context that trusts this universe's authority."""
        return ssl.create_default_context(cafile=self.env["REQUESTS_CA_BUNDLE"])

    def caller(self, token: str | None = None, *, plain: bool = False) -> httpx.Client:
        """Return an HTTP client; anonymous without a token."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=self.plain_url if plain else self.url,
            headers=headers,
            verify=self.trust(),
            trust_env=False,
            timeout=30,
        )

    def run(
        self,
        *command: str | Path,
        stdin: bytes | None = None,
        code: int | None = 0,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a client in the shell that `rempart env` sets up; `code=None` admits any end."""
        whole = [*self.inside, *map(str, command)]
        done = _run(whole, stdin, self.env | (env or {}), cwd)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if code is not None and done.returncode != code:
            words = " ".join(map(str, command))
            raise CommandFailed(f"{words}: exit code {done.returncode}\n{out}\n{err}")
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def _run(
    words: list[str], stdin: bytes | None, env: dict[str, str], cwd: Path | None
) -> subprocess.CompletedProcess[bytes]:
    # By its bare name, as a user types it, gcloud is started whole.
    if words[0].endswith("/gcloud"):
        server = gcloud_server(words[0])
        return server.run(words[1:], stdin, env, cwd, COMMAND_SECONDS_MAX)
    return subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


@pytest.fixture(scope="session")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    """Return the universe that the tests of a folder share.

    REMPART_TEST_ENGINE names a PostgreSQL server, on which each universe gets its own database.
    """
    engine = _new_database(os.environ.get("REMPART_TEST_ENGINE", ""))
    made = Universe.create(tmp_path_factory.mktemp("universe") / "data", engine)
    yield made
    made.terminate()


def program(name: str) -> str:
    """Return the path of a client program, or skip the test with the reason."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found


def created(
    caller: httpx.Client, universe: Universe, name: str, settings: dict[str, Any] | None = None
) -> str:
    """Create a bucket by plain HTTP and return its name."""
    body = {"name": name, "location": universe.location} | (settings or {})
    answer = caller.post("/storage/v1/b", params={"project": universe.project}, json=body)
    assert answer.status_code == 200, answer.text
    return name


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of a tree by their relative names."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _new_database(server: str) -> str:
    if not server:
        return ""
    import psycopg  # noqa: PLC0415 - for that engine alone

    name = f"universe_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _plain_environment(home: Path) -> dict[str, str]:
    """Return the environment of a user who has set nothing of any cloud."""
    given = ("PATH", "LANG", "TMPDIR", "SOFTHSM2_CONF")
    kept = {name: os.environ[name] for name in given if name in os.environ}
    return kept | {"HOME": str(home), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "TERM": "dumb"}


def _trust_outside(data: Path, authority: Authority) -> None:
    (data / "identity-providers.pem").write_text(authority.pem)
    settings = data / "rempart.toml"
    line = 'identity_provider_authorities = "identity-providers.pem"\n'
    settings.write_text(line + settings.read_text())


async def _add_accounts(data: Path) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Write an account without any role, and another project with an owner of its own.

    Return their keys, and what the first project lies in.
    """
    settings, world = config.load(data, config.Flags()), World()
    keyring = clear_keyring(data)
    engine = await app.open_engine(data, settings, keyring, lambda _reason: None)
    try:
        sealed = app.assemble(engine, keyring, settings, world).sealed
        tx = sealed.transaction()
        top = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
        [folder] = await sealed.scan(FOLDERS, FOLDERS.under(), limit=1)
        other = ProjectId(f"{settings.prefix}:{OTHER_PROJECT}")
        keys = {
            name: await _account(tx, name, project, settings.domain, world)
            for name, project in ((STRANGER, settings.project), (NEIGHBOUR, other))
        }
        owner = f"serviceAccount:{keys[NEIGHBOUR]['client_email']}"
        roles = ("roles/owner", "roles/storage.admin")
        bindings = tuple(Binding(role, (Member(owner),)) for role in roles)
        await add_project(
            tx,
            Project(
                other,
                ProjectNumber("222222222222"),
                OTHER_PROJECT,
                f"organizations/{top[0].value.id}",
                world.clock(),
                policy=Policy(bindings, etag=new_etag(world.random)),
            ),
        )
        await tx.commit()
    finally:
        await engine.close()
    organization = f"organizations/{top[0].value.id}"
    return keys, {"folders": f"folders/{folder.value.id}", "organizations": organization}


async def _account(
    tx: Transaction, name: str, project: ProjectId, domain: str, world: World
) -> dict[str, str]:
    account = await accounts.create_account(tx, name, project, world=world)
    issued = await accounts.new_key(tx, account.email, domain=domain, world=world)
    content: dict[str, str] = json.loads(issued.file)
    return content
