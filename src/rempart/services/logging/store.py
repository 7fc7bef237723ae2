"""Cloud Logging's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from rempart.core.clock import Micros, World
from rempart.core.errors import already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.logging import outbox
from rempart.services.logging.kinds import (
    BUCKET,
    ROUTING,
    SEGMENT,
    Bucket,
    Routing,
    State,
    View,
)
from rempart.services.logging.model import config, names
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName, ViewName
from rempart.services.logging.model.routing import ALWAYS, GLOBAL, quota
from rempart.services.logging.projection import Projection
from rempart.services.logging.router import Router, container_resource
from rempart.services.logging.search import Query, Source, search
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

SERVICE = "logging.googleapis.com"
BUCKETS_MAX = 100
VIEWS_MAX = 30
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    sealed: SealedEngine
    router: Router
    projection: Projection
    regions: tuple[str, ...]
    system_domain: str
    world: World
    collectors: Mapping[str, tuple[str, ...]]
    """The syslog servers, each with the containers whose sinks may lead there."""


class LoggingStore:
    """Logs as one session sees them."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx

    # What policy is asked about, before there is a grant.

    async def container(self, name: str, field: str = "name") -> str:
        """Return what a name lies in, a project by its id."""
        found = names.container(name, field)
        noun, _, id_ = found.partition("/")
        project = await find_project(self.tx, id_) if noun == "projects" else None
        return f"projects/{project.id}" if project else found

    async def bucket_name(self, text: str, field: str = "name") -> BucketName:
        """Return the name of a log bucket, its project by its id."""
        name = names.bucket(text, field)
        return BucketName(await self.container(name.container, field), name.location, name.id)

    async def view_name(self, text: str, field: str = "name") -> ViewName:
        """Return the name of a view, its project by its id."""
        name = names.view(text, field)
        return ViewName(await self.bucket_name(str(name.bucket), field), name.id)

    async def resource(self, name: str) -> Resource:
        """Return the container of a name as policy sees it."""
        return container_resource(await self.container(name))

    async def view_resource(self, name: ViewName) -> Resource:
        """Return a view as policy sees it, there or not."""
        above = await self.resource(name.bucket.container)
        bucket = await self._bucket(name.bucket)
        view = config.views(name.bucket, bucket).get(name.id) if bucket else None
        return Resource(
            ResourceName(SERVICE, f"{SERVICE}/LogView", str(name)),
            above.project,
            (view.policy,) if view else (),
            above=container_of(above) if above.project is None else "",
        )

    # Entries.

    async def write(self, grant: Grant, entries: dict[str, list[Entry]]) -> None:
        """Write entries, given by container, to the buckets that its sinks name."""
        await self._write(self.tx, entries)

    async def write_at_once(self, grant: Grant, entries: dict[str, list[Entry]]) -> None:
        """Write entries before the call ends in an error; the intent of it is durable first."""
        await self.session.intend()
        tx = self.setup.sealed.transaction()
        await self._write(tx, entries)
        if tx.writes:
            await tx.commit()

    async def _write(self, tx: Transaction, entries: dict[str, list[Entry]]) -> None:
        world = self.setup.world
        for container, some in entries.items():
            placed = await self.setup.router.placed(container, some)
            outbox.put_all(tx, placed, self.now, world.random)

    async def search(
        self, grant: Grant, sources: Sequence[Source], query: Query
    ) -> tuple[list[Entry], bool]:
        """Return a page of entries, and whether there are more; audit logs up to this moment."""
        await self.setup.projection.catch_up()
        return await search(self.setup.sealed, sources, query)

    async def logs(self, grant: Grant, buckets: Iterable[BucketName]) -> set[str]:
        """Return the names of the logs that have entries in some buckets."""
        await self.setup.projection.catch_up()
        found: set[str] = set()
        for bucket in buckets:
            span = SEGMENT.under(bucket.container, bucket.location, bucket.id)
            async for one in scanned(self.setup.sealed, SEGMENT, span):
                found.update(one.value.logs)
        return found

    # Log buckets and views.

    async def _bucket(self, name: BucketName) -> Bucket | None:
        found = await self.tx.get(BUCKET, name.container, name.location, name.id)
        return found or config.standing(name)

    async def bucket(self, grant: Grant, name: BucketName) -> Bucket:
        """Return a log bucket; raises `not_found`."""
        found = await self._bucket(name)
        if found is None:
            raise not_found(f"Log bucket {name} not found.")
        return found

    async def buckets(
        self, grant: Grant, container: str, location: str = "-"
    ) -> list[tuple[BucketName, Bucket]]:
        """Return the log buckets of a container, in one location or all, by name."""
        always = [BucketName(container, GLOBAL, id_) for id_ in sorted(ALWAYS)]
        found = {name: bucket for name in always if (bucket := config.standing(name))}
        async for one in scanned(self.tx, BUCKET, BUCKET.under(container)):
            _, at, id_ = one.key[1:-1].decode().split("\x00")
            found[BucketName(container, at, id_)] = one.value
        return [
            (name, found[name])
            for name in sorted(found, key=str)
            if location in {"-", name.location}
        ]

    async def create_bucket(self, grant: Grant, name: BucketName, bucket: Bucket) -> None:
        """Store a new log bucket; raises `already_exists`."""
        if await self._bucket(name) is not None:
            raise already_exists(f"Log bucket {name} already exists.")
        if len(await self.buckets(grant, name.container)) >= BUCKETS_MAX:
            raise quota("log buckets", BUCKETS_MAX)
        self.put_bucket(grant, name, bucket)

    def put_bucket(self, grant: Grant, name: BucketName, bucket: Bucket) -> None:
        """Store a log bucket."""
        self.tx.put(BUCKET, name.container, name.location, name.id, value=bucket)

    async def view(self, grant: Grant, name: ViewName) -> View:
        """Return a view; raises `not_found`."""
        bucket = await self.bucket(grant, name.bucket)
        found = config.views(name.bucket, bucket).get(name.id)
        if found is None:
            raise not_found(f"View {name} not found.")
        return found

    async def put_view(self, grant: Grant, name: ViewName, view: View | None) -> None:
        """Store a view, or remove it."""
        bucket = config.in_use(await self.bucket(grant, name.bucket))
        kept = {id_: one for id_, one in bucket.views.items() if id_ != name.id}
        if view is not None:
            if len(kept) >= VIEWS_MAX:
                raise quota("views", VIEWS_MAX)
            kept[name.id] = view
        self.put_bucket(grant, name.bucket, replace(bucket, views=kept))

    async def set_view_policy(self, grant: Grant, name: ViewName, policy: Policy) -> None:
        """Store the policy of a view."""
        view = await self.view(grant, name)
        await self.put_view(grant, name, replace(view, policy=policy))

    # Sinks, exclusions and metrics.

    async def routing(self, grant: Grant, container: str) -> Routing:
        """Return how a container routes."""
        return await self.tx.get(ROUTING, container) or Routing()

    async def routed(self, grant: Grant, name: str) -> tuple[str, Routing]:
        """Return the container that a name lies in, and how it routes."""
        container = await self.container(name)
        return container, await self.routing(grant, container)

    def put_routing(self, grant: Grant, container: str, routing: Routing) -> None:
        """Store how a container routes."""
        self.tx.put(ROUTING, container, value=routing)

    async def writer(self, grant: Grant, container: str) -> str:
        """Return whom the sinks of a container write as, as a member."""
        noun, _, id_ = container.partition("/")
        if noun == "projects":
            project = await find_project(self.tx, id_)
            id_ = project.number if project else id_
        kind = {"folders": "folder-", "organizations": "org-"}.get(noun, "")
        email = f"service-{kind}{id_}@gcp-sa-logging.{self.setup.system_domain}"
        return f"serviceAccount:{email}"

    # What every method asks.

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.session.call.time

    def etag(self) -> str:
        """Return a fresh entity tag."""
        return new_etag(self.setup.world.random)

    def insert_id(self, at: int) -> str:
        """Return an id for an entry of a request that came without one.

        Entries of the same time are in the order of their ids: in that in which they were written.
        """
        return f"{self.now:013x}{at:04x}{self.setup.world.random(_ID_BYTES).hex()}"


def active(found: Iterable[tuple[BucketName, Bucket]]) -> list[BucketName]:
    """Return the buckets that are in use."""
    return [name for name, bucket in found if bucket.state is State.ACTIVE]
