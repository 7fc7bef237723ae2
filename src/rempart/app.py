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
from typing import Any

from rempart import memory
from rempart.config import ANSSI_ALGORITHMS, EMBEDDED, Address, Config, HSMConfig
from rempart.core.call import Call, Reply
from rempart.core.clock import World, system_clock, system_random
from rempart.core.errors import CloudError
from rempart.core.names import FolderId, OrganizationId, ProjectNumber
from rempart.core.policy import Binding, Policy
from rempart.edge.asgi import Application, Endpoint, Handler
from rempart.edge.coverage import coverage
from rempart.edge.doors import Doors
from rempart.edge.routes import RouteTable
from rempart.edge.tls import TLSDoor
from rempart.edge.unsealing import Unsealing
from rempart.engine.embedded.blobs import FileBlobs
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.seam import Engine, EngineError
from rempart.runner.sweeper import Sweeper
from rempart.runner.tenure import Taken, Tenure
from rempart.services.kms import METHODS as KMS_METHODS
from rempart.services.kms import OWN as KMS_OWN
from rempart.services.kms import KmsService
from rempart.services.kms.audit import Ledger as KeyLedger
from rempart.services.kms.customer_keys import ManagedKeys
from rempart.services.kms.directory import Directory
from rempart.services.kms.left_over import left_over
from rempart.services.kms.material import Materials
from rempart.services.kms.model.choices import EXTERNAL, EXTERNAL_VPC, HSM, SOFTWARE, Choices
from rempart.services.kms.store import Setup as KmsSetup
from rempart.services.kms.work import DueKeys
from rempart.services.kmsinventory import METHODS as INVENTORY_METHODS
from rempart.services.kmsinventory import KmsInventoryService
from rempart.services.oauth2 import ROUTES, OAuth2
from rempart.services.storage import METHODS, StorageService
from rempart.services.storage.audit import Ledger
from rempart.services.storage.contents import Contents
from rempart.services.storage.generations import Generations
from rempart.services.storage.protected import StorageProtected
from rempart.services.storage.sessions import SessionDigests
from rempart.services.storage.store import Setup
from rempart.services.storage.sweep import Sweep
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.envelope import Envelopes
from rempart.trust.custody.external.caller import Caller
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.external.key import Asking
from rempart.trust.custody.external.mechanism import External
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.mechanism import Mechanism
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.token import Token, TokenSettings
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.elsewhere import KeysElsewhere, Reach
from rempart.trust.custody.software.mechanism import Software
from rempart.trust.gate import Gate
from rempart.trust.identity import accounts, seal_identity
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
from rempart.universe import Check, LeftOverKey, Listener, Ready, ServiceCoverage, VerifyReport
from rempart.wire import all_services

