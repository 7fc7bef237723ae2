"""Key URIs and host names, which customers write and the universe connects to."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.trust.custody.external import uri
from rempart.trust.custody.external.caller import is_path

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PORTS = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
SEGMENTS = st.from_regex(r"[A-Za-z0-9_~-]{1,20}", fullmatch=True)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=6).map("/".join)


@given(HOSTS, PORTS, PATHS)
def test_a_uri_leads_where_it_says(host: str, port: str, path: str) -> None:
    found = uri.location(f"https://{host}{port}/{path}")
    assert (found.place.host, found.place.port) == (host, int(port[1:] or 443))
    assert found.path == path
    assert found.uri == f"https://{host}{'' if port == ':443' else port}/{path}"


@given(st.one_of(st.text(), st.text(alphabet="https:/@.-_~%?#\\\r\n\x00 a1[]", max_size=40)))
@example("https://host/key\r\nx-other: header")
@example("https://host/key HTTP/1.1")
@example("https://host\\@other/key")
@example("https://host%00/key")
@example("https://HOST/key")
@example("https://\uff48ost/key")
@example("https://\u212a/key")
def test_whatever_is_taken_cannot_leave_its_line_or_its_host(text: str) -> None:
    try:
        found = uri.location(text)
    except CloudError:
        return
    line = f"POST /{found.path}:wrap HTTP/1.1 Host: {found.place.authority}"
    assert line.isascii()
    assert line.isprintable()
    assert line.count(" ") == 4
    assert text.isascii()
    assert found.uri.lower() == text.lower()


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "a/", "a//b", ".", "a/./b", "a/../b", "..", "a b", "a%2fb", "a?b", "ä"]
)
def test_a_path_has_one_spelling(path: str) -> None:
    assert not is_path(path)


@pytest.mark.parametrize(
    "host", ["", "-a", "a-", "a..b", "a_b", "a:0", "a:65536", "[::1]", "a" * 64, "\u212a"]
)
def test_a_host_is_a_name(host: str) -> None:
    assert uri.place(host) is None


def test_a_name_of_more_than_253_characters_is_none() -> None:
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert uri.place(longest) is not None
    assert uri.place(f"{longest}a") is None
