"""A real server, killed over and over under load, with uploads under way."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from faults.conftest import Scale
from faults.load import Load, Notes
from support.universe import REMPART, Universe

pytestmark = pytest.mark.faults

BUCKET = "killed"


async def test_a_server_killed_under_load_keeps_every_promise(tmp_path: Path, scale: Scale) -> None:
    universe = await asyncio.to_thread(Universe.create, tmp_path / "data")
    chance, notes, wrong = random.Random(scale.seed), Notes(), list[str]()
    try:
        headers = {"authorization": f"Bearer {universe.token()}"}
        async with httpx.AsyncClient(base_url=universe.plain_url, headers=headers) as http:
            made = {"name": BUCKET, "location": universe.location}
            answer = await http.post(
                "/storage/v1/b", params={"project": universe.project}, json=made
            )
            assert answer.status_code == 200, answer.text
        for round_ in range(scale.kills):
            last = round_ == scale.kills - 1
            wrong += await _round(universe, notes, chance, round_, read_all=last)
        print(f"{scale.kills} kills, {notes.acknowledged} acknowledgements")  # noqa: T201
        assert wrong == []
        assert notes.acknowledged > 5 * scale.kills
    finally:
        universe.terminate()


async def _round(
    universe: Universe, notes: Notes, chance: random.Random, round_: int, *, read_all: bool
) -> list[str]:
    """Load, kill, verify without a server, start again, and look at everything."""
    headers = {"authorization": f"Bearer {universe.token()}"}
    async with httpx.AsyncClient(
        base_url=universe.plain_url, headers=headers, trust_env=False, timeout=20
    ) as http:
        load = asyncio.create_task(Load(http, BUCKET, notes, chance).run(round_))
        await asyncio.sleep(chance.uniform(0.15, 0.7))
        if load.done():
            await load
        await asyncio.to_thread(universe.kill)
        await load
    verified = await asyncio.to_thread(
        universe.run, REMPART, "verify", "--data", universe.data, code=None
    )
    await asyncio.to_thread(universe.start)
    async with httpx.AsyncClient(
        base_url=universe.plain_url, headers=headers, trust_env=False, timeout=20
    ) as http:
        wrong = await Load(http, BUCKET, notes, chance).violations(None if read_all else round_)
    if verified.returncode != 0:
        wrong.append(f"verify: {verified.stdout}{verified.stderr}")
    return [f"round {round_}: {one}" for one in wrong]
