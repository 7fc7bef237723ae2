"""Rules of Cloud KMS: names, states, schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.policy import Policy
from rempart.services.kms.model import names
from rempart.services.kms.model.choices import SOFTWARE, Choices
from rempart.services.kms.model.crypto_key import CryptoKey, rotated
from rempart.services.kms.model.listing import page, token
from rempart.services.kms.model.version import (
    State,
    Version,
    destroyed,
    restore,
    schedule_destruction,
    set_state,
)
from rempart.trust.custody.software.algorithms import ALGORITHMS

DAY = 86_400 * 1_000_000
T = TypeVar("T")
segments = st.text(
    st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=20
)


@given(segments, segments, segments, segments, st.integers(1, 10**9))
def test_a_name_reads_back_as_it_was_written(
    project: str, location: str, ring: str, key: str, number: int
) -> None:
    place = names.LocationName(project, location)
    above = names.CryptoKeyName(names.KeyRingName(place, ring), key)
    version = above.version(number)
    assert names.location(str(place)) == place
    assert names.key_ring(str(above.parent)) == above.parent
    assert names.crypto_key(str(above)) == above
    assert names.version(str(version)) == version
    assert names.key_or_version(str(version)) == (above, number)
    assert names.key_or_version(str(above)) == (above, None)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_an_invalid_argument(text: str) -> None:
    for read in (names.location, names.key_ring, names.crypto_key, names.version, names.import_job):
        name = outcome(partial(read, text))
        assert name is Code.INVALID_ARGUMENT or str(name) == text


STEPS = ("enable", "disable", "destroy", "restore", "pass", "due")


@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_what_is_destroyed_stays_so_and_nothing_else_loses_its_material(steps: list[str]) -> None:
    now = 0
    version = Version(
        number=1, created=0, algorithm="HMAC_SHA256", protection="SOFTWARE", material=b"m"
    )
    for step in steps:
        now += DAY // 2 if step == "pass" else 0
        after = outcome(partial(_stepped, step, version, Micros(now)))
        if version.state is State.DESTROYED:
            assert after in {Code.FAILED_PRECONDITION, version}
        version = after if isinstance(after, Version) else version
        assert bool(version.material) == (version.state is not State.DESTROYED)
        assert bool(version.destroy_at) == (version.state in ENDING)


ENDING = {State.DESTROY_SCHEDULED, State.DESTROYED}


def _stepped(step: str, version: Version, now: Micros) -> Version:
    if step in {"enable", "disable"}:
        return set_state(version, f"{step.upper()}D", "v")
    if step == "destroy":
        return schedule_destruction(version, "v", Micros(now + DAY))
    if step == "restore":
        return restore(version, "v", now)
    is_due = version.state is State.DESTROY_SCHEDULED and version.destroy_at <= now
    return destroyed(version, now) if step == "due" and is_due else version


def outcome(work: Callable[[], T]) -> T | Code:
    try:
        return work()
    except CloudError as problem:
        return problem.code


@given(st.integers(1, 1000), st.integers(0, 5000))
def test_the_next_rotation_lies_ahead_and_within_one_period(days: int, late: int) -> None:
    key = CryptoKey(
        created=0,
        purpose="ENCRYPT_DECRYPT",
        algorithm="GOOGLE_SYMMETRIC_ENCRYPTION",
        rotation_seconds=days * 86_400,
        next_rotation=DAY,
        policy=Policy(),
    )
    now = Micros(DAY + late * DAY)
    new = rotated(key, 2, now)
    assert (new.primary, new.versions) == (2, 2)
    assert now < new.next_rotation <= now + days * DAY


@given(st.binary(min_size=1, max_size=200))
def test_a_page_token_carries_its_place(place: bytes) -> None:
    assert page({"pageToken": token(place)}).after == place


@pytest.mark.parametrize("query", [{"pageToken": "%"}, {"pageSize": "-1"}, {"pageSize": "many"}])
def test_a_page_that_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(CloudError) as refusal:
        page(query)
    assert refusal.value.code is Code.INVALID_ARGUMENT
    assert refusal.value.field in query


LEVELS = {SOFTWARE: lambda algorithm: str(algorithm.unavailable)}
ALL, ANSSI = Choices(LEVELS), Choices(LEVELS, anssi=True)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_list_of_anssi_admits_what_its_table_says(name: str) -> None:
    algorithm = ALGORITHMS[name]
    if algorithm.unavailable:
        with pytest.raises(CloudError) as refusal:
            ALL.algorithm(name, algorithm.purpose, SOFTWARE)
        assert refusal.value.code is Code.INVALID_ARGUMENT
        assert algorithm.unavailable in refusal.value.message
    elif algorithm.anssi:
        assert ANSSI.algorithm(name, algorithm.purpose, SOFTWARE) is algorithm
    else:
        assert ALL.algorithm(name, algorithm.purpose, SOFTWARE) is algorithm
        with pytest.raises(CloudError) as refusal:
            ANSSI.algorithm(name, algorithm.purpose, SOFTWARE)
        assert refusal.value.reason == "ALGORITHM_NOT_ADMITTED"
        assert algorithm.anssi_note in refusal.value.message
