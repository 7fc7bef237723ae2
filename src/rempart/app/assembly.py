"""The parts of a universe: trust and services, wired around an open engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rempart.app.guards import Grounds, geography_of, guards
from rempart.app.outside import in_token, key_managers, outside_issuers, system_domain
from rempart.config import ANSSI_ALGORITHMS, Config
from rempart.core.clock import World
from rempart.engine.seam import Engine
from rempart.services.accesscontextmanager import AccessContextManagerService
from rempart.services.accesscontextmanager.store import Setup as AccessSetup
from rempart.services.auth import Auth, Ground
from rempart.services.auth import assembled as assembled_auth
from rempart.services.iam import IamService
from rempart.services.iam.boundaries import BoundaryService
from rempart.services.iam.deny import DenyService
from rempart.services.iam.store import Setup as IamSetup
from rempart.services.iamcredentials import CredentialsService
from rempart.services.iamcredentials.published import PublishedKeys
from rempart.services.iamcredentials.store import Setup as CredentialsSetup
from rempart.services.kms import KmsService
from rempart.services.kms.customer_keys import ManagedKeys
from rempart.services.kms.directory import Directory
from rempart.services.kms.material import Materials
from rempart.services.kms.model.choices import EXTERNAL, EXTERNAL_VPC, HSM, SOFTWARE, Choices
from rempart.services.kms.store import Setup as KmsSetup
from rempart.services.kms.tagged import KmsTagged
from rempart.services.kmsinventory import KmsInventoryService
from rempart.services.orgpolicy import OrgPolicyService
from rempart.services.orgpolicy.store import Setup as OrgPolicySetup
from rempart.services.resourcemanager import ResourceManagerService
from rempart.services.resourcemanager.store import Setup as ManagerSetup
from rempart.services.resourcemanager.tags import TagsService
from rempart.services.resourcemanager.tags.bindable import Hierarchy
from rempart.services.resourcemanager.tags.store import Setup as TagsSetup
from rempart.services.serviceusage import ServiceUsageService
from rempart.services.serviceusage.store import Setup as UsageSetup
from rempart.services.storage import StorageService
from rempart.services.storage.contents import Contents
from rempart.services.storage.generations import Generations
from rempart.services.storage.protected import StorageProtected
from rempart.services.storage.sessions import SessionDigests
from rempart.services.storage.store import Setup as StorageSetup
from rempart.services.storage.tagged import StorageTagged
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.envelope import Envelopes
from rempart.trust.custody.external.caller import Caller
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.external.key import Asking
from rempart.trust.custody.external.mechanism import External
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.mechanism import Mechanism
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.software.mechanism import Software
from rempart.trust.gate import Gate, Rules, Service
from rempart.trust.identity.federation.federation import Federation
from rempart.trust.identity.federation.issuers import Issuers
from rempart.trust.identity.federation.pools import organization_of
from rempart.trust.identity.id_tokens import IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.apis import DisabledAPIs
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.organization.expiry import key_seconds
from rempart.trust.policy.organization.guard import OrganizationPolicyGuard
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.tags import EffectiveTags


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
    manager: ManagerSetup
    issuers: Issuers
    federation: Federation
    auth: Auth
    id_tokens: IdTokens
    world: World
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
    federation = Federation(sealed, issuers, world)
    id_tokens = IdTokens(issuer.name, world)
    managers, token = key_managers(config), in_token(config, keyring, world)
    protected = StorageProtected(sealed)
    ground = _Ground(config, keyring, world, sealed)
    kms = _kms(ground, issuer, protected, managers, token)
    disabled, policies = DisabledAPIs(sealed, config.domain), _policies(sealed)
    lifetime = partial(key_seconds, policies)
    iam = IamSetup(config.domain, world, keyring.key("thumbprint"), lifetime)
    manager = ManagerSetup(world, config.prefix)
    services: tuple[Service, ...] = (
        StorageService(_storage(ground, bodies, kms)),
        KmsService(kms),
        KmsInventoryService(kms, (protected,)),
        IamService(iam),
        CredentialsService(CredentialsSetup(iam, identity.tokens, id_tokens, config.regions)),
        PublishedKeys(world),
        DenyService(world),
        OrgPolicyService(OrgPolicySetup(policies, config.regions, world)),
        ResourceManagerService(manager),
        TagsService(_tags(sealed, manager)),
        BoundaryService(world),
        AccessContextManagerService(AccessSetup(world, lambda: apis)),
    )
    services += (_usage(services, disabled, ground),)
    apis = tuple(f"{service.name}.googleapis.com" for service in services)
    guard = OrganizationPolicyGuard(policies)
    geography = geography_of(data)
    decision = PolicyDecision(sealed, world, geography)
    grounds = Grounds(sealed, decision, world, geography, data)
    asked = (disabled, *guards(grounds), guard)
    rules = Rules(decision, asked, config.duties, guard.conceals)
    gate = Gate(services, identity=identity, rules=rules, sealed=sealed, world=world)
    return Parts(
        gate=gate,
        identity=identity,
        issuer=issuer,
        managers=managers,
        sealed=sealed,
        bodies=bodies,
        kms=kms,
        manager=manager,
        issuers=issuers,
        federation=federation,
        auth=assembled_auth(
            Ground(sealed, identity, issuers, federation, world),
            tickets_key=keyring.key("sign-in-ticket"),
            proofs_key=keyring.key("sign-in-proof"),
        ),
        id_tokens=id_tokens,
        world=world,
        token=token,
    )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every service stands on."""

    config: Config
    keyring: Keyring
    world: World
    sealed: SealedEngine


