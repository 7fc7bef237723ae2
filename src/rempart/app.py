"""Wiring: the one file that knows everyone.

config → engine → custody → identity, policy, witness → gate → services → doors.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rempart import memory
from rempart.config import ANSSI_ALGORITHMS, EMBEDDED, Address, Config, HSMConfig
from rempart.core.call import Call, Reply
from rempart.core.clock import World, system_clock
from rempart.core.errors import CloudError
from rempart.core.names import FolderId, OrganizationId, ProjectNumber
from rempart.core.policy import Binding, Policy
from rempart.edge.asgi import Application, Endpoint, Handler
from rempart.edge.coverage import coverage
from rempart.edge.http.front_check import HTTPLimits
from rempart.edge.http.server import HTTPServer
from rempart.edge.routes import RouteTable
from rempart.edge.tls import TLSDoor
from rempart.engine.embedded.blobs import FileBlobs
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.seam import Engine, EngineError
from rempart.runner.sweeper import Sweeper
from rempart.runner.tenure import Taken, Tenure
from rempart.services.kms import METHODS as KMS_METHODS
from rempart.services.kms import KmsService
from rempart.services.kms.customer_keys import ManagedKeys
from rempart.services.kms.directory import Directory
from rempart.services.kms.left_over import left_over
from rempart.services.kms.material import Materials
from rempart.services.kms.model.choices import EXTERNAL, EXTERNAL_VPC, HSM, SOFTWARE, Choices
from rempart.services.kms.store import Setup as KmsSetup
from rempart.services.kms.work import DueKeys
from rempart.services.oauth2 import ROUTES, OAuth2
from rempart.services.storage import METHODS, StorageService
from rempart.services.storage.audit import Ledger
from rempart.services.storage.contents import Contents
from rempart.services.storage.generations import Generations
from rempart.services.storage.sessions import SessionDigests
from rempart.services.storage.store import Setup
from rempart.services.storage.sweep import Sweep
from rempart.trust.custody import pki
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.envelope import Envelopes
from rempart.trust.custody.external.caller import Caller
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.external.key import Asking
from rempart.trust.custody.external.mechanism import External
from rempart.trust.custody.keyring import Keyring, create_root, load_root
from rempart.trust.custody.mechanism import Mechanism
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.token import Token, TokenSettings
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.software.mechanism import Software
from rempart.trust.gate import Gate
from rempart.trust.identity import accounts
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)
from rempart.trust.policy.validate import new_etag
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode
from rempart.trust.witness.verify import Broken, Walk, walk
from rempart.universe import Check, LeftOverKey, Ready, ServiceCoverage, VerifyReport
from rempart.wire import all_services

ROOT_KEY = "root.key"
ADMIN_KEY = "admin-key.json"
ADMIN_ROLES = (
    "roles/owner",
    "roles/resourcemanager.organizationAdmin",
    "roles/storage.admin",
)
STOP_GRACE_SECONDS = 10.0
SWEEP_EVERY_SECONDS = 3600.0
DUE_KEYS_EVERY_SECONDS = 30.0


def _refused(problem: EngineError) -> SystemExit:
    """Return the end of a start that the engine refused, with its reason."""
    return SystemExit(f"The store does not open: {problem}.")


async def open_engine(
    data: Path, config: Config, keyring: Keyring, fenced: Callable[[str], None]
) -> Engine:
    """Open the engine that the configuration names."""
    key = keyring.key("engine")
    if config.engine == EMBEDDED:
        return EmbeddedEngine.open(data, key, on_fenced=fenced)
    from rempart.engine.distributed.engine import PostgresEngine  # noqa: PLC0415 - an extra

    blobs = FileBlobs.at(data / "blobs", fenced)
    return await PostgresEngine.open(config.engine, blobs)


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands between an open engine and the doors."""

    gate: Gate
    identity: Identity
    issuer: Issuer
    managers: Endpoints
    sealed: SealedEngine
    bodies: Bodies
    kms: KmsSetup
    world: World
    token: InToken | None = None


