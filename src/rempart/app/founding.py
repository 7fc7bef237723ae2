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
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import accounts
from rempart.trust.identity.workforce.documents import BOOTSTRAPS, Bootstrap
from rempart.trust.policy.hierarchy import (
    ORGANIZATIONS,
    Folder,
    Organization,
    Project,
)
from rempart.trust.policy.registry import add_folder, add_project, begin, new_number
from rempart.trust.policy.validate import new_etag
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

ADMIN_KEY = "admin-key.json"
ADMINISTRATOR = "administrator"
OLD_KEYS_MAX = 1000
"""More keys than a universe without an API for them can have."""

ADMIN_ROLES = (
    "roles/owner",
    "roles/resourcemanager.folderAdmin",
    "roles/resourcemanager.organizationAdmin",
    "roles/orgpolicy.policyAdmin",
    "roles/resourcemanager.projectCreator",
    "roles/storage.admin",
    "roles/iam.denyAdmin",
    "roles/iam.workforcePoolAdmin",
    "roles/iam.principalAccessBoundaryAdmin",
    "roles/accessapproval.approver",
    "roles/accessapproval.configEditor",
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
        tx, ADMINISTRATOR, config.project, display_name="First administrator", world=world
    )
    organization = await _hierarchy(tx, config, account.member, now, world)
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
    tx.put(
        BOOTSTRAPS,
        f"organizations/{organization}",
        f"{now:014x}{world.random(4).hex()}",
        value=Bootstrap(
            created=now,
            creator="first-start",
            member=account.member,
            role=ADMIN_ROLES[0],
            key=issued.key.id,
        ),
    )
    await tx.commit()
    return issued.file


async def index_administrator(sealed: SealedEngine, config: Config, world: World) -> None:
    """Let the first account be found by unique id and project, where that is not so yet.

    It was the only one in universes whose IAM did not answer: all others are written with their
    entries.
    """
    tx = sealed.transaction()
    email = accounts.email_of(ADMINISTRATOR, config.project)
    account = await tx.get(accounts.ACCOUNTS, email)
    entry = await tx.get(accounts.EMAIL_ENTRIES, config.project, email)
    if account is None or entry is not None:
        return
    found = await tx.scan(accounts.KEYS, accounts.KEYS.under(), limit=OLD_KEYS_MAX)
    keys = tuple(one.id for one in found if one.value.unique_id == account.unique_id)
    accounts.index(tx, account, first=account.unique_id, keys=keys)
    leaf = Leaf(
        kind=OUTCOME,
        time=world.clock(),
        request="start",
        method="rempart.serviceAccounts.index",
        permission="",
        principal=account.member,
        resource=account.resource.name.name,
        remote="local",
        status=200,
        facts={"uniqueId": account.unique_id},
    )
    tx.append(FEED, encode(leaf))
    await tx.commit()


async def _hierarchy(
    tx: Transaction, config: Config, owner: Member, now: Micros, world: World
) -> str:
    """Put an organization with its owner, a folder in it and a project there; return the first."""
    organization, folder, project = (new_number(world.random) for _ in range(3))
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
    begin(tx)
    tx.put(ORGANIZATIONS, organization, value=top)
    await add_folder(tx, middle)
    await add_project(tx, bottom)
    return organization
