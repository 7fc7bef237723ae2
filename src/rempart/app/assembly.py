"""The parts of a universe: trust and services, wired around an open engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rempart.app.answering import Guarding, answering
from rempart.app.exporting import exports
from rempart.app.guards import Grounds, guards, origins_of, staff_of, support_of, ways_of
from rempart.app.outside import aws_sts, in_token, key_managers, outside_issuers
from rempart.app.services import Ground, kms_setup, logging_setup, services
from rempart.config import Config
from rempart.core.clock import World
from rempart.cosigners.notary import Notary
from rempart.cosigners.quorum import read_quorum
from rempart.engine.seam import Engine
from rempart.services.auth import Auth
from rempart.services.auth import Ground as AuthGround
from rempart.services.auth import assembled as assembled_auth
from rempart.services.kms.store import Setup as KmsSetup
from rempart.services.logging import LoggingService
from rempart.services.logging.exporting import Exports
from rempart.services.logging.store import Setup as LoggingSetup
from rempart.services.recommender.work import RecordUses
from rempart.services.resourcemanager.store import Setup as ManagerSetup
from rempart.tlog.keys import Algorithm, Signer, VerifierKey, seeded_signer
from rempart.trust.authority import Rules
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.gate import Gate
from rempart.trust.identity.federation.federation import Federation
from rempart.trust.identity.federation.issuers import Issuers
from rempart.trust.identity.federation.pools import organization_of
from rempart.trust.identity.id_tokens import IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.apis import DisabledAPIs
from rempart.trust.policy.auditing import Auditing
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.guard import Standing, Way
from rempart.trust.policy.organization.guard import OrganizationPolicyGuard
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.witness.log import PublishedLog
from rempart.trust.witness.recorder import Recorder
from rempart.trust.witness.sequencer import Sequencer


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands between an open engine and the doors."""

    gate: Gate
    recorder: Recorder
    log: PublishedLog
    sequencer: Sequencer
    log_key: VerifierKey
    notary: Notary
    identity: Identity
    issuer: Issuer
    managers: Endpoints
    sealed: SealedEngine
    bodies: Bodies
    kms: KmsSetup
    logs: LoggingSetup
    exports: Exports
    manager: ManagerSetup
    uses: RecordUses
    issuers: Issuers
    federation: Federation
    auth: Auth
    id_tokens: IdTokens
    world: World
    support: SupportAccess
    token: InToken | None = None


def assemble(
    engine: Engine, keyring: Keyring, config: Config, world: World, data: Path | None = None
) -> Parts:
    """Wire trust and services around an engine.

    `data` is where the files lie that guards read; without it, what they say is not there.
    """
    bodies = Bodies(engine.blobs, world.random)
    sealed = SealedEngine(engine, key=keyring.key("record"), random=world.random, bodies=bodies)
    identity = Identity(
        sealed, domain=config.domain, token_key=keyring.key("access-token"), world=world
    )
    issuer = Issuer(config.domain, keyring.key("id-token"), world.clock)
    issuers = outside_issuers(config, world)
    federation = Federation(sealed, issuers, aws_sts(config, issuers), world)
    id_tokens = IdTokens(issuer.name, world)
    disabled, policies = DisabledAPIs(sealed, config.domain), _policies(sealed)
    staff = staff_of(data)
    support = support_of(sealed, staff, world)
    ground = Ground(
        config=config,
        keyring=keyring,
        world=world,
        sealed=sealed,
        bodies=bodies,
        identity=identity,
        issuer=issuer,
        id_tokens=id_tokens,
        disabled=disabled,
        policies=policies,
        staff=staff,
        support=support,
        data=data,
    )
    recorder = Recorder(sealed, world.clock)
    origins = origins_of(data)
    decision = PolicyDecision(sealed, world, origins)
    managers, token = key_managers(config), in_token(config, keyring, world)
    kms, manager = kms_setup(ground, recorder, managers, token), ManagerSetup(world, config.prefix)
    guard = OrganizationPolicyGuard(policies)
    grounds = Grounds(sealed, decision, disabled, world, origins, staff, support)
    asked: tuple[Standing, ...] = (disabled, *guards(grounds), guard)
    ways: dict[str, tuple[Way, ...]] = {}
    guarding = Guarding(asked, ways)
    answers = answering(
        sealed, world, decision, guarding=guarding, duties=config.duties, issuer=issuer
    )
    rules = Rules(decision, asked, config.duties, guard.conceals, answers.uses, support)
    logs = logging_setup(ground, decision)
    behind = services(ground, kms, manager, (*answers.services, LoggingService(logs)))
    ways |= ways_of(behind)
    signer = log_signer(config.domain, keyring, config.log_number)
    notary = Notary(signer, world.clock, read_quorum(data, signer.key) if data else None)
    gate = Gate(
        behind,
        identity=identity,
        rules=rules,
        sealed=sealed,
        recorder=recorder,
        auditing=Auditing(sealed),
    )
    return Parts(
        gate=gate,
        recorder=recorder,
        log=PublishedLog(engine, sealed, lambda: notary.lacking),
        sequencer=Sequencer(engine, sealed, notary, world.clock, holder=world.random(16).hex()),
        notary=notary,
        log_key=signer.key,
        identity=identity,
        issuer=issuer,
        managers=managers,
        sealed=sealed,
        bodies=bodies,
        kms=kms,
        logs=logs,
        exports=exports(gate, logs, config),
        manager=manager,
        uses=answers.work,
        issuers=issuers,
        federation=federation,
        auth=assembled_auth(
            AuthGround(sealed, identity, issuers, federation, recorder, world),
            tickets_key=keyring.key("sign-in-ticket"),
            proofs_key=keyring.key("sign-in-proof"),
        ),
        id_tokens=id_tokens,
        world=world,
        support=support,
        token=token,
    )


def log_signer(domain: str, keyring: Keyring, number: int = 1) -> Signer:
    """Return what signs the checkpoints of a universe's log; each has its own name and key."""
    name, purpose = (f"log.{domain}", "log-checkpoint")
    if number > 1:
        name, purpose = f"{name}/{number}", f"{purpose}/{number}"
    return seeded_signer(name, Algorithm.ED25519, keyring.key(purpose))


def _policies(sealed: SealedEngine) -> Policies:
    """Return organization policy, which asks whose people a workforce pool's are."""
    return Policies(sealed, partial(organization_of, sealed))