def assemble(engine: Engine, keyring: Keyring, config: Config, world: World) -> Parts:
    """Wire trust and services around an engine."""
    bodies = Bodies(engine.blobs, world.random)
    sealed = SealedEngine(engine, key=keyring.key("record"), random=world.random, bodies=bodies)
    identity = Identity(
        sealed, domain=config.domain, token_key=keyring.key("access-token"), world=world
    )
    system_domain = f"{config.prefix}-system.{accounts.MAIL_DOMAIN}"
    issuer = Issuer(config.domain, keyring.key("id-token"), world.clock)
    managers = Endpoints(dict(config.key_managers), config.key_manager_authorities)
    caller, directory = Caller(managers, issuer.token), Directory(sealed, system_domain)
    external = External(Asking(caller, directory, world.random))
    mechanisms: dict[str, Mechanism] = {
        SOFTWARE: Software(world.random),
        EXTERNAL: external,
        EXTERNAL_VPC: external,
    }
    token = None if config.hsm is None else _in_token(keyring, config.hsm, world)
    if token is not None:
        mechanisms[HSM] = token
    kms = KmsSetup(
        materials=Materials(keyring.key("kms"), world.random, mechanisms),
        regions=config.regions,
        world=world,
        caller=caller,
        directory=directory,
        external=external,
        choices=Choices(
            {level: one.lacks for level, one in mechanisms.items()},
            anssi=config.key_algorithms == ANSSI_ALGORITHMS,
        ),
    )
    setup = Setup(
        contents=Contents(Envelopes(keyring, world.random), bodies, world.random),
        regions=config.regions,
        world=world,
        generations=Generations(world.clock),
        digests=SessionDigests(),
        system_domain=system_domain,
        customer_keys=ManagedKeys(kms),
    )
    gate = Gate(
        (StorageService(setup), KmsService(kms)),
        identity=identity,
        decision=PolicyDecision(sealed, world),
        sealed=sealed,
        world=world,
    )
    return Parts(gate, identity, issuer, managers, sealed, bodies, kms, world, token)


def _in_token(keyring: Keyring, hsm: HSMConfig, world: World) -> InToken:
    """Return the keys in the token; nothing is asked of it before one is used.

    Universes may share a token: their marks on keys differ, as their roots do.
    """
    token = Token(TokenSettings(hsm.module, hsm.token, hsm.pin_file))
    return InToken(token, f"rempart-{keyring.key('token-mark')[:8].hex()}", world.random)


async def first_start(data: Path, config: Config) -> None:
    """Create the root key, the first records and the administrator's key file."""
    world = World()
    create_root(data / ROOT_KEY, world.random)
    keyring = load_root(data / ROOT_KEY)
    engine = await open_engine(data, config, keyring, _ignore)
    try:
        parts = assemble(engine, keyring, config, world)
        key_file = await found(parts.sealed, config, world)
    finally:
        await engine.close()
    path = data / ADMIN_KEY
    path.touch(mode=0o600)
    path.write_text(key_file)


def _ignore(_reason: str) -> None:
    """Leave a fence to the callers, who all get `Fenced`."""


async def found(sealed: SealedEngine, config: Config, world: World) -> str:
    """Write the first organization, folder, project and administrator; return its key file."""
    tx, now = sealed.transaction(), world.clock()
    organization, folder, project = (_number(world) for _ in range(3))
    account = await accounts.create_account(
        tx, "administrator", config.project, display_name="First administrator", world=world
    )
    bindings = tuple(Binding(role, (account.member,)) for role in ADMIN_ROLES)
    policy = Policy(bindings, etag=new_etag(world.random))
    empty = Policy(etag=new_etag(world.random))
    top = Organization(OrganizationId(organization), config.domain, now, policy)
    middle = Folder(FolderId(folder), "default", f"organizations/{organization}", now, empty)
    bottom = Project(
        config.project,
        ProjectNumber(project),
        config.project.rpartition(":")[2],
        f"folders/{folder}",
        now,
        policy=empty,
    )
    tx.put(ORGANIZATIONS, organization, value=top)
    tx.put(FOLDERS, folder, value=middle)
    tx.put(PROJECTS, config.project, value=bottom)
    issued = await accounts.new_key(tx, account.email, domain=config.domain, world=world)
    leaf = Leaf(
        kind=OUTCOME,
        time=now,
        request="first-start",
        method="rempart.universes.create",
        permission="",
        principal=account.member,
        resource=f"organizations/{organization}",
        remote="local",
        status=200,
        facts={"project": config.project, "key": issued.key.id},
    )
    tx.append(FEED, encode(leaf))
    await tx.commit()
    return issued.file


