"""Steps of administration as entries of the log, and back. Specified in docs/spec/proposal.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rempart.ekm.administration.steps import Begun, Done, Said, Step
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.record.entry import Entry, decoded
from rempart.ekm.record.search import lines_with

KIND = "officers"
ENROLLED = "enrolled"
_STEPS = (ENROLLED, "said", "begun", "done")
# As they stand in JSON: inside of a text the quotes would be escaped. Statements that were refused
# are left out: strangers can make as many as they like, and a start must not read them all.
_MARKS = tuple(f'"kind":"{KIND}","verb":"{verb}"'.encode() for verb in _STEPS)
_APPROVAL = b'"approval":"'


def enrolment(text: str, time: int) -> Entry:
    """Return the entry that a manager's officers begin with."""
    return Entry(time=time, kind=KIND, verb=ENROLLED, detail={"enrolment": text})


def entry(step: Step) -> Entry:
    """Return a step's entry."""
    match step:
        case Said():
            return _entry(step, "said", {"statement": step.statement})
        case Begun():
            return _entry(step, "begun", {"proposal": step.proposal})
        case Done():
            return _entry(step, "done", {"proposal": step.proposal}, cause=step.failure)


def _entry(step: Step, verb: str, detail: dict[str, str], *, cause: str = "") -> Entry:
    return Entry(time=step.time, kind=KIND, verb=verb, cause=cause, detail=detail)


def refused(statement_digest: str, cause: str, time: int) -> Entry:
    """Return the entry of a statement that was refused: it counts for nothing."""
    detail = {"digest": statement_digest}
    return Entry(time=time, kind=KIND, verb="refused", cause=cause, detail=detail)


def step(found: Entry) -> Step | None:
    """Return the step that an entry records, None where it records none."""
    match found.verb:
        case "said":
            return Said(found.detail["statement"], found.time)
        case "begun":
            return Begun(found.detail["proposal"], found.time)
        case "done":
            return Done(found.detail["proposal"], found.time, found.cause)
        case _:
            return None


def use(found: Entry) -> KeyUse:
    """Return the judged use that a request's entry records."""
    return KeyUse(**{name: getattr(found, name) for name in KeyUse.__struct_fields__})


def entries(directory: Path) -> Iterator[Entry]:
    """Yield the log's entries of what officers did, and the requests with an approval."""
    for line in lines_with(directory, *_MARKS, _APPROVAL):
        yield decoded(line.content)
