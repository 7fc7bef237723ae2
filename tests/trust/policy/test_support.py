"""Support access: what an approval covers, and that no call slips past one that is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rempart.app.guards import support_of
from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.grant import Approved
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.trust.policy.roles import PERMISSIONS
from rempart.trust.policy.sovereignty.actions import ELEVATION, KEYS, TRACE, classes
from rempart.trust.policy.sovereignty.rules import parse_rules, read_rules
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.support.documents import OF_STAFF, REQUEST, TALLY, Asked, Request
from rempart.trust.policy.support.guard import SupportGuard
from rempart.trust.policy.support.rules import (
    Sought,
    State,
    covers,
    permits,
    refused_before,
    state,
    under,
)
from rempart.trust.policy.watched import Watched
from rempart.trust.witness.leaf import FEED, decode
from support import staffed
from support.guards import asked, bucket, caller, hierarchy
from support.worlds import START, TestUniverse, call

ADA = "user:ada@exploitant.test"
HOUR = 3_600_000_000
BUCKET = "projects/_/buckets/b"
REQUESTED = Request(
    container="projects/lab:one",
    scope=f"{BUCKET}/objects/logs",
    principal=ADA,
    person="Ada Martin",
    employer=staffed.ENTITY,
    office="FR",
    residence="BE",
    reason="CUSTOMER_INITIATED_SUPPORT",
    detail="it does not open",
    case="c-1",
    services=("storage",),
    requested=START,
    begins=START,
    expires=START + HOUR,
)
ACTIVE = replace(REQUESTED, approved=START, until=START + HOUR)
SOUGHT = Sought(
    ADA,
    "storage.objects.get",
    "storage",
    f"{BUCKET}/objects/logs/today",
    "projects/lab:one",
    Access.READ,
    START,
)

# What an approval covers.


def test_an_approval_in_force_covers_what_it_names() -> None:
    assert covers(ACTIVE, SOUGHT)
    assert covers(replace(ACTIVE, scope="projects/lab:one"), SOUGHT)


@pytest.mark.parametrize(
    "other",
    [
        {"principal": "user:bob@exploitant.test"},
        {"service": "cloudkms"},
        {"resource": f"{BUCKET}/objects/letters"},
        {"resource": f"{BUCKET}/objects/logsheet"},
        {"resource": BUCKET},
        {"container": "projects/lab:two"},
        {"permission": "storage.objects.delete"},
        {"access": Access.WRITE},
        {"time": START - 1},
        {"time": START + HOUR},
    ],
)
def test_it_covers_nothing_else(other: dict[str, Any]) -> None:
    assert not covers(ACTIVE, replace(SOUGHT, **other))


@pytest.mark.parametrize(
    "other",
    [
        {"approved": 0},
        {"invalidated": START},
        {"dismissed": START},
        {"until": START},
        {"begins": START + 1},
    ],
)
def test_an_approval_that_is_not_in_force_covers_nothing(other: dict[str, Any]) -> None:
    assert not covers(replace(ACTIVE, **other), SOUGHT)


def test_an_approval_of_a_folder_is_of_the_folder_itself() -> None:
    request = replace(ACTIVE, container="folders/5", scope="folders/5", services=("orgpolicy",))
    sought = replace(
        SOUGHT, container="folders/5", service="orgpolicy", permission="orgpolicy.policy.get"
    )
    assert covers(request, replace(sought, resource="folders/5"))
    assert not covers(request, replace(sought, resource="folders/5/policies/x"))


@given(st.sampled_from(sorted(PERMISSIONS)), st.sampled_from(Access), st.booleans())
def test_no_approval_gives_rights_keys_traces_or_approvals(
    permission: str, access: Access, writes: bool
) -> None:
    given = permits(permission, access, writes=writes)
    if permission.startswith("accessapproval.") or {ELEVATION, KEYS, TRACE} & set(
        classes(permission, access)
    ):
        assert not given
    if given and not writes:
        assert access is Access.READ


@given(st.text("ab/", max_size=6), st.text("ab/", max_size=6))
def test_scopes_go_by_whole_segments(scope: str, resource: str) -> None:
    segments = scope.rstrip("/").split("/")
    assert under(scope, resource) == (resource.split("/")[: len(segments)] == segments)


@given(
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)
)
def test_a_request_stands_in_one_place_and_never_comes_back_to_life(
    approved: int, until: int, dismissed: int, invalidated: int, now: int
) -> None:
    request = replace(
        REQUESTED,
        expires=3,
        approved=approved,
        until=until,
        dismissed=dismissed,
        invalidated=invalidated,
    )
    if state(request, now) is not State.ACTIVE and (approved or now >= 3 or dismissed):
        assert state(request, now + 1) is not State.ACTIVE


def test_a_dismissal_is_of_the_same_thing_in_the_same_case() -> None:
    said_no = replace(REQUESTED, dismissed=START)
    assert refused_before(said_no, REQUESTED)
    assert refused_before(said_no, replace(REQUESTED, scope="projects/lab:one"))
    assert refused_before(said_no, replace(REQUESTED, scope=BUCKET))
    assert not refused_before(said_no, replace(REQUESTED, scope=f"{BUCKET}/objects/letters"))
    assert not refused_before(said_no, replace(REQUESTED, case="c-2"))
    assert not refused_before(replace(said_no, withdrawn=START), REQUESTED)
    assert not refused_before(REQUESTED, REQUESTED)


def test_breaking_glass_takes_two_officers_at_least() -> None:
    text = staffed.rules("projects/lab:three")
    assert parse_rules(text).break_glass is not None
    with pytest.raises(ValueError, match="officers"):
        parse_rules(text.replace("officers = 2", "officers = 1"))


# Who is let in, and the record of it.


class Stand:
    """A universe with a hierarchy, an operator who owns one project, and a request of Ada's."""

    def __init__(self, data: Path, *, own: str = "projects/lab:three") -> None:
        (data / "sovereignty.toml").write_text(staffed.rules(own))
        self.universe = TestUniverse()
        rules = Watched(data / "sovereignty.toml", read_rules, "rules")
        self.access: SupportAccess = support_of(
            self.universe.sealed, Staff(rules, None), self.universe.world
        )
        self.guard = SupportGuard(self.access)

    async def put(self, request: Request, id_: str = "r") -> None:
        tx = self.universe.sealed.transaction()
        tx.put(REQUEST, request.container, id_, value=request)
        tx.put(OF_STAFF, request.principal, request.container, id_, value=Asked())
        await tx.commit()

    async def approved(self, member: str = ADA, resource: Resource | None = None) -> Approved:
        where = resource or object_of("lab:one")
        found = await self.access.approved(
            caller(member), "storage.objects.get", where, call(), Access.READ
        )
        assert found is not None
        return found

    async def enter(self, approved: Approved, request_id: str = "r") -> None:
        made = replace(call(), request_id=request_id)
        resource = object_of("lab:one")
        await self.access.enter(approved, made, "storage.objects.get", resource, Access.READ)

    async def calls(self) -> int:
        found = await self.universe.sealed.find(TALLY, TALLY.key("projects/lab:one", "r"))
        return found.value.calls if found else 0