def _number(world: World) -> str:
    """Return a number of 12 digits, as Google gives to projects."""
    return str(10**11 + int.from_bytes(world.random(8), "big") % (9 * 10**11))


async def serve(data: Path, config: Config, on_ready: Callable[[Ready], None]) -> None:
    """Run the universe until SIGTERM or SIGINT, or until durability is lost."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reasons: list[str] = []

    def fenced(reason: str) -> None:
        reasons.append(reason)
        loop.call_soon_threadsafe(stop.set)

    keyring = load_root(data / ROOT_KEY)
    try:
        engine = await open_engine(data, config, keyring, fenced)
    except EngineError as problem:
        raise _refused(problem) from problem
    tenure = Tenure(engine.leases, _holder(data), fenced)
    try:
        parts = assemble(engine, keyring, config, World())
        if config.engine != EMBEDDED:
            parts.sealed.fence = await tenure.begin()
        await _run(data, config, engine, parts, stop, on_ready)
    except Taken as problem:
        raise SystemExit(str(problem)) from None
    finally:
        await tenure.end()
        await engine.close()
    if reasons:
        raise SystemExit(f"The universe stopped: {reasons[0]}")


def _holder(data: Path) -> str:
    """Return the name of this data directory among all that could use the same database."""
    return f"{socket.gethostname()}:{data.resolve()}"


async def _run(
    data: Path,
    config: Config,
    engine: Engine,
    parts: Parts,
    stop: asyncio.Event,
    on_ready: Callable[[Ready], None],
) -> None:
    world = parts.world
    app = Application(
        RouteTable(all_services(), config.domain),
        parts.gate.serve,
        extra=(*_oauth2(parts.identity, config), *_issuer(parts.issuer), *_about(config)),
        world=world,
        universe_domain=config.domain,
    )
    uds = data / "run" / "http.sock"
    uds.parent.mkdir(mode=0o700, exist_ok=True)
    http = HTTPServer(app, http=(config.http.host, config.http.port), uds=uds, limits=HTTPLimits())
    certificate = pki.files(data)
    tls = TLSDoor(
        listen=(config.listen.host, config.listen.port),
        uds=uds,
        certificate=certificate.certificate,
        key=certificate.key,
        run_dir=data / "run",
    )
    memory.settle()
    housework = (
        Sweeper(
            Sweep(parts.sealed, engine.blobs, parts.bodies, world),
            every_seconds=SWEEP_EVERY_SECONDS,
        ),
        Sweeper(DueKeys(parts.sealed, parts.kms), every_seconds=DUE_KEYS_EVERY_SECONDS),
    )
    await http.start()
    try:
        await tls.start()
        for one in housework:
            one.start()
        plain = http.http_address or (config.http.host, config.http.port)
        on_ready(Ready(Address(*tls.address), Address(*plain)))
        await _until(stop, tls)
    finally:
        for one in housework:
            await one.stop()
        await http.stop(STOP_GRACE_SECONDS)
        await tls.stop()
        parts.managers.close()
        if parts.token is not None:
            await parts.token.close()


def _oauth2(identity: Identity, config: Config) -> tuple[Endpoint, ...]:
    """Return where the token endpoint and its kin stand."""
    service = OAuth2(identity, token_uris=_token_uris(config))
    return tuple(
        Endpoint(route.hosts, route.verbs, route.paths, partial(route.run, service))
        for route in ROUTES
    )


def _token_uris(config: Config) -> frozenset[str]:
    """Return the token endpoints that issued key files name: Go's libraries sign for them."""
    return frozenset(
        (f"https://oauth2.{config.domain}/token", f"https://localhost:{config.listen.port}/token")
    )


def _issuer(issuer: Issuer) -> tuple[Endpoint, ...]:
    """Return where the issuer of ID tokens says who it is (OpenID Connect Discovery 1.0)."""
    hosts = ("accounts", "")
    configuration, keys = _answer(issuer.configuration()), _answer(issuer.keys())
    return (
        Endpoint(hosts, ("GET",), ("/.well-known/openid-configuration",), configuration),
        Endpoint(hosts, ("GET",), ("/oauth2/v3/certs",), keys),
    )


def issuer_keys(data: Path, config: Config) -> dict[str, object]:
    """Return the JWK set that verifies what this universe signs for others; no server is asked."""
    keyring = load_root(data / ROOT_KEY)
    return Issuer(config.domain, keyring.key("id-token"), system_clock).keys()


