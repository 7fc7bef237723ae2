"""The universe's own log becomes audit logs: each leaf once, whatever happens in between."""

from __future__ import annotations

from typing import Any

from rempart.core.clock import Micros, World
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.projection import Projection
from rempart.services.logging.query.tree import Everything
from rempart.services.logging.router import Router
from rempart.services.logging.search import Query, Source, search
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.witness.leaf import FEED, Leaf, encode
from support.memory_engine import MemoryEngine

CONTAINER = "projects/lab:demo"


class Universe:
    """A log, and what makes audit logs of it."""

    def __init__(self) -> None:
        self.world = World(lambda: Micros(1_790_000_000_000_000))
        self.sealed = SealedEngine(MemoryEngine(), key=bytes(32), random=self.world.random)

    @property
    def projection(self) -> Projection:
        """Return one that begins, as after a start."""
        decision = PolicyDecision(self.sealed, self.world)
        router = Router(self.sealed, decision, self.world)
        return Projection(self.sealed, router, self.world)

    async def append(self, *leaves: Leaf) -> None:
        tx = self.sealed.transaction()
        for one in leaves:
            tx.append(FEED, encode(one))
        await tx.commit()

    async def found(self, bucket: str) -> list[str]:
        """Return the methods, or names of the types, of a bucket's entries."""
        source = Source(BucketName(CONTAINER, "global", bucket), Everything())
        query = Query(Everything(), newest_first=False, size=1000)
        entries, _ = await search(self.sealed, [source], query)
        return [_name(one.document) for one in entries]


def _name(document: dict[str, Any]) -> str:
    payload = document.get("protoPayload") or document["jsonPayload"]
    return str(payload.get("methodName", payload["@type"].rpartition(".")[2]))


def leaf(time: int, **changes: Any) -> Leaf:
    given = {
        "kind": "outcome",
        "request": "r",
        "service": "storage",
        "method": f"m{time}",
        "permission": "storage.buckets.create",
        "access": "ADMIN_WRITE",
        "principal": "user:eve@example.test",
        "resource": CONTAINER,
        "container": CONTAINER,
    }
    return Leaf(**{**given, **changes, "time": time})


async def test_each_leaf_becomes_one_entry_in_the_bucket_of_its_log() -> None:
    universe = Universe()
    reads = {"kind": "use", "access": "DATA_READ"}
    await universe.append(leaf(1), leaf(2, kind="intent"), leaf(3, container=""), leaf(4, **reads))
    approval = f"{CONTAINER}/approvalRequests/a"
    await universe.append(leaf(5, **{**reads, "kind": "support"}, approval=approval))
    projection = universe.projection
    await projection.catch_up()
    await projection.catch_up()
    assert await universe.found("_Required") == ["m1", "TransparencyLog"]
    assert await universe.found("_Default") == ["m4"]


async def test_after_a_start_it_goes_on_where_it_was() -> None:
    universe = Universe()
    await universe.append(leaf(1))
    await universe.projection.catch_up()
    await universe.append(leaf(2))
    await universe.projection.catch_up()
    assert await universe.found("_Required") == ["m1", "m2"]


async def test_two_that_run_at_once_make_no_entry_twice() -> None:
    universe = Universe()
    first, second = universe.projection, universe.projection
    await universe.append(*(leaf(time) for time in range(1, 10)))
    await first.catch_up()
    await second.catch_up()
    assert await universe.found("_Required") == [f"m{time}" for time in range(1, 10)]
