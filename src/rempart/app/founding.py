"""The first start: the first records, and the key file of the first administrator."""

from __future__ import annotations

from pathlib import Path

from rempart.app.assembly import assemble
from rempart.app.engine import open_alone
from rempart.config import Config
from rempart.core.clock import Micros, World
from rempart.core.names import FolderId, OrganizationId, ProjectNumber
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealed import SealedEngine, Transaction
from rempart.trust.identity import accounts
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

ADMIN_KEY = "admin-key.json"
ADMIN_ROLES = (
    "roles/owner",
    "roles/resourcemanager.organizationAdmin",
    "roles/storage.admin",
    "roles/accesscontextmanager.policyAdmin",
    "roles/accesscontextmanager.gcpAccessAdmin",
)


async def first_start(data: Path, config: Config, keyring: Keyring) -> None:
    """Create the first records and the administrator's key file."""
    world = World()
    engine = await open_alone(data, config, keyring)
    try:
        parts = assemble(engine, keyring, config, world)
        key_file = await found(parts.sealed, config, world)
    finally:
        await engine.close()
    path = data / ADMIN_KEY
    path.touch(mode=0o600)
    path.write_text(key_file)


async def found(sealed: SealedEngine, config: Config, world: World) -> str:
    """Write the first organization, folder, project and administrator; return its key file."""
    tx, now = sealed.transaction(), world.clock()
    account = await accounts.create_account(
        tx, "administrator", config.project, display_name="First administrator", world=world
    )
    organization = _hierarchy(tx, config, account.member, now, world)
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


def _hierarchy(tx: Transaction, config: Config, owner: Member, now: Micros, world: World) -> str:
    """Put an organization with its owner, a folder in it and a project there; return the first."""
    organization, folder, project = (_number(world) for _ in range(3))
    bindings = tuple(Binding(role, (owner,)) for role in ADMIN_ROLES)
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
    return organization


def _number(world: World) -> str:
    """Return a number of 12 digits, as Google gives to projects."""
    return str(10**11 + int.from_bytes(world.random(8), "big") % (9 * 10**11))
