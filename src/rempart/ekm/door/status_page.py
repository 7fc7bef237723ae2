"""The status page: what a security officer looks at, read-only, on this machine only.

No script, no style and no picture comes from anywhere. A request by another name than this
machine's is refused, so that no web page reaches it by rebinding a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from rempart.core.errors import CloudError, denied, unimplemented
from rempart.ekm.door.errors import Reply, rendered
from rempart.ekm.door.requests import Incoming

_HEADERS = (
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
)
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;"
    "padding:.3em .6em;text-align:left;vertical-align:top}code{word-break:break-all}"
)
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and a table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class StatusPage:
    """Answers `GET /`; `sections` gives the page's content when it is asked for."""

    def __init__(self, title: str, sections: Callable[[], Sequence[Section]]) -> None:
        self._title = title
        self._sections = sections

    async def answer(self, incoming: Incoming) -> Reply:
        """Return the page."""
        try:
            await incoming.body()
            if incoming.host.rsplit(":", 1)[0] not in _LOOPBACK:
                raise denied("The status page is for this machine: ask for localhost.")
            if (incoming.method, incoming.path) != ("GET", "/"):
                raise unimplemented(f"{incoming.method} {incoming.path[:100]}")
        except CloudError as problem:
            return rendered(problem)
        return Reply(200, {}, _HEADERS, page(self._title, self._sections()).encode())


def page(title: str, sections: Sequence[Section]) -> str:
    """Return the HTML."""
    body = "".join(_section(section) for section in sections)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )


def _section(section: Section) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in section.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td><code>{escape(cell)}</code></td>" for cell in row) + "</tr>"
        for row in section.rows
    )
    empty = "" if section.rows else "<p>None.</p>"
    return f"<h2>{escape(section.title)}</h2><table><tr>{head}</tr>{rows}</table>{empty}"