DESCRIPTOR_BUCKETS = ("universe-descriptor-data", "universe-descriptor-data-backup")


def _about(config: Config) -> tuple[Endpoint, ...]:
    """Return what anyone may ask: whether the universe lives, and what it is called."""
    descriptor = {
        "version": "v1",
        "universeDomain": config.domain,
        "universeShortName": config.prefix,
        "projectPrefix": f"{config.prefix}-system",
        "authenticationDomain": f"auth.{config.domain}",
        "cloudWebDomain": f"cloud.{config.domain}",
        "documentationDomain": f"docs.{config.domain}",
        "artifactRegistryDomain": f"pkg.{config.domain}",
        "state": "primary",
    }
    paths = tuple(f"/{bucket}/universe-descriptor.json" for bucket in DESCRIPTOR_BUCKETS)
    return (
        Endpoint(("storage", ""), ("GET",), paths, _answer(descriptor)),
        Endpoint(("storage", ""), ("GET",), ("/healthz",), _answer({"status": "SERVING"})),
    )


def _answer(document: object) -> Handler:
    async def handler(_call: Call) -> Reply:
        return Reply(document=document)

    return handler


async def _until(stop: asyncio.Event, tls: TLSDoor) -> None:
    """Wait for the order to stop; a TLS door that ends by itself is an order too."""
    stopped = asyncio.ensure_future(stop.wait())
    gone = asyncio.ensure_future(tls.wait_exit())
    await asyncio.wait({stopped, gone}, return_when=asyncio.FIRST_COMPLETED)
    died = gone.done() and not stopped.done()
    for task in (stopped, gone):
        task.cancel()
    if died:
        raise SystemExit("The TLS door ended by itself; see run/envoy.log in the data directory.")


async def verify(data: Path, config: Config) -> VerifyReport:
    """Check the universe's log without a server: its chain, its entries, what they vouch for."""
    keyring = load_root(data / ROOT_KEY)
    try:
        engine = await open_engine(data, config, keyring, _ignore)
    except EngineError as problem:
        return VerifyReport((Check("store", ok=False, detail=str(problem)),))
    try:
        parts = assemble(engine, keyring, config, World())
        return VerifyReport(await _checks(engine, parts.sealed))
    finally:
        await engine.close()


async def left_over_keys(
    data: Path, config: Config, remove: tuple[str, ...]
) -> tuple[LeftOverKey, ...]:
    """Return the keys in the token that no version refers to, and remove those of given ids."""
    keyring = load_root(data / ROOT_KEY)
    engine = await open_engine(data, config, keyring, _ignore)
    try:
        parts = assemble(engine, keyring, config, World())
        token = parts.token
        if token is None:
            return ()
        found = await left_over(parts.sealed, parts.kms.materials, token)
        for one in found:
            if one.id.hex() in remove:
                await token.remove(one)
        await token.close()
    finally:
        await engine.close()
    return tuple(LeftOverKey(one.id.hex(), one.label, one.id.hex() in remove) for one in found)


async def _checks(engine: Engine, sealed: SealedEngine) -> tuple[Check, ...]:
    seen, ledger = Walk(), Ledger()
    try:
        async for leaf in walk(engine, sealed, seen):
            ledger.note(leaf)
    except Broken as problem:
        return (Check("log", ok=False, detail=str(problem)),)
    log = f"{seen.entries} entries, {seen.outcomes} outcomes; head {seen.head.hex()}"
    try:
        total, unknown = await ledger.unvouched(sealed)
    except CloudError as problem:
        return (Check("log", ok=True, detail=log), Check("objects", ok=False, detail=str(problem)))
    found = f"{total} generations, each with its entry"
    if unknown:
        found = f"{len(unknown)} of {total} generations have no entry, such as {unknown[0]}"
    return (
        Check("log", ok=seen.entries > 0, detail=log),
        Check("objects", ok=not unknown, detail=found),
    )


def answered() -> dict[str, set[str]]:
    """Return the methods that are answered for real, by service."""
    return {
        "storage": {str(method.id) for method in METHODS},
        "cloudkms": {str(method.id) for method in KMS_METHODS},
    }


def services_covered() -> Sequence[ServiceCoverage]:
    """Return for each described service how much of it is answered."""
    return coverage(answered())
