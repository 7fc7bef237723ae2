"""Access levels: what they ask of a request, and that what is unknown never holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.call import Peer
from rempart.core.clock import Micros
from rempart.trust.policy.perimeters.documents import AccessLevel, AccessPolicy
from rempart.trust.policy.perimeters.geography import Geography, read_geography
from rempart.trust.policy.perimeters.levels import holds
from rempart.trust.policy.perimeters.origin import Origin
from support.worlds import START

NAME = "accessPolicies/7/accessLevels"
ME = "serviceAccount:robot@one.lab.iam.gserviceaccount.com"


def policy(**levels: Any) -> AccessPolicy:
    """Return a policy of these levels: basic conditions, or the text of a custom one."""
    shapes = {
        id_: {"custom": {"expr": {"expression": said}}}
        if isinstance(said, str)
        else {"basic": said if isinstance(said, dict) else {"conditions": said}}
        for id_, said in levels.items()
    }
    made = {id_: msgspec.convert(shape, AccessLevel) for id_, shape in shapes.items()}
    return AccessPolicy(
        number="7", parent="organizations/1", title="t", created=Micros(START), levels=made
    )


def met(
    said: Any, *, remote: str = "192.0.2.7", geography: Geography | None = None, **more: Any
) -> bool:
    """Tell whether a request from here has a level."""
    levels = policy(asked=said, **more)
    return holds(levels, f"{NAME}/asked", Origin(Peer(remote), ME, Micros(START), geography))


@pytest.fixture(scope="module")
def geography(tmp_path_factory: pytest.TempPathFactory) -> Geography:
    file: Path = tmp_path_factory.mktemp("g") / "geography.csv"
    file.write_text("192.0.2.0,192.0.2.255,FR\n198.51.100.0,198.51.100.255,US\n")
    return read_geography(file)


def test_addresses_members_and_other_levels_are_asked_together() -> None:
    near, mine = {"ipSubnetworks": ["10.0.0.0/8", "192.0.2.0/24"]}, {"members": [ME]}
    assert met([near])
    assert met([near | mine])
    assert not met([near | {"members": ["user:else@example.test"]}])
    assert not met([near], remote="198.51.100.1")
    assert met([{"ipSubnetworks": ["2001:db8::/32"]}], remote="2001:db8::1")
    assert met([{"requiredAccessLevels": [f"{NAME}/near"]}], near=[near])
    assert not met([{"requiredAccessLevels": [f"{NAME}/gone"]}])


def test_conditions_combine_by_and_unless_or_is_said() -> None:
    near, far = {"ipSubnetworks": ["192.0.2.0/24"]}, {"ipSubnetworks": ["203.0.113.0/24"]}
    assert not met([near, far])
    assert met({"conditions": [near, far], "combiningFunction": "OR"})
    assert not met({"conditions": [far, far], "combiningFunction": "OR"})


def test_negate_turns_a_condition_round() -> None:
    near = {"ipSubnetworks": ["192.0.2.0/24"]}
    assert not met([near | {"negate": True}])
    assert met([near | {"negate": True}], remote="198.51.100.1")
    assert met([near | {"members": ["user:else@example.test"], "negate": True}])


def test_regions_are_read_from_the_table(geography: Geography) -> None:
    assert met([{"regions": ["FR", "DE"]}], geography=geography)
    assert not met([{"regions": ["FR"]}], geography=geography, remote="198.51.100.1")
    assert met([{"regions": ["FR"], "negate": True}], geography=geography, remote="198.51.100.1")


@pytest.mark.parametrize("negate", [False, True])
def test_without_a_table_or_an_address_nothing_holds(geography: Geography, *, negate: bool) -> None:
    regions = {"regions": ["FR"], "negate": negate}
    assert not met([regions])
    assert not met([regions], geography=geography, remote="203.0.113.1")
    assert not met([regions], geography=geography, remote="a socket")
    assert not met([{"ipSubnetworks": ["192.0.2.0/24"], "negate": negate}], remote="a socket")
    required = {"requiredAccessLevels": [f"{NAME}/there"], "negate": negate}
    assert not met([required], there=[{"regions": ["FR"]}])


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('inIpRange(origin.ip, ["192.0.2.0/24"])', True),
        ('inIpRange(origin.ip, ["10.0.0.0/8"])', False),
        ('origin.region_code == "FR"', True),
        ('request.time > timestamp("2020-01-01T00:00:00Z")', True),
        (f'request.auth.principal == "{ME}"', True),
        ("levels.near", True),
        ("!levels.near", False),
        ("levels.gone || true", True),
        ("levels.gone", False),
        ("!levels.gone", False),
        ("origin.nothing == 1", False),
    ],
)
def test_custom_levels_are_expressions(geography: Geography, text: str, *, outcome: bool) -> None:
    near = [{"ipSubnetworks": ["192.0.2.0/24"]}]
    assert met(text, geography=geography, near=near) is outcome


def test_a_custom_level_cannot_conclude_from_an_unknown_country() -> None:
    assert not met('origin.region_code != "US"')


BLOCKS = ("192.0.2.0/24", "10.0.0.0/8", "198.51.100.0/24")
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "ipSubnetworks": st.lists(st.sampled_from(BLOCKS), min_size=1),
        "members": st.lists(st.sampled_from((ME, "user:else@example.test")), min_size=1),
        "negate": st.booleans(),
    },
)


@given(st.lists(CONDITIONS, min_size=1, max_size=4), st.sampled_from(("AND", "OR")))
def test_a_level_is_what_its_conditions_are_one_by_one(conditions: list[Any], how: str) -> None:
    whole = met({"conditions": conditions, "combiningFunction": how})
    single = [met([one]) for one in conditions]
    if all(len(one.keys() - {"negate"}) for one in conditions):
        assert whole is (all(single) if how == "AND" else any(single))
    elif how == "AND":
        assert not whole
