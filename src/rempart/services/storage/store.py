"""Cloud Storage's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.names import BucketName, ObjectName, ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.engine.seam import PayloadId, Span
from rempart.services.resourcemanager.tags.release import release
from rempart.services.storage import policy_view
from rempart.services.storage.contents import Contents
from rempart.services.storage.customer_keys import CustomerKeys
from rempart.services.storage.generations import Generations
from rempart.services.storage.kinds import (
    BUCKET,
    BUCKET_OF_PROJECT,
    CUSTOMER_BUCKET_KEY,
    LIVE,
    MANAGED_FOLDER,
    NONCURRENT,
    BucketOfProject,
    ManagedFolder,
)
from rempart.services.storage.model import acl, names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Content, Object, refuse_if_kept
from rempart.services.storage.policy_view import SERVICE
from rempart.services.storage.references import drop, hold
from rempart.services.storage.sessions import SessionDigests
from rempart.trust.custody.kind import Found
from rempart.trust.policy.hierarchy import Project
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

AGENTS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    contents: Contents
    regions: tuple[str, ...]
    world: World
    generations: Generations
    digests: SessionDigests
    system_domain: str
    customer_keys: CustomerKeys


class StorageStore:
    """The documents of Cloud Storage as one session sees them."""

    __slots__ = ("_bucket", "session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx
        self._bucket: Bucket | None = None

    # Resources: what policy is asked about, before there is a grant.

    async def bucket_resource(self, name: str) -> Resource:
        """Return a bucket as policy sees it; raises `not_found`."""
        return self.resource_of(await self.find_bucket(name))

    async def find_bucket(self, name: str) -> Bucket:
        """Return a bucket; raises `not_found`. Bucket names are public, as they are in Google."""
        if self._bucket is not None and self._bucket.name == name:
            return self._bucket
        bucket = await self.tx.get(BUCKET, names.bucket_name(name))
        if bucket is None:
            raise not_found("The specified bucket does not exist.")
        self._bucket = bucket
        return bucket

    def resource_of(self, bucket: Bucket) -> Resource:
        """Return a bucket as policy sees it."""
        return policy_view.bucket_resource(bucket)

    async def object_resource(
        self, bucket: Bucket, name: str, found: Object | None = None
    ) -> Resource:
        """Return an object as policy sees it: its ACL, the managed folders above it, its bucket."""
        return await policy_view.object_resource(self.tx, bucket, name, found)

    async def project_resource(self, project: str) -> Resource:
        """Return a project as policy sees it, whether or not it is there."""
        found = await self.peek_project(project)
        id_ = found.id if found else ProjectId(project)
        return Resource(
            ResourceName(
                "cloudresourcemanager.googleapis.com",
                "cloudresourcemanager.googleapis.com/Project",
                f"projects/{id_}",
            ),
            id_,
        )

    # Buckets.

    async def project(self, grant: Grant, project: str) -> Project:
        """Return a project by its id or its number; raises `not_found`."""
        found = await self.peek_project(project)
        if found is None:
            raise not_found(f"The project {project} does not exist.")
        return found

    async def peek_project(self, project: str) -> Project | None:
        """Return a project for policy to look at, by its id or its number, or None."""
        return await find_project(self.tx, project)

    async def create_bucket(self, grant: Grant, bucket: Bucket) -> None:
        """Store a new bucket; raises `already_exists`."""
        if await self.tx.get(BUCKET, bucket.name) is not None:
            raise already_exists(
                "The requested bucket name is not available: another bucket has it."
            )
        self.tx.put(BUCKET, bucket.name, value=bucket)
        self.tx.put(
            BUCKET_OF_PROJECT, bucket.project, bucket.name, value=BucketOfProject(bucket.created)
        )

    def update_bucket(self, grant: Grant, bucket: Bucket) -> None:
        """Store a changed bucket."""
        self._bucket = None
        self.tx.put(BUCKET, bucket.name, value=bucket)

    async def delete_bucket(self, grant: Grant, bucket: Bucket) -> None:
        """Remove a bucket that holds no object of any generation."""
        spans = (LIVE.under(bucket.id), NONCURRENT.under(bucket.id))
        for kind, span in zip((LIVE, NONCURRENT), spans, strict=True):
            if await self.tx.scan(kind, span, limit=1):
                raise CloudError(
                    Code.ALREADY_EXISTS,
                    "The bucket you tried to delete is not empty.",
                    reason="conflict",
                )
            self.tx.expect_empty(span)
        for folder in await self.tx.scan(
            MANAGED_FOLDER, MANAGED_FOLDER.under(bucket.id), limit=10_000
        ):
            self.tx.delete(MANAGED_FOLDER, bucket.id, folder.value.name)
        for key in await self.tx.scan(
            CUSTOMER_BUCKET_KEY, CUSTOMER_BUCKET_KEY.under(bucket.id), limit=10_000
        ):
            self.tx.delete(CUSTOMER_BUCKET_KEY, bucket.id, key.id)
        await release(self.tx, f"//{SERVICE}/projects/_/buckets/{bucket.name}")
        self.tx.delete(BUCKET, bucket.name)
        self.tx.delete(BUCKET_OF_PROJECT, bucket.project, bucket.name)

    async def buckets_of(
        self, grant: Grant, project: str, prefix: str, after: str, limit: int
    ) -> list[BucketName]:
        """Return names of a project's buckets after a name, in order."""
        span = BUCKET_OF_PROJECT.under(project, prefix=prefix)
        if after:
            start = BUCKET_OF_PROJECT.key(project, after) + b"\x00"
            span = Span(type(span.start)(max(span.start, start)), span.end)
        found = await self.tx.scan(BUCKET_OF_PROJECT, span, limit=limit)
        return [BucketName(one.id) for one in found]

    # Objects.

    async def live(self, grant: Grant, bucket: Bucket, name: ObjectName) -> Object | None:
        """Return the live generation of an object, or None."""
        return await self.peek(bucket, name)

    async def peek(self, bucket: Bucket, name: str, generation: int | None = None) -> Object | None:
        """Return a generation for policy to look at its ACL: the live one unless one is named."""
        live = await self.tx.get(LIVE, bucket.id, name)
        if generation is None or (live is not None and live.generation == generation):
            return live
        return await self.tx.get(NONCURRENT, bucket.id, name, generation)

    async def generation(
        self, grant: Grant, bucket: Bucket, name: ObjectName, generation: int | None
    ) -> Object:
        """Return a generation of an object; raises `not_found`."""
        found = await self.peek(bucket, name, generation)
        if found is None:
            raise not_found(f"No such object: {bucket.name}/{name}")
        return found

    async def publish(self, grant: Grant, bucket: Bucket, new: Object, old: Object | None) -> None:
        """Make a generation the live one; the old one becomes noncurrent, or goes.

        The new one takes hold of its blobs first: both may share them.
        """
        for blob in new.content.blobs:
            await hold(self.tx, blob)
        if old is not None:
            await self.retire(grant, bucket, old)
        self.tx.put(LIVE, bucket.id, new.name, value=new)

    def update_object(self, grant: Grant, bucket: Bucket, changed: Object) -> None:
        """Store changed metadata of a generation."""
        if changed.deleted:
            self.tx.put(NONCURRENT, bucket.id, changed.name, changed.generation, value=changed)
        else:
            self.tx.put(LIVE, bucket.id, changed.name, value=changed)

    async def retire(self, grant: Grant, bucket: Bucket, old: Object) -> None:
        """Take a live generation away: to the noncurrent ones where versioning is on."""
        if not bucket.versioning:
            await self.erase(grant, bucket, old)
            return
        gone = replace(old, deleted=self.now)
        self.tx.delete(LIVE, bucket.id, old.name)
        self.tx.put(NONCURRENT, bucket.id, old.name, old.generation, value=gone)

    async def erase(self, grant: Grant, bucket: Bucket, old: Object) -> None:
        """Remove a generation and what only it holds; raises where it must be kept."""
        refuse_if_kept(old, bucket, self.now)
        if old.deleted:
            self.tx.delete(NONCURRENT, bucket.id, old.name, old.generation)
        else:
            self.tx.delete(LIVE, bucket.id, old.name)
        await self.release(old.content)

    async def release(self, content: Content) -> None:
        """Let go of a content's bytes."""
        if content.payload:
            self.tx.delete_payload(PayloadId(content.payload))
        for blob in content.blobs:
            await drop(self.tx, blob)

    async def scan_live(
        self, grant: Grant, bucket: Bucket, span: Span, limit: int
    ) -> list[Found[Object]]:
        """Return live generations of a span, by name."""
        return await self.tx.scan(LIVE, span, limit=limit)

    async def scan_noncurrent(
        self, grant: Grant, bucket: Bucket, span: Span, limit: int
    ) -> list[Found[Object]]:
        """Return noncurrent generations of a span, by name and generation."""
        return await self.tx.scan(NONCURRENT, span, limit=limit)

    # Managed folders.

    async def managed_folder(self, bucket: Bucket, name: str) -> ManagedFolder:
        """Return a managed folder; raises `not_found`."""
        found = await self.tx.get(MANAGED_FOLDER, bucket.id, name)
        if found is None:
            raise not_found(f"The managed folder {bucket.name}/{name} does not exist.")
        return found

    def put_managed_folder(self, grant: Grant, bucket: Bucket, folder: ManagedFolder) -> None:
        """Store a managed folder."""
        self.tx.put(MANAGED_FOLDER, bucket.id, folder.name, value=folder)

    def delete_managed_folder(self, grant: Grant, bucket: Bucket, name: str) -> None:
        """Remove a managed folder."""
        self.tx.delete(MANAGED_FOLDER, bucket.id, name)

    # What every method asks.

    def policy_etag(self) -> str:
        """Return a fresh entity tag for a policy."""
        return new_etag(self.setup.world.random)

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()

    @property
    def entity(self) -> str:
        """Return the caller as ACLs name it."""
        return acl.user_entity(self.session.authority.principal)

    async def bucket_of(self, call: Call) -> Bucket:
        """Return the bucket that a call's path names."""
        return await self.find_bucket(call.path.get("bucket") or call.path["destinationBucket"])

    def next_generation(self, live: Object | None) -> int:
        """Return a generation number above every one that this object had as live."""
        return self.setup.generations.next(live.generation if live else 0)

    def agent(self, number: str) -> Principal:
        """Return the service agent of Cloud Storage in a project, by the project's number."""
        return _agent(number, self.setup.system_domain)


@lru_cache(maxsize=AGENTS_MAX)
def _agent(number: str, domain: str) -> Principal:
    email = f"service-{number}@gs-project-accounts.{domain}"
    return Principal(Member(f"serviceAccount:{email}"), email, f"gs-{number}", None)
