"""The office between the door and the log: what is recorded, and that it can be read again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from ekm_officers.desk import Desk, Ledger, signatory
from ekm_officers.requests import KEY
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.ekm.administration import actions, history, trail
from rempart.ekm.administration.history import History
from rempart.ekm.administration.judgement import Judgement
from rempart.ekm.administration.office import Office
from rempart.ekm.administration.shown import Document
from rempart.ekm.model.holdings import Pin
from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.entry import Entry, encoded
from rempart.ekm.record.segments import LogBroken, segment_name

NEW_KEY = actions.CreateKey(key=KEY, algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION")


class Written:
    """An office whose log is a file, and what it keeps under the seal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.head = Head()
        self.desk = Desk()
        self.pin = Pin()
        self.ledger = Ledger()
        self.judgement = Judgement()
        self.office = self.opened(History(state=None, pin=Pin()))

    def opened(self, past: History) -> Office:
        return Office(
            past,
            append=self.append,
            keep_pin=self.keep,
            perform=self.perform,
            check=self.ledger.check,
            known=self.ledger.known,
            clock=lambda: Micros(self.desk.now * 1_000_000),
            follow=self.judgement.follow,
        )

    async def append(self, entry: Entry) -> None:
        await asyncio.sleep(0)
        self.head, line = extend(self.head, encoded(entry))
        with (self.directory / segment_name(0)).open("ab") as log:
            log.write(line)

    async def keep(self, pin: Pin) -> None:
        self.pin = pin

    async def perform(self, name: str, arguments: Document, who: str) -> Document:
        await self.ledger.carry_out(NEW_KEY)
        return {"name": name, **arguments, "who": who}

    def read(self) -> History:
        return history.read(self.directory, self.pin, Judgement(), now=self.desk.now * 1_000_000)

    def verbs(self) -> list[str]:
        lines = (self.directory / segment_name(0)).read_bytes().splitlines()
        return [msgspec.json.decode(line.split(b" ", 2)[2])["verb"] for line in lines]


@pytest.fixture
async def written(tmp_path: Path) -> Written:
    made = Written(tmp_path)
    await made.office.enrol(made.desk.enrolment)
    return made


async def test_what_was_written_is_read_again(written: Written) -> None:
    await written.office.hear(written.desk.blocking("odile", KEY))
    again = written.read()
    assert again.state == written.office.state
    assert again.pin == written.pin


async def test_a_start_passes_over_the_statements_that_were_refused(written: Written) -> None:
    said = written.desk.blocking("odile", KEY)
    await written.office.hear(said)
    for _ in range(3):
        with pytest.raises(CloudError):
            await written.office.hear(said)
    assert written.verbs() == ["enrolled", "said", "refused", "refused", "refused"]
    assert [entry.verb for entry in trail.entries(written.directory)] == ["enrolled", "said"]
    assert written.read().state == written.office.state


async def test_of_two_enrolments_at_once_one_holds_and_the_log_can_be_read(tmp_path: Path) -> None:
    made = Written(tmp_path)
    outcomes = await asyncio.gather(
        made.office.enrol(made.desk.enrolment),
        made.office.enrol(Desk(officers=("rosa",), quorum=1).enrolment),
        return_exceptions=True,
    )
    assert [isinstance(outcome, CloudError) for outcome in outcomes] == [False, True]
    state = made.read().state
    assert state is not None
    assert signatory("rosa") not in state.officers


async def test_a_refused_statement_is_on_record_and_counts_for_nothing(written: Written) -> None:
    with pytest.raises(CloudError):
        await written.office.hear(written.desk.blocking("rosa", KEY))
    assert written.verbs() == ["enrolled", "refused"]
    assert written.read().pin == written.pin


async def test_a_decision_that_fails_is_recorded_as_done_with_its_cause(written: Written) -> None:
    for refused in (False, True):
        proposal = written.desk.signed_for(written.office.manager(), "odile", NEW_KEY)
        await written.office.hear(proposal)
        consent = written.desk.consenting("pierre", written.desk.digest(proposal))
        if refused:
            with pytest.raises(CloudError, match="exists already"):
                await written.office.hear(consent)
        else:
            assert (await written.office.hear(consent))["waiting"] is False
    assert written.verbs() == ["enrolled", *["said", "said", "begun", "done"] * 2]


async def test_a_log_that_lacks_a_sealed_step_does_not_load(written: Written) -> None:
    await written.office.hear(written.desk.blocking("odile", KEY))
    log = written.directory / segment_name(0)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0])
    with pytest.raises(LogBroken, match="sealed file knows of"):
        written.read()
    log.write_bytes(b"")
    with pytest.raises(LogBroken, match="sealed file knows of"):
        written.read()


async def test_another_managers_log_does_not_load(written: Written) -> None:
    other = Desk(officers=("rosa",), quorum=1)
    entry = trail.enrolment(other.enrolment, 0)
    _, line = extend(Head(), encoded(entry))
    (written.directory / segment_name(0)).write_bytes(line)
    with pytest.raises(LogBroken, match="sealed file knows of"):
        written.read()
