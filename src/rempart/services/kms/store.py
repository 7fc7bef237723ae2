"""Cloud KMS's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import replace

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.policy import Policy
from rempart.services.kms.directory import Directory
from rempart.services.kms.erasure import Protecting
from rempart.services.kms.kinds import (
    CRYPTO_KEY,
    DUE,
    IMPORT_JOB,
    JUSTIFICATIONS,
    KEY_HANDLE,
    KEY_RING,
    OPERATION,
    RETIRED,
    RINGS_OF_LOCATION,
    VERSION,
    Due,
    KeyRing,
    RingsOfLocation,
)
from rempart.services.kms.lineage import settings
from rempart.services.kms.material import Materials
from rempart.services.kms.model import container
from rempart.services.kms.model.autokey import KeyHandle, KeyHandleName
from rempart.services.kms.model.choices import Choices
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.listing import Page, token
from rempart.services.kms.model.names import (
    GLOBAL,
    CryptoKeyName,
    ImportJobName,
    KeyRingName,
    LocationName,
    VersionName,
)
from rempart.services.kms.model.operation import OperationName
from rempart.services.kms.model.retired import RetiredName, RetiredResource
from rempart.services.kms.model.version import (
    VERSIONS_PER_KEY_MAX,
    State,
    Version,
    require_deletable,
)
from rempart.services.kms.policy_view import SERVICE, PolicyView
from rempart.services.kms.vouched import Writes
from rempart.services.operations import Operation, forgotten, operation_json, remember
from rempart.services.resourcemanager.tags.release import release
from rempart.trust.custody.external.caller import Caller
from rempart.trust.custody.external.mechanism import External
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session
from rempart.trust.witness.key_uses import KeyUses

IMPORT_JOBS_DELETED_MAX = 1000
T = TypeVar("T")
Json = dict[str, object]
Show = Callable[[Found[T]], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    materials: Materials
    regions: tuple[str, ...]
    world: World
    caller: Caller
    directory: Directory
    protecting: Protecting
    issuer: Issuer
    external: External
    uses: KeyUses
    choices: Choices
    system_domain: str
    """The domain of this universe's service agents."""

    @property
    def locations(self) -> tuple[str, ...]:
        """Return the locations that keys may live in."""
        return (*self.regions, GLOBAL)


