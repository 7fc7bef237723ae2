"""What the operator changes in files is on record, with a digest of what they put there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rempart.app.operator_files import CHANGED, NONE, OperatorFiles
from rempart.cosigners.notary import Notary
from rempart.cosigners.renewal import Renewal
from rempart.tlog.policy import Log, quorum_of
from rempart.trust.witness.leaf import FEED, Leaf, decode
from rempart.trust.witness.recorder import Recorder
from support.sequenced import SIGNER
from support.worlds import TestUniverse


async def _events(universe: TestUniverse) -> list[Leaf]:
    return [decode(one.content) for one in await universe.sealed.entries(FEED, 0, limit=100)]


async def test_each_change_of_a_file_is_an_entry_with_its_digest(tmp_path: Path) -> None:
    universe = TestUniverse()
    files = OperatorFiles(tmp_path, Recorder(universe.sealed, universe.world.clock))
    settings, register = tmp_path / "rempart.toml", tmp_path / "staff-register.jws"
    settings.write_bytes(b"format = 1\n")
    await files.begin("rempart.universe.start", {"version": "1"})
    await files.run()
    register.write_bytes(b"signed")
    await files.run()
    await files.run()
    register.unlink()
    (tmp_path / "anything-else").write_bytes(b"x")
    await files.run()
    start, put, gone = await _events(universe)
    digest = hashlib.sha256(b"format = 1\n").hexdigest()
    assert (start.method, start.facts) == (
        "rempart.universe.start",
        {"version": "1", "rempart.toml": digest},
    )
    assert (put.method, put.facts) == (
        CHANGED,
        {"staff-register.jws": hashlib.sha256(b"signed").hexdigest()},
    )
    assert gone.facts == {"staff-register.jws": NONE}


@pytest.mark.parametrize("name", ["geography.csv", "device-authorities.pem"])
async def test_a_change_that_could_not_be_recorded_is_recorded_later(
    tmp_path: Path, name: str
) -> None:
    universe = TestUniverse()
    recorder = Recorder(universe.sealed, universe.world.clock)
    files = OperatorFiles(tmp_path, recorder)
    await files.begin("rempart.universe.start", {})
    (tmp_path / name).write_bytes(b"a")
    event, recorder.event = recorder.event, _full  # type: ignore[method-assign]
    for _ in range(2):
        try:
            await files.run()
        except OSError:
            continue
    recorder.event = event  # type: ignore[method-assign]
    await files.run()
    assert [one.method for one in await _events(universe)] == ["rempart.universe.start", CHANGED]


async def test_a_policy_of_the_log_counts_once_it_is_on_record(tmp_path: Path) -> None:
    universe = TestUniverse()
    recorder = Recorder(universe.sealed, universe.world.clock)
    notary = Notary(SIGNER, universe.world.clock)
    files = OperatorFiles(tmp_path, recorder, Renewal(tmp_path, notary))
    await files.begin("rempart.universe.start", {})
    policy = quorum_of([Log(SIGNER.key)], [], 0)
    (tmp_path / "log-policy").write_bytes(policy.encode())
    event, recorder.event = recorder.event, _full  # type: ignore[method-assign]
    with pytest.raises(OSError, match="configure"):
        await files.run()
    assert notary.quorum is None
    recorder.event = event  # type: ignore[method-assign]
    await files.run()
    assert notary.quorum is not None
    digest = hashlib.sha256(policy.encode()).hexdigest()
    assert (await _events(universe))[-1].facts == {"log-policy": digest}


async def _full(method: str, facts: dict[str, str], *, resource: str = "") -> None:
    raise OSError(method)
