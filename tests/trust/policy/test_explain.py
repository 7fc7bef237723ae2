"""Explanations never disagree with decisions, and name what settles them."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.apis import APIS_OFF, APIsOff, DisabledAPIs
from rempart.trust.policy.explain import Explanation, Truth, explain
from rempart.trust.policy.guard import Question
from support.clouds import DEMO, TIME, Cloud, an_object, bind, bucket, policy, robot

from .test_reference import CHANGE_EVERY, Pair

FULL = os.environ.get("REMPART_FAULTS", "") in {"full", "all"}
CLOUDS = 1000 if FULL else 30
QUESTIONS = 60
ANNA, GET = robot("anna"), "storage.objects.get"


async def explained(cloud: Cloud, who: Principal, permission: str, on: Resource) -> Explanation:
    return await explain(cloud.decision, Question(who, permission, on, TIME))


@pytest.mark.parametrize("block", range(5))
async def test_an_explanation_and_the_decision_never_disagree(block: int) -> None:
    for seed in range(block, CLOUDS, 5):
        pair = Pair(seed)
        await pair.build()
        for number in range(QUESTIONS):
            if number % CHANGE_EVERY == 0:
                await pair.change()
            plain, who, target = pair.question()
            decided = await pair.cloud.decision.allowed(who, plain.permission, target, time=TIME)
            told = await explained(pair.cloud, who, plain.permission, target)
            assert told.allowed is decided, (seed, number, plain)


async def test_each_binding_says_why_it_does_not_grant() -> None:
    cloud = await Cloud().build(
        demo=policy(
            bind("roles/storage.objectViewer", ANNA.member, "user:bob@example.com", when="false"),
            bind("roles/storage.objectViewer", ANNA.member, when="resource['nope'] == 1"),
            bind("roles/storage.objectCreator", ANNA.member),
            bind("roles/storage.objectViewer", "user:bob@example.com"),
        )
    )
    told = await explained(cloud, ANNA, GET, an_object(bucket()))
    assert not told.allowed
    [_, project, *_] = told.policies
    assert project.level == "projects/lab:demo"
    false, unknown, role, member = project.bindings
    assert (false.carries, false.named, false.condition) == (True, True, Truth.FALSE)
    assert false.members == {ANNA.member: True, "user:bob@example.com": False}
    assert unknown.condition is Truth.UNKNOWN
    assert (role.carries, role.named) == (False, True)
    assert (member.carries, member.named) == (True, False)


async def test_an_account_of_a_project_that_is_not_in_use_is_told_so() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/storage.objectViewer", ANNA.member)))
    stray = replace(ANNA, project=None)
    assert (await explained(cloud, stray, GET, an_object(bucket()))).allowed
    told = await explained(cloud, ANNA, GET, an_object(bucket(project=None)))
    assert told.place
    assert not told.granted


async def test_a_guard_is_asked_beforehand_and_records_nothing() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/storage.objectViewer", ANNA.member)))
    guard = DisabledAPIs(cloud.sealed, "lab.example")
    question = Question(ANNA, GET, an_object(bucket()), TIME)
    [quiet] = (await explain(cloud.decision, question, (guard,))).advice
    assert not quiet.opinion.refusal
    await turn_off(cloud.sealed, "storage")
    told = await explain(cloud.decision, question, (guard,))
    assert told.allowed
    [advice] = told.refusals
    assert "disabled" in advice.opinion.refusal
    assert guard.last_used(DEMO, "storage") is None


async def turn_off(sealed: SealedEngine, api: str) -> None:
    tx = sealed.transaction()
    tx.put(APIS_OFF, DEMO, value=APIsOff(frozenset((api,))))
    await tx.commit()
