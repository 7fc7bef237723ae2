"""Measures a decision with 10,000 bindings in the chain above a resource.

Run as `python -m bench.policy`; its row is in docs/performance.md. The chain is an organization,
ten folders, a project and a bucket. One binding in ten is conditional, one in ten of a custom role;
100 deny rules and 20 boundaries stand beside them. Callers are drawn from the members, and one in
four is in no binding at all; each is asked about permissions that it has and that it has not. Times
are of the processor: on a shared machine a clock on the wall measures the neighbours.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

from rempart.core.clock import Micros, World
from rempart.core.names import FolderId, OrganizationId, ProjectId, ProjectNumber, ResourceName
from rempart.core.policy import Binding, Condition, Policy, Resource
from rempart.core.principal import Member, Principal
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    POLICY_BINDINGS,
    BoundaryPolicy,
    BoundaryRule,
    PolicyBinding,
)
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.deny import DENY_POLICIES, DenyPolicy, DenyRule
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)

BINDINGS = 10_000
FOLDER_LEVELS = 10
LEVELS = FOLDER_LEVELS + 3
MEMBERS = 2_000
QUESTIONS = 100_000
ROLES = 100
DENY_RULES = 100
BOUNDARIES = 20
GOAL_MICROS = 100

PROJECT = ProjectId("bench:p")
PREDEFINED = ("roles/storage.objectViewer", "roles/storage.objectCreator", "roles/cloudkms.viewer")
PERMISSIONS = ("storage.objects.get", "storage.objects.create", "cloudkms.cryptoKeys.get")
STORAGE = "storage.googleapis.com"
BUCKET = "projects/_/buckets/b"
NOW = Micros(1_800_000_000_000_000)
_MANAGER = "//cloudresourcemanager.googleapis.com"


class Chain:
    """A hierarchy whose every level has its share of the bindings."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def caller(self, index: int) -> Principal:
        """Return a service account; those from MEMBERS on are in no binding."""
        email = f"a{index}@p.bench.iam.gserviceaccount.com"
        return Principal(Member(f"serviceAccount:{email}"), email, str(index), PROJECT)

    def policy(self) -> Policy:
        """Return a level's share of the bindings, each with one member."""
        return Policy(tuple(self.binding(number) for number in range(BINDINGS // LEVELS)), "e", 3)

    def binding(self, number: int) -> Binding:
        """Return a binding: every tenth conditional, every tenth of a custom role."""
        member = self.caller(self.random.randrange(MEMBERS)).member
        role = self.random.choice(PREDEFINED)
        if number % 10 == 1:
            role = f"organizations/1/roles/r{self.random.randrange(ROLES)}"
        if number % 10:
            return Binding(role, (member,))
        text = f'resource.name.startsWith("{BUCKET}/objects/{self.random.randrange(100)}")'
        return Binding(role, (member,), Condition(text, "t"))

    def write(self, tx: Transaction) -> None:
        """Write the levels, roles, deny rules and boundaries."""
        above = "organizations/1"
        top = Organization(OrganizationId("1"), "o", NOW, self.policy())
        tx.put(ORGANIZATIONS, "1", value=top)
        for number in range(2, FOLDER_LEVELS + 2):
            folder = Folder(FolderId(str(number)), "f", above, NOW, self.policy())
            tx.put(FOLDERS, str(number), value=folder)
            above = f"folders/{number}"
        project = Project(PROJECT, ProjectNumber("99"), "p", above, NOW, policy=self.policy())
        tx.put(PROJECTS, PROJECT, value=project)
        for number in range(ROLES):
            carried = frozenset((self.random.choice(PERMISSIONS),))
            role = CustomRole(permissions=carried, created=NOW)
            tx.put(CUSTOM_ROLES, "organizations", "1", f"r{number}", value=role)
        self._restrict(tx)

    def _restrict(self, tx: Transaction) -> None:
        rules = tuple(
            DenyRule(
                principals=(f"principal://goog/subject/u{number}@example.com",),
                permissions=("storage.googleapis.com/*.*",),
            )
            for number in range(DENY_RULES)
        )
        deny = DenyPolicy(uid="u", etag="e", created=NOW, updated=NOW, rules=rules)
        tx.put(DENY_POLICIES, "organizations", "1", "d", value=deny)
        rule = BoundaryRule((), ("organizations/1",))
        for number in range(BOUNDARIES):
            id_, at = str(number), {"uid": "u", "etag": "e", "created": NOW, "updated": NOW}
            boundary = BoundaryPolicy(version="1", rules=(rule,), **at)  # type: ignore[arg-type]
            tx.put(BOUNDARY_POLICIES, "1", id_, value=boundary)
            binding = PolicyBinding(
                target=f"{_MANAGER}/organizations/1"
                if number == 0
                else f"{_MANAGER}/folders/{id_}0",
                organization="1",
                policy=id_,
                policy_uid="u",
                **at,  # type: ignore[arg-type]
            )
            tx.put(POLICY_BINDINGS, "organizations", "1", id_, value=binding)


async def measure(data: Path) -> tuple[list[float], float, float]:
    """Return each decision's microseconds in order, the first one's milliseconds, and who may."""
    engine = EmbeddedEngine.open(data, b"k" * 32, on_fenced=lambda _reason: None)
    try:
        sealed = SealedEngine(engine, key=b"r" * 32, random=World().random)
        chain, tx = Chain(1), sealed.transaction()
        chain.write(tx)
        await tx.commit()
        decision = PolicyDecision(sealed, World())
        begun = time.perf_counter()
        own = chain.policy()
        callers = [chain.caller(index) for index in range(MEMBERS * 4 // 3)]
        await _ask(decision, chain, callers[-1], own)
        first = (time.perf_counter() - begun) * 1000
        taken, granted = [], 0
        for _ in range(QUESTIONS):
            caller = chain.random.choice(callers)
            micros, yes = await _ask(decision, chain, caller, own)
            taken.append(micros)
            granted += yes
        return sorted(taken), first, granted / QUESTIONS
    finally:
        await engine.close()


async def _ask(
    decision: PolicyDecision, chain: Chain, caller: Principal, own: Policy
) -> tuple[float, bool]:
    name = f"{BUCKET}/objects/{chain.random.randrange(100)}/o"
    resource = Resource(ResourceName(STORAGE, f"{STORAGE}/Object", name), PROJECT, (own,))
    permission = chain.random.choice(PERMISSIONS)
    begun = time.thread_time_ns()
    granted = await decision.allowed(caller, permission, resource, time=NOW)
    return (time.thread_time_ns() - begun) / 1000, granted


def main() -> None:
    """Print the row."""
    with tempfile.TemporaryDirectory() as data:
        taken, first, share = asyncio.run(measure(Path(data)))
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    print(f"a decision with {BINDINGS:,} bindings in the chain, {QUESTIONS:,} times:")
    print(f"  median {p50:.0f} µs, 99th percentile {p99:.0f} µs (goal {GOAL_MICROS}),", end=" ")
    print(f"longest {taken[-1]:.0f} µs; {share:.0%} granted; the first took {first:.0f} ms")


if __name__ == "__main__":
    main()
