"""What a quorum is made of, one share after the other."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import Share as Slip39Share

from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key, document
from rempart.trust.custody.sealing.collection import SHARES_KEPT_SECONDS_MAX, Collection
from rempart.trust.custody.sealing.document import SealedRoot, SealProblem
from rempart.trust.custody.sealing.shares import ShareRefused
from rempart.trust.custody.sealing.sharing import Quorum, share_out

ROOT = bytes(range(100, 132))
HOLDERS = [custodian_key.new_key(name, system_random) for name in ("anne", "bob", "carol")]
KEYS = tuple(holder.public() for holder in HOLDERS)


class Watch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def made(threshold: int = 2, count: int = 3) -> tuple[SealedRoot, tuple[str, ...]]:
    content, words = share_out(ROOT, Quorum(threshold, count), system_random)
    return document.parse(content), words


def collection(sealed: SealedRoot, watch: Watch | None = None) -> Collection:
    return Collection(sealed, system_random, watch or Watch())


@pytest.mark.parametrize("order", list(permutations(range(3), 2)))
def test_two_of_three_open_the_root_in_any_order(order: tuple[int, int]) -> None:
    sealed, words = made()
    given = collection(sealed)
    assert given.offer(words[order[0]])
    assert given.root() is None
    assert given.offer(words[order[1]])
    assert given.root() == ROOT


def test_a_share_given_twice_counts_once() -> None:
    sealed, words = made()
    given = collection(sealed)
    assert given.offer(words[0])
    assert not given.offer(words[0])
    assert given.given == 1
    assert given.root() is None


def test_shares_that_do_not_count_are_refused_and_do_not_spoil_the_others() -> None:
    sealed, words = made()
    _, foreign = made()
    given = collection(sealed)
    given.offer(words[0])
    shuffled = " ".join(reversed(words[1].split()))
    for wrong in (foreign[1], shuffled, "", "{}"):
        with pytest.raises(ShareRefused):
            given.offer(wrong)
    assert given.given == 1
    given.offer(words[2])
    assert given.root() == ROOT


def test_a_forged_share_of_the_right_set_is_known_by_itself() -> None:
    sealed, words = made()
    assert isinstance(sealed.opened_by, document.Custodians)
    forged = Slip39Share(sealed.opened_by.identifier, True, 0, 0, 1, 1, 1, 2, bytes(32)).mnemonic()
    given = collection(sealed)
    with pytest.raises(ShareRefused, match="another set"):
        given.offer(forged)
    given.offer(words[0])
    given.offer(words[1])
    assert given.root() == ROOT


def test_shares_are_dropped_when_time_is_up_and_after_success() -> None:
    sealed, words = made()
    watch = Watch()
    given = collection(sealed, watch)
    given.offer(words[0])
    watch.seconds = SHARES_KEPT_SECONDS_MAX
    assert given.given == 1
    watch.seconds += 1
    assert given.given == 0
    given.offer(words[1])
    assert given.root() is None
    given.offer(words[2])
    assert given.root() == ROOT
    assert given.given == 0


def test_custodians_with_keys_answer_requests() -> None:
    content, words = share_out(ROOT, Quorum(2, 3, KEYS), system_random)
    assert words == ()
    given = collection(document.parse(content))
    asked = given.requests()
    assert [one.name for one in asked] == ["anne", "bob", "carol"]
    for number in (2, 0):
        request = custodian_key.parse(custodian_key.line(asked[number]), custodian_key.Request)
        answer = custodian_key.line(custodian_key.answer(request, HOLDERS[number]))
        assert given.offer(answer)
    assert given.root() == ROOT


def test_an_answer_is_good_for_the_asker_alone() -> None:
    content, _ = share_out(ROOT, Quorum(2, 3, KEYS), system_random)
    sealed = document.parse(content)
    one, other = collection(sealed), collection(sealed)
    answer = custodian_key.line(custodian_key.answer(one.requests()[0], HOLDERS[0]))
    with pytest.raises(ShareRefused, match="another request"):
        other.offer(answer)
    assert one.offer(answer)


def test_a_custodian_opens_no_share_of_another() -> None:
    content, _ = share_out(ROOT, Quorum(2, 3, KEYS), system_random)
    request = collection(document.parse(content)).requests()[0]
    with pytest.raises(SealProblem, match="not for this key"):
        custodian_key.answer(request, HOLDERS[1])


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (4, 3), (2, 17), (0, 0)])
def test_numbers_that_make_no_quorum_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(SealProblem):
        share_out(ROOT, Quorum(threshold, count), system_random)


def test_each_custodian_has_a_key_of_their_own() -> None:
    with pytest.raises(SealProblem, match="different keys"):
        share_out(ROOT, Quorum(2, 3, (KEYS[0], KEYS[1], KEYS[1])), system_random)


@settings(max_examples=200)
@given(text=st.text(max_size=200) | st.sampled_from(["{", "[]", '{"type":"share-answer"}', "\x00"]))
def test_any_text_is_refused_and_crashes_nothing(text: str) -> None:
    with pytest.raises(ShareRefused):
        EMPTY.offer(text)


EMPTY = collection(made()[0])
