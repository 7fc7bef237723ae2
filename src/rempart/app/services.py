"""The services of a universe, each with what it stands on. A new service is a line here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rempart.app.outside import root_kept, system_domain
from rempart.config import ANSSI_ALGORITHMS, Config
from rempart.core.clock import World
from rempart.services.accessapproval import AccessApprovalService
from rempart.services.accessapproval.signing import Signing
from rempart.services.accessapproval.store import Setup as ApprovalSetup
from rempart.services.accesscontextmanager import AccessContextManagerService
from rempart.services.accesscontextmanager.store import Setup as AccessSetup
from rempart.services.answers.places import Places
from rempart.services.foreignrequests import ForeignRequestsService
from rempart.services.foreignrequests.store import Setup as OrdersSetup
from rempart.services.iam import IamService
from rempart.services.iam.boundaries import BoundaryService
from rempart.services.iam.deny import DenyService
from rempart.services.iam.held import AccountsHeld
from rempart.services.iam.store import Setup as IamSetup
from rempart.services.iamcredentials import CredentialsService
from rempart.services.iamcredentials.published import PublishedKeys
from rempart.services.iamcredentials.store import Setup as CredentialsSetup
from rempart.services.kms import KmsService
from rempart.services.kms.customer_keys import ManagedKeys
from rempart.services.kms.directory import Directory
from rempart.services.kms.held import KmsHeld
from rempart.services.kms.material import Materials
from rempart.services.kms.model.choices import EXTERNAL, EXTERNAL_VPC, HSM, SOFTWARE, Choices
from rempart.services.kms.store import Setup as KmsSetup
from rempart.services.kms.tagged import KmsTagged
from rempart.services.kmsinventory import KmsInventoryService
from rempart.services.logging.projection import Projection
from rempart.services.logging.router import Router
from rempart.services.logging.store import Setup as LoggingSetup
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
from rempart.services.storage.held import StorageHeld
from rempart.services.storage.protected import StorageProtected
from rempart.services.storage.sessions import SessionDigests
from rempart.services.storage.store import Setup as StorageSetup
from rempart.services.storage.tagged import StorageTagged
from rempart.services.transparency import TransparencyService
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
from rempart.trust.identity.id_tokens import IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.apis import DisabledAPIs
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.organization.expiry import key_seconds
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.tags import EffectiveTags
from rempart.trust.session import Service
from rempart.trust.witness.key_uses import KeyUses
from rempart.trust.witness.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Ground:
    """What every service stands on."""

    config: Config
    keyring: Keyring
    world: World
    sealed: SealedEngine
    bodies: Bodies
    identity: Identity
    issuer: Issuer
    id_tokens: IdTokens
    disabled: DisabledAPIs
    policies: Policies
    staff: Staff
    support: SupportAccess
    data: Path | None = None
    """Where the root is kept, for who has to say how."""


def services(
    ground: Ground, kms: KmsSetup, manager: ManagerSetup, answers: tuple[Service, ...]
) -> tuple[Service, ...]:
    """Return every service behind the gate; `answers` are those that explain the others."""
    config, world = ground.config, ground.world
    lifetime = partial(key_seconds, ground.policies)
    iam = IamSetup(config.domain, world, ground.keyring.key("thumbprint"), lifetime)
    tokens = ground.identity.tokens
    every: tuple[Service, ...] = (
        StorageService(_storage(ground, kms)),
        KmsService(kms),
        KmsInventoryService(kms, (StorageProtected(ground.sealed),)),
        IamService(iam),
        CredentialsService(CredentialsSetup(iam, tokens, ground.id_tokens, config.regions)),
        DenyService(world),
        OrgPolicyService(OrgPolicySetup(ground.policies, config.regions, world)),
        ResourceManagerService(manager),
        TagsService(_tags(ground.sealed, manager)),
        BoundaryService(world),
        AccessApprovalService(_approvals(ground, kms)),
        AccessContextManagerService(AccessSetup(world, lambda: apis)),
        *answers,
    )
    every += (_usage(every, ground),)
    apis = tuple(f"{service.name}.googleapis.com" for service in every)
    # Addresses of certificates, the log, what the operator keeps: no APIs that a project has.
    return (
        *every,
        PublishedKeys(world),
        TransparencyService(ground.sealed),
        ForeignRequestsService(_orders(ground, kms)),
    )


def logging_setup(ground: Ground, decision: PolicyDecision) -> LoggingSetup:
    """Return what Cloud Logging needs: who routes entries, and who makes the audit logs."""
    sealed, world = ground.sealed, ground.world
    router = Router(sealed, decision, world)
    projection = Projection(sealed, router, world)
    config = ground.config
    collectors = {one.name: one.containers for one in config.syslog}
    domain = system_domain(config)
    return LoggingSetup(sealed, router, projection, config.regions, domain, world, collectors)


def _approvals(ground: Ground, kms: KmsSetup) -> ApprovalSetup:
    """Return what Access Approval needs: who is staff, what signs, and what can be asked for."""
    seed = ground.keyring.key("access-approval")
    return ApprovalSetup(
        sealed=ground.sealed,
        world=ground.world,
        staff=ground.staff,
        support=ground.support,
        signing=Signing(kms, seed, ground.issuer.name, ground.world.random),
        places=Places((StorageHeld(), KmsHeld(), AccountsHeld())),
        system_domain=kms.system_domain,
    )


def _orders(ground: Ground, kms: KmsSetup) -> OrdersSetup:
    """Return what the register of orders needs: who keeps it, and what it assesses."""
    return OrdersSetup(
        sealed=ground.sealed,
        world=ground.world,
        staff=ground.staff,
        places=Places((StorageHeld(), KmsHeld(), AccountsHeld())),
        opened=kms.materials.opened,
        root=partial(root_kept, ground.data),
    )


def _tags(sealed: SealedEngine, manager: ManagerSetup) -> TagsSetup:
    """Return what tags need, with every service whose resources bear them."""
    return TagsSetup(manager, EffectiveTags(sealed), (Hierarchy(), StorageTagged(), KmsTagged()))


def _usage(others: tuple[Service, ...], ground: Ground) -> ServiceUsageService:
    """Return Service Usage, which knows the other APIs of this universe by name.

    Security Token Service is answered outside the gate.
    """
    apis = frozenset(("serviceusage", "sts", *(service.name for service in others)))
    setup = UsageSetup(apis, ground.disabled, ground.world, system_domain(ground.config))
    return ServiceUsageService(setup)


def kms_setup(
    ground: Ground, recorder: Recorder, managers: Endpoints, token: InToken | None
) -> KmsSetup:
    """Return what Cloud KMS needs: where keys live, and whom it asks."""
    config, world = ground.config, ground.world
    uses = KeyUses(recorder, world.clock)
    caller = Caller(managers, ground.issuer.token, uses)
    directory = Directory(ground.sealed, system_domain(config))
    external = External(Asking(caller, directory, world.random))
    mechanisms = _mechanisms(external, token, world)
    return KmsSetup(
        materials=Materials(ground.keyring.key("kms"), world.random, mechanisms),
        regions=config.regions,
        world=world,
        caller=caller,
        directory=directory,
        protecting=StorageProtected(ground.sealed),
        issuer=ground.issuer,
        external=external,
        uses=uses,
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


def _storage(ground: Ground, kms: KmsSetup) -> StorageSetup:
    world = ground.world
    return StorageSetup(
        contents=Contents(Envelopes(ground.keyring, world.random), ground.bodies, world.random),
        regions=ground.config.regions,
        world=world,
        generations=Generations(world.clock),
        digests=SessionDigests(),
        system_domain=kms.system_domain,
        customer_keys=ManagedKeys(kms, ground.sealed),
    )
