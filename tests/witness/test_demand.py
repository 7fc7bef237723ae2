"""The plain policies that commands change, and those that they leave to a person."""

from __future__ import annotations

import pytest

from rempart.cosigners.demand import demand_of
from rempart.cosigners.quorum import BadPolicy
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.policy import Log, Witness, parse_policy, quorum_of

LOG = Log(seeded_signer("log.example", Algorithm.ED25519, b"l" * 32).key)
CLASSIC, LATTICE = Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44


def _witness(name: str, key_name: str, url: str | None, algorithm: Algorithm = CLASSIC) -> Witness:
    key = seeded_signer(key_name, algorithm, name.encode().ljust(32, b"-")).key
    return Witness(name.encode(), key, url)


BOTH_KEYS = (
    _witness("company", "w.example/1", "https://w.example:8447/"),
    _witness("company-pq", "w.example/1", "https://w.example:8447/", LATTICE),
)
SAME_NAME = (BOTH_KEYS[0], _witness("other", "w.example/1", None))
SAME_ADDRESS = (BOTH_KEYS[0], _witness("other", "w.example/2", "https://W.example:8447"))
USUAL_PORT = (
    _witness("one", "w.example/1", "https://w.example/"),
    _witness("other", "w.example/2", "https://w.example:443"),
)


@pytest.mark.parametrize("witnesses", [BOTH_KEYS, SAME_NAME, SAME_ADDRESS, USUAL_PORT])
@pytest.mark.parametrize("group", ["all", "any", "none"])
def test_two_keys_of_one_witness_are_never_counted_as_two(
    witnesses: tuple[Witness, ...], group: str
) -> None:
    threshold = {"all": 2, "any": 1, "none": 0}[group]
    with pytest.raises(BadPolicy, match="edit it by hand"):
        demand_of(quorum_of([LOG], witnesses, threshold))


def test_a_group_of_both_keys_that_a_person_named_is_left_alone() -> None:
    content = quorum_of([LOG], BOTH_KEYS, 2).encode()
    named = content.replace(b"group quorum 2", b"group company-both all")
    policy = parse_policy(named.replace(b"quorum quorum", b"quorum company-both"))
    with pytest.raises(BadPolicy, match="two keys of one witness"):
        demand_of(policy)


def test_witnesses_of_two_names_and_addresses_are_counted_one_by_one() -> None:
    two = (BOTH_KEYS[0], _witness("other", "w.example/2", "https://w.example:8448/"))
    demand = demand_of(quorum_of([LOG], two, 2))
    assert (len(demand.witnesses), demand.threshold) == (2, 2)
    unasked = tuple(Witness(one.name, one.key) for one in two)
    assert demand_of(quorum_of([LOG], unasked, 1)).threshold == 1


def test_a_witness_is_found_by_its_name_in_the_policy_and_by_its_key_s() -> None:
    crossed = (
        _witness("one", "two", "https://one.example/"),
        _witness("two", "w.example/2", "https://two.example/"),
    )
    demand = demand_of(quorum_of([LOG], crossed, 2))
    assert [demand.found(it) for it in ("one", "two", "w.example/2")] == ["one", "two", "two"]
    with pytest.raises(BadPolicy, match=r"no witness w3\. Known: one, two"):
        demand.without(demand.found("w3"))


def test_a_second_name_at_one_address_is_not_added() -> None:
    demand = demand_of(quorum_of([LOG], BOTH_KEYS[:1], 1))
    with pytest.raises(BadPolicy, match="count as two witnesses"):
        demand.with_witness(SAME_ADDRESS[1])
    moved = Witness(b"company", BOTH_KEYS[0].key, "https://elsewhere.example/")
    assert demand.with_witness(moved).witnesses == (moved,)
