"""The Logging query language: what filters match, and how bad ones are refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.services.logging.query.evaluate import mask, matches, rows
from rempart.services.logging.query.lexer import FILTER_CHARS_MAX
from rempart.services.logging.query.moments import nanos, written
from rempart.services.logging.query.parser import COMPARISONS_MAX, DEPTH_MAX, parse
from rempart.services.logging.query.table import Rows
from rempart.services.logging.query.transposed import columns

ENTRY: dict[str, Any] = {
    "logName": "projects/lab:demo/logs/my%2Flog",
    "timestamp": "2026-11-29T10:00:00.123456789Z",
    "receiveTimestamp": "2026-11-29T10:00:01Z",
    "severity": "WARNING",
    "insertId": "abc",
    "resource": {"type": "gce_instance", "labels": {"zone": "u-france-east1-a"}},
    "labels": {"k8s/app.name": "Web", "env": "prod"},
    "jsonPayload": {
        "message": "The Cat in the hat",
        "count": 5,
        "ratio": 0.5,
        "ok": True,
        "nothing": None,
        "tags": ["red", "blue"],
        "steps": [{"id": 1}, {"id": 2}],
        "took": "3.5s",
    },
    "httpRequest": {"status": 404, "responseSize": "1024", "remoteIp": "10.1.2.3"},
}


def hit(filter_: str, entry: dict[str, Any] | None = None) -> bool:
    return matches(parse(filter_), ENTRY if entry is None else entry)


@pytest.mark.parametrize(
    "filter_",
    [
        "",
        "  -- only a comment",
        "cat",
        '"the cat in"',
        "severity=WARNING",
        "severity = warning",
        "severity>=INFO severity<ERROR",
        "severity > 300",
        "resource.type = GCE_instance",
        "resource.type=(gae_app OR gce_instance)",
        'jsonPayload.message:("cat" AND "hat")',
        "jsonPayload.message:CAT",
        'jsonPayload.message =~ "Cat.*hat$"',
        r'jsonPayload.message =~ "^The\s\w+"',
        'jsonPayload.message !~ "cat"',
        "jsonPayload.count = 5",
        "jsonPayload.count > 4.5 AND jsonPayload.count<=5",
        'jsonPayload.count = "5"',
        "jsonPayload.count != -5",
        "jsonPayload.ok = TRUE",
        "jsonPayload.ok=true",
        "jsonPayload.nothing = NULL_VALUE",
        "jsonPayload.nothing:*",
        "jsonPayload.tags = blue",
        "jsonPayload.steps.id = 2",
        "jsonPayload.took > 3s jsonPayload.took<3600ms",
        "jsonPayload:hat",
        "jsonPayload:*",
        "labels:prod",
        'labels."k8s/app.name" = web',
        "labels.env=prod",
        "NOT labels.none=x",
        "-labels.none=x",
        "NOT labels.none:*",
        "httpRequest.status>=400",
        "http_request.response_size > 999",
        "log_name:log",
        'timestamp >= "2026-11-29T10:00:00.123456789Z"',
        'timestamp < "2026-11-29T10:00:00.123456790Z"',
        'timestamp = "2026-11-29T11:00:00.123456789+01:00"',
        "timestamp > 2026-11-28",
        'receiveTimestamp <= "2026-11-29T10:00:01Z"',
        'log_id("my/log")',
        "LOG_ID(my/log)",
        'ip_in_net(httpRequest.remoteIp, "10.1.0.0/16")',
        "source(projects/none) OR severity=WARNING",
        "sample(insertId, 1)",
        "SEARCH(jsonPayload.message, 'HAT cat')",
        'SEARCH("`cat in the` prod")',
        'labels.env="dev" OR labels.env="prod"\nseverity=WARNING',
        "NOT (cat AND dog)",
        "a OR NOT b AND NOT c OR d",
        'insertId="\\x61\\u0062c"',
        "insertId='abc'",
    ],
)
def test_these_filters_match(filter_: str) -> None:
    assert hit(filter_)


@pytest.mark.parametrize(
    "filter_",
    [
        "dog",
        "-cat",
        "NOT cat",
        "severity=ERROR",
        "jsonPayload.message =~ cat",
        "jsonPayload.message = cat",
        "jsonPayload.count > 5",
        "jsonPayload.count = five",
        "jsonPayload.ok = 1",
        "jsonPayload.tags = green",
        "labels.none = x",
        "labels.none != x",
        "labels.none !~ x",
        "labels.none:*",
        "textPayload:*",
        "labels:dev",
        "log_id(my)",
        'ip_in_net(httpRequest.remoteIp, "10.2.0.0/16")',
        "sample(insertId, 0)",
        "SEARCH(jsonPayload.message, ca)",
        'SEARCH("`cat the`")',
        "cat AND dog OR bird",
        "cat (dog OR bird)",
        "(cat OR dog) severity=ERROR",
        'timestamp != "2026-11-29T10:00:00.123456789Z"',
        "timestamp < 2026-11-29",
    ],
)
def test_these_filters_do_not_match(filter_: str) -> None:
    assert not hit(filter_)


def test_or_binds_closer_than_and() -> None:
    entry = {"textPayload": "d"}
    assert hit("a OR d AND NOT c OR b", entry)
    assert not hit("d OR a AND c OR b", entry)


def test_a_severity_that_an_entry_lacks_is_default() -> None:
    assert hit("severity=DEFAULT", {"textPayload": "x"})
    assert not hit("severity>=DEBUG", {"textPayload": "x"})


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        ("severity=", "syntax error at line 1, column 10, unexpected end of the filter"),
        ("a AND", "syntax error at line 1, column 6, unexpected end of the filter"),
        ("(a", "syntax error at line 1, column 3, unexpected end of the filter"),
        ("a)", "syntax error at line 1, column 2, token ')'"),
        ("insertId = abc:def", "syntax error at line 1, column 15, token ':'"),
        ("a\nOR OR b", "syntax error at line 2, column 4, token 'OR'"),
        ('"open', "syntax error at line 1, column 1, token '\"'"),
        ("a ~ b", "syntax error at line 1, column 3, token '~'"),
        ('"\\ud800"', "syntax error at line 1, column 1, token '\\ud800'"),
        ("nonsense = 1", "Field not found: 'nonsense'."),
        ("insertId.x = 1", "Field not found: 'insertId.x'."),
        ("labels..x = 1", "the field path 'labels..x' has an empty part"),
        ("severity = LOUD", "invalid severity 'LOUD'"),
        ("timestamp > yesterday", "invalid timestamp 'yesterday'"),
        ('textPayload =~ "("', "invalid regular expression '('"),
        ("sample(insertId, 2)", "the fraction of sample lies between 0.0 and 1.0"),
        ("sample(insertId)", "sample takes 2 arguments, not 1"),
        ("ip_in_net(insertId, x)", "'x' is no network"),
        ("(" * (DEPTH_MAX + 2) + "a", f"nested more than {DEPTH_MAX} levels"),
        ("a " * (COMPARISONS_MAX + 1), f"more than {COMPARISONS_MAX} comparisons"),
        ("a" * (FILTER_CHARS_MAX + 1), f"{FILTER_CHARS_MAX} are allowed"),
    ],
)
def test_a_bad_filter_is_refused_with_its_place(filter_: str, message: str) -> None:
    with pytest.raises(CloudError) as refused:
        parse(filter_)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert refused.value.message.startswith("Unparseable filter: ")
    assert message in refused.value.message


@given(st.text(max_size=60))
def test_whatever_is_written_is_parsed_or_refused(text: str) -> None:
    with suppress(CloudError):
        matches(parse(text), ENTRY)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"severity": st.sampled_from(["INFO", "ERROR"])},
            optional={
                "textPayload": st.sampled_from(["cat", "dog", "Cat dog"]),
                "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
            },
        ),
        max_size=300,
    ),
    st.sampled_from(
        [
            "cat OR severity=ERROR",
            "NOT labels.a=x dog",
            "labels:y AND -severity>INFO",
            "NOT (labels.a=x OR labels.b!=y)",
            "textPayload !~ C OR labels.a:*",
        ]
    ),
)
def test_many_entries_at_once_match_as_one_by_one(
    entries: list[dict[str, Any]], filter_: str
) -> None:
    node = parse(filter_)
    table = Rows(range(len(entries)), columns(entries))
    found = rows(mask(node, table), len(entries))
    assert found == [at for at, entry in enumerate(entries) if matches(node, entry)]


def test_a_column_of_many_values_is_wide_and_matches_as_a_narrow_one() -> None:
    entries = [{"insertId": f"id{at}"} for at in range(1000)]
    table = Rows(range(1000), columns(entries))
    assert rows(mask(parse("insertId=id777 OR insertId=id3"), table), 1000) == [3, 777]
    column = table.column("insertId")
    assert column is not None
    assert column.wide
    assert column.every()[777] == ("id777",)


@pytest.mark.parametrize(
    "filter_",
    [
        *("textPayload=a77", "textPayload!=A77", "textPayload:7", 'textPayload:""', "a77"),
        *('textPayload=~"^a7+$"', 'textPayload!~"7$"', 'textPayload=~"(?i)A5"', 'textPayload=~""'),
        *('textPayload=~"\\Aa7"', 'textPayload=~"7[^b]*7"', "SEARCH(textPayload, a12)"),
        *('textPayload:"\n"', "labels.x=77", "textPayload>a5"),
    ],
)
def test_a_search_through_many_texts_finds_what_asking_each_finds(filter_: str) -> None:
    entries: list[dict[str, Any]] = [
        {"textPayload": f"a{at % 300}", "labels": {"x": str(at)}} if at % 5 else {"spanId": "s"}
        for at in range(1000)
    ]
    node = parse(filter_)
    table = Rows(range(1000), columns(entries))
    found = rows(mask(node, table), 1000)
    assert found == [at for at, one in enumerate(entries) if _asked(filter_, one)]


def _asked(filter_: str, entry: dict[str, Any]) -> bool:
    """Ask a table in which nothing can be searched, for a text in it has two lines."""
    more = [entry, {"textPayload": "\n", "labels": {"x": "\n"}, "spanId": "\n"}]
    return bool(mask(parse(filter_), Rows(range(2), columns(more))) & 1)


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_a_time_is_read_as_it_was_written(moment: int) -> None:
    assert nanos(written(moment)) == moment
