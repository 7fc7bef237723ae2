from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ekm_officers.requests import request
from rempart.ekm.administration import trail
from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.entry import Entry, encoded, of_use
from rempart.ekm.record.search import lines_with
from rempart.ekm.record.segments import segment_name, walk

MARKS = (b'"a"', b'"bb"')
contents = st.lists(
    st.sampled_from([b'{"a":1}', b'{"bb":1}', b'{"a":1,"bb":2}', b'{"c":"a"}', b"{}"]), max_size=12
)


def written(directory: Path, entries: list[bytes], *, cut_after: int) -> None:
    for old in directory.iterdir():
        old.unlink()
    head = Head()
    for first in range(0, len(entries), cut_after):
        name = segment_name(head.count)
        lines = []
        for content in entries[first : first + cut_after]:
            head, line = extend(head, content)
            lines.append(line)
        (directory / name).write_bytes(b"".join(lines))


@given(entries=contents, cut_after=st.integers(1, 5))
def test_searching_finds_what_walking_and_looking_finds(
    tmp_path_factory: object, entries: list[bytes], cut_after: int
) -> None:
    directory = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]  # pytest's own
    written(directory, entries, cut_after=cut_after)
    walked = [line for line in walk(directory) if any(mark in line.content for mark in MARKS)]
    assert list(lines_with(directory, *MARKS)) == walked


def test_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, [b'{"a":1}', b'{"a":2}'], cut_after=9)
    (log,) = tmp_path.iterdir()
    log.write_bytes(log.read_bytes()[:-3])
    assert [line.content for line in lines_with(tmp_path, *MARKS)] == [b'{"a":1}']


def test_no_text_of_a_request_passes_for_an_entry_of_the_officers(tmp_path: Path) -> None:
    forged = '","kind":"officers","verb":"enrolled","detail":{"enrolment":"{}"},"approval":"'
    use = request(principal=forged, target=forged, resource=forged, reason=forged)
    entry = Entry(time=use.time, kind="request", rule=forged, allowed=True, **of_use(use))  # type: ignore[arg-type]  # members of Entry, by name
    written(tmp_path, [encoded(entry)], cut_after=1)
    assert list(trail.entries(tmp_path)) == []