def _policies(sealed: SealedEngine) -> Policies:
    """Return organization policy, which asks whose people a workforce pool's are."""
    return Policies(sealed, partial(organization_of, sealed))


def _tags(sealed: SealedEngine, manager: ManagerSetup) -> TagsSetup:
    """Return what tags need, with every service whose resources bear them."""
    return TagsSetup(manager, EffectiveTags(sealed), (Hierarchy(), StorageTagged(), KmsTagged()))


def _usage(
    services: tuple[Service, ...], disabled: DisabledAPIs, ground: _Ground
) -> ServiceUsageService:
    """Return Service Usage, which knows the other APIs of this universe by name."""
    apis = frozenset(("serviceusage", *(service.name for service in services)))
    setup = UsageSetup(apis, disabled, ground.world, system_domain(ground.config))
    return ServiceUsageService(setup)


def _kms(
    ground: _Ground,
    issuer: Issuer,
    protected: StorageProtected,
    managers: Endpoints,
    token: InToken | None,
) -> KmsSetup:
    config, world = ground.config, ground.world
    caller = Caller(managers, issuer.token)
    directory = Directory(ground.sealed, system_domain(config))
    external = External(Asking(caller, directory, world.random))
    mechanisms = _mechanisms(external, token, world)
    return KmsSetup(
        materials=Materials(ground.keyring.key("kms"), world.random, mechanisms),
        regions=config.regions,
        world=world,
        caller=caller,
        directory=directory,
        protecting=protected,
        issuer=issuer,
        external=external,
        system_domain=system_domain(config),
        choices=Choices(
            {level: one.lacks for level, one in mechanisms.items()},
            anssi=config.key_algorithms == ANSSI_ALGORITHMS,
        ),
    )


def _mechanisms(external: External, token: InToken | None, world: World) -> dict[str, Mechanism]:
    """Return by protection level where keys live and who uses them."""
    mechanisms: dict[str, Mechanism] = {
        SOFTWARE: Software(world.random),
        EXTERNAL: external,
        EXTERNAL_VPC: external,
    }
    if token is not None:
        mechanisms[HSM] = token
    return mechanisms


def _storage(ground: _Ground, bodies: Bodies, kms: KmsSetup) -> StorageSetup:
    world = ground.world
    return StorageSetup(
        contents=Contents(Envelopes(ground.keyring, world.random), bodies, world.random),
        regions=ground.config.regions,
        world=world,
        generations=Generations(world.clock),
        digests=SessionDigests(),
        system_domain=kms.system_domain,
        customer_keys=ManagedKeys(kms, ground.sealed),
    )