ADMIN_KEY = "admin-key.json"
ADMIN_ROLES = (
    "roles/owner",
    "roles/resourcemanager.organizationAdmin",
    "roles/storage.admin",
)
SWEEP_EVERY_SECONDS = 3600.0
DUE_KEYS_EVERY_SECONDS = 30.0
UNHEALTHY = 503


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
    system_domain = _system_domain(config)
    issuer = Issuer(config.domain, keyring.key("id-token"), world.clock)
    managers = _managers(config)
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
    protected = StorageProtected(sealed)
    kms = KmsSetup(
        materials=Materials(keyring.key("kms"), world.random, mechanisms),
        regions=config.regions,
        world=world,
        caller=caller,
        directory=directory,
        protecting=protected,
        issuer=issuer,
        external=external,
        system_domain=system_domain,
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
        customer_keys=ManagedKeys(kms, sealed),
    )
    gate = Gate(
        (StorageService(setup), KmsService(kms), KmsInventoryService(kms, (protected,))),
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
    return InToken(
        Token(_settings(hsm)), f"rempart-{keyring.key('token-mark')[:8].hex()}", world.random
    )


def _settings(hsm: HSMConfig) -> TokenSettings:
    return TokenSettings(hsm.module, hsm.token, hsm.pin_file)


def elsewhere(data: Path, config: Config) -> KeysElsewhere:
    """Return what seals and opens the root by keys elsewhere."""

    def token(audience: str, email: str) -> str:
        return seal_identity.issuer(data, config.domain, system_clock).token(audience, email)

    number, system = seal_identity.PROJECT_NUMBER, _system_domain(config)
    reach = Reach(
        domain=config.domain,
        agent=f"service-{number}@gcp-sa-ekms.{system}",
        tokens=token,
        managers=_managers(config),
        token=None if config.hsm is None else _settings(config.hsm),
        random=system_random,
    )
    return KeysElsewhere(reach)


def _managers(config: Config) -> Endpoints:
    return Endpoints(
        dict(config.key_managers),
        authorities=config.key_manager_authorities,
        client=config.key_manager_client,
    )


def _system_domain(config: Config) -> str:
    return f"{config.prefix}-system.{accounts.MAIL_DOMAIN}"


async def first_start(data: Path, config: Config, keyring: Keyring) -> None:
    """Create the first records and the administrator's key file."""
    world = World()
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


async def serve(data: Path, config: Config, listener: Listener) -> None:
    """Run the universe until SIGTERM or SIGINT, or until durability is lost."""
    memory.keep_out_of_dumps()
    stop = _stop_order()
    listen, http = config.listen, config.http
    doors = Doors(data, listen=(listen.host, listen.port), http=(http.host, http.port))
    try:
        keyring = await _keyring(data, config, doors, stop, listener)
        if keyring is not None:
            await _serve_open(data, config, keyring, doors, stop, listener)
    finally:
        await doors.close()


def _stop_order() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _keyring(
    data: Path, config: Config, doors: Doors, stop: asyncio.Event, listener: Listener
) -> Keyring | None:
    """Return the universe's keys; where they are sealed, once they are not; None to stop."""
    files.settle(data, World().random)
    sealed = files.find(data)
    if sealed is None:
        return files.clear_keyring(data)
    unsealing = Unsealing(data, sealed, elsewhere(data, config), World().random)
    root = asyncio.ensure_future(unsealing.root())
    try:
        where = await doors.open(_sealed_application(unsealing, config))
        listener.sealed(_ready(where), unsealing.state())
        await _until(stop, doors.tls, root)
        return Keyring(root.result()) if root.done() else None
    finally:
        root.cancel()
        await asyncio.wait({root})


async def _serve_open(
    data: Path,
    config: Config,
    keyring: Keyring,
    doors: Doors,
    stop: asyncio.Event,
    listener: Listener,
) -> None:
    loop = asyncio.get_running_loop()
    reasons: list[str] = []

    def fenced(reason: str) -> None:
        reasons.append(reason)
        loop.call_soon_threadsafe(stop.set)

    try:
        engine = await open_engine(data, config, keyring, fenced)
    except EngineError as problem:
        raise _refused(problem) from problem
    tenure = Tenure(engine.leases, _holder(data), fenced)
    try:
        parts = assemble(engine, keyring, config, World())
        if config.engine != EMBEDDED:
            parts.sealed.fence = await tenure.begin()
        await _run(config, engine, parts, doors, stop, listener)
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
    config: Config,
    engine: Engine,
    parts: Parts,
    doors: Doors,
    stop: asyncio.Event,
    listener: Listener,
) -> None:
    world = parts.world
    app = Application(
        RouteTable((*all_services(), KMS_OWN), config.domain),
        parts.gate.serve,
        extra=(*_oauth2(parts.identity, config), *_issuer(parts.issuer), *_about(config)),
        world=world,
        universe_domain=config.domain,
    )
    memory.settle()
    housework = (
        Sweeper(
            Sweep(parts.sealed, engine.blobs, parts.bodies, world),
            every_seconds=SWEEP_EVERY_SECONDS,
        ),
        Sweeper(DueKeys(parts.sealed, parts.kms), every_seconds=DUE_KEYS_EVERY_SECONDS),
    )
    where = await doors.open(app)
    try:
        for one in housework:
            one.start()
        listener.ready(_ready(where))
        await _until(stop, doors.tls)
    finally:
        for one in housework:
            await one.stop()
        await doors.close()
        parts.managers.close()
        if parts.token is not None:
            await parts.token.close()


def _ready(where: tuple[tuple[str, int], tuple[str, int]]) -> Ready:
    listen, http = where
    return Ready(Address(*listen), Address(*http))