def object_of(project: str) -> Resource:
    where = bucket(project)
    return replace(where, name=replace(where.name, name=f"{BUCKET}/objects/logs/today"))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_staff_are_refused_at_customers_and_not_at_home(stand: Stand) -> None:
    async def told() -> None:
        await hierarchy(stand.universe)
        await stand.guard.check(asked(project="lab:three", member=ADA))
        await stand.guard.check(asked(member="user:carla@customer.test"))
        for project in ("lab:one", "lab:two", "lab:orphan", "lab:absent"):
            with pytest.raises(CloudError, match="approval"):
                await stand.guard.check(asked(project=project, member=ADA))

    run(told())


def test_an_agent_does_for_staff_what_their_approval_lets_in(stand: Stand) -> None:
    async def told() -> None:
        await hierarchy(stand.universe)
        agent = replace(asked(), behind=caller(ADA))
        with pytest.raises(CloudError, match="approval"):
            await stand.guard.check(agent)
        await stand.put(ACTIVE)
        await stand.guard.check(replace(agent, approved=await stand.approved()))
        await stand.guard.check(replace(agent, behind=caller("user:carla@customer.test")))

    run(told())


def test_each_call_is_counted_and_recorded_however_many_come_at_once(stand: Stand) -> None:
    async def told() -> None:
        await hierarchy(stand.universe)
        await stand.put(ACTIVE)
        approved = await stand.approved()
        for _ in range(3):
            await asyncio.gather(*(stand.enter(approved) for _ in range(3)))
        assert await stand.calls() == 9
        entries = await stand.universe.sealed.entries(FEED, 0, limit=100)
        leaves = [decode(one.content) for one in entries]
        assert {one.approval for one in leaves} == {approved.name}
        assert len(leaves) == 9

    run(told())


def test_an_approval_that_was_taken_back_lets_nobody_in_who_was_on_the_way(stand: Stand) -> None:
    async def told() -> None:
        await hierarchy(stand.universe)
        await stand.put(ACTIVE)
        approved = await stand.approved()
        await stand.put(replace(ACTIVE, invalidated=START))
        with pytest.raises(CloudError, match="is over"):
            await stand.enter(approved)
        assert await stand.calls() == 0
        seek = stand.access.approved
        where = object_of("lab:one")
        found = await seek(caller(ADA), "storage.objects.get", where, call(), Access.READ)
        assert found is None

    run(told())


@pytest.mark.parametrize("how", ["invalidated", "expired"])
def test_an_answer_on_its_way_is_cut(stand: Stand, how: str) -> None:
    async def told() -> None:
        await hierarchy(stand.universe)
        await stand.put(ACTIVE)
        approved = await stand.approved()

        async def pieces() -> AsyncIterator[bytes]:
            for one in (b"a", b"b", b"c"):
                yield one

        async def serve(_: Call) -> Reply:
            await stand.enter(approved, "streamed")
            return Reply(stream=pieces())

        reply = await stand.access.watched(serve)(replace(call(), request_id="streamed"))
        assert reply.stream is not None
        assert await anext(reply.stream) == b"a"
        assert stand.access.sending(approved.name) == 1
        if how == "invalidated":
            await stand.put(replace(ACTIVE, invalidated=START))
        else:
            stand.universe.clock.advance(3600)
        with pytest.raises(CloudError, match="is over"):
            await anext(reply.stream)
        assert stand.access.sending(approved.name) == 0

    run(told())


def test_without_rules_there_are_no_staff(tmp_path: Path) -> None:
    universe = TestUniverse()
    staff = Staff(Watched(None, read_rules, "rules"), None)
    guard = SupportGuard(support_of(universe.sealed, staff, universe.world))
    run(guard.check(asked(member=ADA)))
    assert staff.absent(Micros(START))
    assert run(staff.rules(Micros(START))) is None
