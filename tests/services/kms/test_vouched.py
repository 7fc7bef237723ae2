"""A record's key reads as its resource's name, and its digest is the one that is specified."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rempart.services.kms import kinds
from rempart.services.kms.kinds import RETIRED, VOUCHED
from rempart.services.kms.model import container, names
from rempart.services.kms.model.autokey import key_handle_name
from rempart.services.kms.model.container import ConfigName
from rempart.services.kms.model.erasure import ErasureName
from rempart.services.kms.model.retired import RetiredResource, retired_name
from rempart.services.kms.vouched import Named, digest

SPEC = Path(__file__).parents[3] / "docs" / "spec" / "kms-records.md"
PARTS = st.from_regex(r"[a-zA-Z0-9_-]{1,8}", fullmatch=True)
NUMBERS = st.integers(1, 2**33 - 1).filter(lambda number: number < 10**10)


@given(*[PARTS] * 4, NUMBERS)
def test_every_records_key_reads_as_the_name_it_was_made_of(
    project: str, location: str, ring: str, id_: str, number: int
) -> None:
    place = f"projects/lab:{project}/locations/{location}"
    key = f"{place}/keyRings/{ring}/cryptoKeys/{id_}"
    named: dict[Any, Named] = {
        kinds.KEY_RING: names.key_ring(f"{place}/keyRings/{ring}"),
        kinds.CRYPTO_KEY: names.crypto_key(key),
        kinds.VERSION: names.version(f"{key}/cryptoKeyVersions/{number}"),
        kinds.ERASED: ErasureName(names.version(f"{key}/cryptoKeyVersions/{number}")),
        kinds.IMPORT_JOB: names.import_job(f"{place}/keyRings/{ring}/importJobs/{id_}"),
        kinds.EKM_CONNECTION: names.ekm_connection(f"{place}/ekmConnections/{id_}"),
        kinds.EKM_CONFIG: names.ekm_config(f"{place}/ekmConfig"),
        kinds.RETIRED: retired_name(f"{place}/retiredResources/{ring}.{id_}"),
        kinds.KEY_HANDLE: key_handle_name(f"{place}/keyHandles/{id_}"),
        kinds.AUTOKEY_CONFIG: ConfigName(f"folders/{project}", container.AUTOKEY),
        kinds.JUSTIFICATIONS: ConfigName(f"projects/{project}", container.JUSTIFICATIONS),
    }
    for kind, name_of in VOUCHED:
        name = named.pop(kind)
        assert name_of(kind.key(*name.parts)) == str(name)
    assert not named


def test_the_digest_is_the_one_that_the_specification_shows() -> None:
    plain, shown = re.findall(r"`([0-9a-f]{40,})`", SPEC.read_text())
    record = RetiredResource(original="o", deleted=7)
    assert RETIRED.encode(record).hex() == plain
    assert digest(RETIRED, record) == shown


def test_the_table_of_the_specification_has_every_kind() -> None:
    tags = re.findall(r"\| `(.)` \|", SPEC.read_text())
    assert sorted(tags) == sorted(kind.tag.decode() for kind, _ in VOUCHED)