def _sealed_application(unsealing: Unsealing, config: Config) -> Application:
    """Return what answers while there are no keys: that it is so."""

    def admit() -> None:
        raise unsealing.refusal()

    async def refuse(_call: Call) -> Reply:
        raise unsealing.refusal()

    async def health(_call: Call) -> Reply:
        return Reply(document={"status": "SEALED"}, status=UNHEALTHY)

    refused = [Endpoint(route.hosts, route.verbs, route.paths, refuse) for route in ROUTES]
    return Application(
        RouteTable(all_services(), config.domain),
        refuse,
        extra=(*refused, *_issuer_at(refuse, refuse), _descriptor(refuse), _health(health)),
        admit=admit,
        world=World(),
        universe_domain=config.domain,
    )


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
    return _issuer_at(_answer(issuer.configuration()), _answer(issuer.keys()))


def _issuer_at(configuration: Handler, keys: Handler) -> tuple[Endpoint, ...]:
    """Return where the issuer of ID tokens says who it is (OpenID Connect Discovery 1.0)."""
    hosts = ("accounts", "")
    return (
        Endpoint(hosts, ("GET",), ("/.well-known/openid-configuration",), configuration),
        Endpoint(hosts, ("GET",), ("/oauth2/v3/certs",), keys),
    )


def issuer_keys(config: Config, keyring: Keyring) -> dict[str, object]:
    """Return the JWK set that verifies what this universe signs for others; no server is asked."""
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
    return _descriptor(_answer(descriptor)), _health(_answer({"status": "SERVING"}))


def _descriptor(handler: Handler) -> Endpoint:
    paths = tuple(f"/{bucket}/universe-descriptor.json" for bucket in DESCRIPTOR_BUCKETS)
    return Endpoint(("storage", ""), ("GET",), paths, handler)


def _health(handler: Handler) -> Endpoint:
    return Endpoint(("storage", ""), ("GET",), ("/healthz",), handler)


def _answer(document: object) -> Handler:
    async def handler(_call: Call) -> Reply:
        return Reply(document=document)

    return handler


async def _until(stop: asyncio.Event, tls: TLSDoor, *events: asyncio.Future[bytes]) -> None:
    """Wait for the order to stop, or one of the events; a TLS door must not end by itself."""
    stopped: asyncio.Future[bool] = asyncio.ensure_future(stop.wait())
    gone: asyncio.Future[int] = asyncio.ensure_future(tls.wait_exit())
    awaited: set[asyncio.Future[Any]] = {stopped, gone, *events}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    died = gone.done() and not stopped.done()
    for task in (stopped, gone):
        task.cancel()
    if died:
        raise SystemExit("The TLS door ended by itself; see run/envoy.log in the data directory.")


async def verify(data: Path, config: Config, keyring: Keyring) -> VerifyReport:
    """Check the universe's log without a server: its chain, its entries, what they vouch for."""
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
    data: Path, config: Config, keyring: Keyring, remove: tuple[str, ...]
) -> tuple[LeftOverKey, ...]:
    """Return the keys in the token that no version refers to, and remove those of given ids."""
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
    seen, ledger, keys = Walk(), Ledger(), KeyLedger()
    try:
        async for leaf in walk(engine, sealed, seen):
            ledger.note(leaf)
            keys.note(leaf)
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
        await _keys(keys, sealed),
    )


async def _keys(ledger: KeyLedger, sealed: SealedEngine) -> Check:
    try:
        compared = await ledger.compared(sealed)
    except CloudError as problem:
        return Check("keys", ok=False, detail=str(problem))
    found = f"{compared.total} records of Cloud KMS, each as the log last says"
    if compared.faults:
        found = f"{len(compared.faults)} faults, such as: {compared.faults[0]}"
    return Check("keys", ok=not compared.faults, detail=found)


def answered() -> dict[str, set[str]]:
    """Return the methods that are answered for real, by service."""
    own = {one.id for one in KMS_OWN.methods}
    return {
        "storage": {str(method.id) for method in METHODS},
        "cloudkms": {str(method.id) for method in KMS_METHODS} - own,
        "kmsinventory": {str(method.id) for method in INVENTORY_METHODS},
    }


def services_covered() -> Sequence[ServiceCoverage]:
    """Return for each described service how much of it is answered."""
    return coverage(answered())
