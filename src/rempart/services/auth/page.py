"""Pages: templates beside this file, values escaped, and headers that keep others out.

No script, nothing from another origin, no frame around us; a form goes nowhere but where the page
says (`form-action` counts for redirects after a form, too).
"""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from rempart.core.call import Reply

_FOLDER = Path(__file__).parent / "pages"
_HTML = ("Content-Type", "text/html; charset=utf-8")
_SAFE = (
    ("Cache-Control", "no-store"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
Headers = tuple[tuple[str, str], ...]


def page(
    name: str,
    title: str,
    values: dict[str, str],
    *,
    status: int = 200,
    forms_to: tuple[str, ...] = (),
    headers: Headers = (),
) -> Reply:
    """Return a page; its values are texts. `forms_to` are origins that its forms may lead to."""
    body = _template(name).substitute({key: escape(value) for key, value in values.items()})
    content = _template("layout").substitute(title=escape(title), body=body)
    return Reply(
        status=status,
        headers=(_HTML, *_SAFE, ("Content-Security-Policy", _policy(forms_to)), *headers),
        content=content.encode(),
    )


def redirect(target: str, headers: Headers = ()) -> Reply:
    """Return a redirect that is followed by GET."""
    policy = ("Content-Security-Policy", _policy(()))
    return Reply(status=303, headers=(("Location", target), *_SAFE, policy, *headers))


def style() -> Reply:
    """Return the style sheet of all pages."""
    kind = ("Content-Type", "text/css; charset=utf-8")
    cached = [one for one in _SAFE if one[0] != "Cache-Control"]
    headers = (kind, ("Cache-Control", "max-age=3600"), *cached)
    return Reply(headers=headers, content=(_FOLDER / "style.css").read_bytes())


def _policy(forms_to: tuple[str, ...]) -> str:
    forms = " ".join(("'self'", *forms_to))
    return (
        f"default-src 'none'; style-src 'self'; form-action {forms}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8"))
