"""Routes entries to the log buckets they belong in, by the sinks of their container and above."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rempart.core.clock import World
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.services.logging.kinds import BUCKET, ROUTING, Routing, State
from rempart.services.logging.model.destination import Outbox, destination
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.routing import ALWAYS, GLOBAL, Route, routes, written_by
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.hierarchy import level_name, levels

MANAGER = "cloudresourcemanager.googleapis.com"
_NOUNS = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}
_WRITE = "logging.buckets.write"
Place = BucketName | Outbox


def container_resource(container: str) -> Resource:
    """Return a project, folder or organization as policy sees it, there or not."""
    noun, _, id_ = container.partition("/")
    name = ResourceName(MANAGER, f"{MANAGER}/{_NOUNS[noun]}", container)
    return Resource(name, ProjectId(id_) if noun == "projects" else None)


@dataclass(frozen=True, slots=True)
class Router:
    """Knows the sinks; asks policy where one leads into another's log bucket."""

    sealed: SealedEngine
    decision: PolicyDecision
    world: World

    async def placed(self, container: str, entries: Sequence[Entry]) -> dict[Place, list[Entry]]:
        """Return entries of a container by the log bucket or outbox that each goes to.

        What a sink's own writer did by writing is not for that sink: it would never end.
        """
        chain = await self._chain(container)
        placed: defaultdict[Place, list[Entry]] = defaultdict(list)
        for route, taken in routes(chain, entries):
            target, writer = await self._target(route), route.sink.writer
            waits = isinstance(target, Outbox)
            others = [one for one in taken if not (waits and written_by(one, writer))]
            if others:
                placed[target] += others
        return placed

    async def _chain(self, container: str) -> list[tuple[str, Routing]]:
        above = [level_name(one) for one in await levels(self.sealed, container)]
        names = above or [container]
        return [(name, await self._routing(name)) for name in names]

    async def _routing(self, container: str) -> Routing:
        found = await self.sealed.find(ROUTING, ROUTING.key(container))
        return found.value if found else Routing()

    async def _in_use(self, target: BucketName) -> bool:
        found = await self.sealed.find(
            BUCKET, BUCKET.key(target.container, target.location, target.id)
        )
        if found is None:
            return target.location == GLOBAL and target.id in ALWAYS
        return found.value.state is State.ACTIVE

    async def _target(self, route: Route) -> Place:
        """Return where a route leads: a bucket that is open to it, or where entries wait."""
        target = destination(route.sink.destination)
        if isinstance(target, BucketName) and await self.open(route, target):
            return target
        return Outbox(route.container, route.sink.name)

    async def open(self, route: Route, target: BucketName) -> bool:
        """Tell whether a log bucket is there and a route's writer may write to it."""
        if not await self._in_use(target):
            return False
        if target.container == route.container:
            return True
        email = route.sink.writer.removeprefix("serviceAccount:")
        writer = Principal(Member(route.sink.writer), email, email, None)
        resource = container_resource(target.container)
        return await self.decision.allowed(writer, _WRITE, resource, time=self.world.clock())