class KmsStore(PolicyView):
    """The documents of Cloud KMS as one session sees them."""

    __slots__ = ("session", "setup", "writes")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        super().__init__(session.tx)
        self.writes = Writes(self.tx)

    # Key rings.

    async def key_ring(self, grant: Grant, name: KeyRingName) -> KeyRing:
        """Return a key ring; raises `not_found`."""
        return await self._found(KEY_RING, name, "KeyRing")

    async def create_key_ring(self, grant: Grant, name: KeyRingName) -> KeyRing:
        """Store a new, empty key ring; raises `already_exists`."""
        if await self.tx.get(KEY_RING, *name.parts) is not None:
            raise already_exists(f"KeyRing {name} already exists.")
        ring = KeyRing(created=self.now, policy=self.new_policy())
        await self._count(name.parent, rings=1)
        self.put_key_ring(grant, name, ring)
        return ring

    def put_key_ring(self, grant: Grant, name: KeyRingName, ring: KeyRing) -> None:
        """Store a key ring."""
        self.writes.put(KEY_RING, name, ring)

    async def counted(self, grant: Grant, name: LocationName) -> RingsOfLocation:
        """Return how many key rings and retired names a location has."""
        return await self.tx.get(RINGS_OF_LOCATION, *name.parts) or RingsOfLocation(0)

    async def delete_key_ring(self, grant: Grant, name: KeyRingName) -> None:
        """Remove a ring without keys, with its import jobs, of which none may be active."""
        ring = await self.key_ring(grant, name)
        if ring.crypto_keys:
            raise _not_empty(f"{name} still has {ring.crypto_keys} keys.")
        self.tx.expect_empty(CRYPTO_KEY.under(*name.parts))
        jobs = await self.tx.scan(
            IMPORT_JOB, IMPORT_JOB.under(*name.parts), limit=IMPORT_JOBS_DELETED_MAX + 1
        )
        if len(jobs) > IMPORT_JOBS_DELETED_MAX:
            raise _not_empty(f"{name} has more than {IMPORT_JOBS_DELETED_MAX} import jobs.")
        for job in jobs:
            if job.value.expires > self.now:
                raise _not_empty(f"The import job {job.id} of {name} is still active.")
            self.writes.delete(IMPORT_JOB, ImportJobName(name, job.id))
        self.writes.delete(KEY_RING, name)
        await release(self.tx, f"//{SERVICE}/{name}")
        await self._count(name.parent, rings=-1)

    async def _count(self, name: LocationName, *, rings: int = 0, retired: int = 0) -> None:
        found = await self.tx.get(RINGS_OF_LOCATION, *name.parts) or RingsOfLocation(0)
        count = RingsOfLocation(found.count + rings, found.retired + retired)
        self.tx.put(RINGS_OF_LOCATION, *name.parts, value=count)

    # Keys.

    async def crypto_key(self, grant: Grant, name: CryptoKeyName) -> CryptoKey:
        """Return a key; raises `not_found`."""
        return await self._found(CRYPTO_KEY, name, "CryptoKey")

    async def create_crypto_key(self, grant: Grant, name: CryptoKeyName, key: CryptoKey) -> None:
        """Store a new key and count it; raises `already_exists`, `not_found` for its ring."""
        if await self.tx.get(CRYPTO_KEY, *name.parts) is not None:
            raise already_exists(f"CryptoKey {name} already exists.")
        if await self.tx.get(RETIRED, *name.parts) is not None:
            message = f"The name {name} is that of a deleted key, which is not given again."
            raise already_exists(message)
        ring = await self.key_ring(grant, name.parent)
        self.put_key_ring(grant, name.parent, replace(ring, crypto_keys=ring.crypto_keys + 1))
        self.put_crypto_key(grant, name, key)
        self._put_due(key.next_rotation, name.version(0))

    def put_crypto_key(self, grant: Grant, name: CryptoKeyName, key: CryptoKey) -> None:
        """Store a key."""
        self.writes.put(CRYPTO_KEY, name, key)

    async def delete_crypto_key(self, grant: Grant, name: CryptoKeyName) -> RetiredName:
        """Remove a key without versions for ever, and retire its name."""
        key = await self.crypto_key(grant, name)
        if key.held:
            raise _not_empty(f"{name} still has {key.held} versions.")
        self.tx.expect_empty(VERSION.under(*name.parts))
        self._drop_due(key.next_rotation, name.version(0))
        self.writes.delete(CRYPTO_KEY, name)
        ring = await self.key_ring(grant, name.parent)
        self.put_key_ring(grant, name.parent, replace(ring, crypto_keys=ring.crypto_keys - 1))
        retired = RetiredName(name)
        kept = RetiredResource(original=str(name), deleted=self.now)
        self.writes.put(RETIRED, retired, kept)
        await self._count(retired.location, retired=1)
        return retired

    def reschedule(self, grant: Grant, name: CryptoKeyName, old: CryptoKey, new: CryptoKey) -> None:
        """Store a key whose rotation may have moved."""
        if old.next_rotation != new.next_rotation:
            self._drop_due(old.next_rotation, name.version(0))
            self._put_due(new.next_rotation, name.version(0))
        self.put_crypto_key(grant, name, new)

    # Versions.

    async def version(self, grant: Grant, name: VersionName) -> Version:
        """Return a version; raises `not_found`."""
        return await self._found(VERSION, name, "CryptoKeyVersion")

    async def primary(self, grant: Grant, name: CryptoKeyName, key: CryptoKey) -> Version | None:
        """Return a key's primary version, or None where it has none."""
        return await self.version(grant, name.version(key.primary)) if key.primary else None

    def add_version(
        self, grant: Grant, name: CryptoKeyName, key: CryptoKey, version: Version
    ) -> CryptoKey:
        """Store a new version and return the key that counts it, which the caller stores."""
        if key.versions >= VERSIONS_PER_KEY_MAX:
            raise CloudError(
                Code.RESOURCE_EXHAUSTED,
                f"{name} has {VERSIONS_PER_KEY_MAX} versions, which is the most a key may have.",
                reason="VERSIONS_PER_KEY",
            )
        self.put_version(grant, name.version(version.number), version)
        return replace(key, versions=version.number)

    def put_version(self, grant: Grant, name: VersionName, version: Version) -> None:
        """Store a version."""
        self.writes.put(VERSION, name, version)

    async def delete_version(self, grant: Grant, name: VersionName) -> None:
        """Remove a destroyed version; its number is not given again."""
        version = await self.version(grant, name)
        require_deletable(version, str(name))
        self.writes.delete(VERSION, name)
        key = await self.crypto_key(grant, name.parent)
        primary = 0 if key.primary == name.number else key.primary
        self.put_crypto_key(
            grant, name.parent, replace(key, primary=primary, deleted=key.deleted + 1)
        )

    def replace_version(self, grant: Grant, name: VersionName, old: Version, new: Version) -> None:
        """Store a version whose destruction may have been scheduled or called off."""
        if old.state is State.DESTROY_SCHEDULED:
            self._drop_due(old.destroy_at, name)
        if new.state is State.DESTROY_SCHEDULED:
            self._put_due(new.destroy_at, name)
        self.put_version(grant, name, new)

    # Import jobs.

    async def import_job(self, grant: Grant, name: ImportJobName) -> ImportJob:
        """Return an import job; raises `not_found`."""
        return await self._found(IMPORT_JOB, name, "ImportJob")

    async def create_import_job(self, grant: Grant, name: ImportJobName, job: ImportJob) -> None:
        """Store a new import job and count it; raises `already_exists`."""
        if await self.tx.get(IMPORT_JOB, *name.parts) is not None:
            raise already_exists(f"ImportJob {name} already exists.")
        ring = await self.key_ring(grant, name.parent)
        self.put_key_ring(grant, name.parent, replace(ring, import_jobs=ring.import_jobs + 1))
        self.put_import_job(grant, name, job)

    def put_import_job(self, grant: Grant, name: ImportJobName, job: ImportJob) -> None:
        """Store an import job."""
        self.writes.put(IMPORT_JOB, name, job)

    # Settings above the keys, handles, retired names and operations.

    async def default_reasons(self, grant: Grant, project: str) -> tuple[str, ...] | None:
        """Return the reasons that a new key of a project allows, None where nothing limits them."""
        above = settings(self.tx, JUSTIFICATIONS, container.JUSTIFICATIONS, f"projects/{project}")
        async for _, found in above:
            if found.allowed is not None:
                return found.allowed
        return None

    async def key_handle(self, grant: Grant, name: KeyHandleName) -> KeyHandle:
        """Return a key handle; raises `not_found`."""
        return await self._found(KEY_HANDLE, name, "KeyHandle")

    async def retired_resource(self, grant: Grant, name: RetiredName) -> RetiredResource:
        """Return what is left of a deleted key; raises `not_found`."""
        return await self._found(RETIRED, name, "RetiredResource")

    async def operation(self, grant: Grant, name: OperationName) -> Operation:
        """Return an operation that is remembered; raises `not_found`."""
        found: Operation = await self._found(OPERATION, name, "Operation")
        if forgotten(found, self.now):
            raise not_found(f"Operation {name} not found.")
        return found

    async def finished(
        self, grant: Grant, above: LocationName, metadata: Json, response: Json
    ) -> Json:
        """Remember an operation that is done and return it; the oldest are forgotten."""
        done = Operation(created=self.now, metadata=metadata, response=response)
        id_ = await remember(
            self.tx, OPERATION, *above.parts, operation=done, world=self.setup.world
        )
        return operation_json(str(OperationName(above, id_)), done)

    # What every method asks.

    async def listed(
        self, grant: Grant, kind: Kind[T], above: tuple[str, ...], page: Page, show: Show[T]
    ) -> tuple[list[Json], str]:
        """Return a page of what lies under a resource, shown, and the token of the next page."""
        span, shown = kind.under(*above), list[Json]()
        last = max(span.start, page.after)
        while found := await self.tx.scan(kind, span.after(last), limit=page.size + 1):
            for one in found:
                if len(shown) == page.size:
                    return shown, token(last)
                last = one.key
                resource = await show(one)
                if page.admits(resource):
                    shown.append(resource)
        return shown, ""

    def new_policy(self) -> Policy:
        """Return an empty policy with a fresh etag."""
        return Policy(etag=self.policy_etag())

    def policy_etag(self) -> str:
        """Return a fresh entity tag for a policy."""
        return new_etag(self.setup.world.random)

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()

    def require_location(self, name: LocationName) -> None:
        """Raise unless the universe has a location."""
        if name.location not in self.setup.locations:
            there = ", ".join(self.setup.locations)
            raise not_found(f"Location {name} is not found; this universe has: {there}.")

    async def _found(self, kind: Kind[T], name: Any, noun: str) -> T:  # noqa: ANN401
        found = await self.tx.get(kind, *name.parts)
        if found is None:
            raise not_found(f"{noun} {name} not found.")
        return found

    def _put_due(self, when: int, name: VersionName) -> None:
        if when:
            self.tx.put(DUE, when, *name.parts, value=Due())

    def _drop_due(self, when: int, name: VersionName) -> None:
        if when:
            self.tx.delete(DUE, when, *name.parts)


def _not_empty(message: str) -> CloudError:
    """Return the refusal to delete what still holds something."""
    return CloudError(Code.FAILED_PRECONDITION, message, reason="NOT_EMPTY")
