"""The sign-in site in a real browser, which holds pages to their policies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typing_extensions import override

from support.chromium import Page, browser
from support.visitor import authorize
from support.workforce import Organization, idp, organization

__all__ = ["idp", "organization"]


class _Program(ThreadingHTTPServer):
    """What gcloud runs on the person's own machine to hear the answer."""

    heard: dict[str, list[str]]


@pytest.fixture
def program() -> Iterator[_Program]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if query:
                server.heard = query
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>heard</p>")

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = _Program(("127.0.0.1", 0), Handler)
    server.heard = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(organization: Organization, tmp_path: Path) -> Iterator[Page]:
    believed = (organization.universe.data / "ca.pem", organization.idp.folder / "localhost.pem")
    with browser(tmp_path / "browser", believed) as made:
        yield made


def at_provider(page: Page, who: str) -> None:
    """Sign in at the provider's own pages."""
    page.wait(lambda: page.evaluate("!!document.querySelector('[name=login]')"))
    page.fill("login", who)
    page.fill("password", "any")
    page.click("[type=submit]")
    page.wait(lambda: page.evaluate("!!document.querySelector('[value=consent]')"))
    page.click("[type=submit]")


def test_a_person_signs_in_for_a_program_and_signs_out(
    page: Page, organization: Organization, program: _Program
) -> None:
    visitor = organization.visitor()
    back = f"http://localhost:{program.server_port}/"
    url, verifier = authorize(organization.provider, redirect_uri=back, provider_name=None)
    page.open(visitor.site + url)
    page.fill("provider", organization.provider)
    page.click("button")
    page.click("a.button")
    at_provider(page, "alice")
    page.wait(lambda: "Let a program act for you?" in page.text)
    assert "Alice Martin" in page.text
    ours = [one for one in page.requests if one.startswith(visitor.site)]
    page.click("button[value=yes]")
    page.wait(lambda: bool(program.heard))
    sold = visitor.exchange(program.heard["code"][0], verifier, redirect_uri=back)
    assert organization.whoami(sold.json()["access_token"])["active"]

    page.open(visitor.site)
    assert "Alice Martin" in page.text
    cookies = {one["name"]: one for one in page.cookies() if "__Host" in one["name"]}
    assert cookies.keys() == {"__Host-browser", "__Host-session"}
    for cookie in cookies.values():
        flags = [cookie[one] for one in ("secure", "httpOnly", "sameSite", "path")]
        assert flags == [True, True, "Lax", "/"]
    assert page.evaluate("document.cookie") == ""
    page.click("form[action='/signout'] button")
    page.wait(lambda: "Provider" in page.text)
    assert "__Host-session" not in {one["name"] for one in page.cookies()}
    assert any(one.endswith("/style.css") for one in ours)
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "544px"
    assert [one for one in page.complaints if "Content Security Policy" in one] == []


def test_a_page_of_ours_runs_no_script_and_stands_in_no_frame(
    page: Page, organization: Organization, program: _Program
) -> None:
    site = organization.visitor().site
    page.open(site)
    ran = """(() => { const one = document.createElement('script'); one.textContent = 'ran = 1';
    document.body.append(one); return typeof ran })()"""
    assert page.evaluate(ran) == "undefined"
    assert any("Content Security Policy" in one for one in page.complaints)
    page.open(f"http://localhost:{program.server_port}/")
    page.evaluate(
        f"(() => {{ const one = document.createElement('iframe'); one.src = '{site}/';"
        " document.body.append(one) })()"
    )
    page.wait(lambda: any("frame" in one.lower() for one in page.complaints))


def test_a_form_of_another_site_does_not_sign_a_person_out(
    page: Page, organization: Organization, program: _Program, tmp_path: Path
) -> None:
    visitor = organization.visitor()
    page.open(visitor.site + authorize(organization.provider)[0])
    at_provider(page, "alice")
    page.wait(lambda: "Let a program act for you?" in page.text)
    page.screenshot(tmp_path / "confirm.png")
    page.open(f"http://localhost:{program.server_port}/")
    page.evaluate(
        "(() => { const form = document.createElement('form'); form.method = 'post';"
        f" form.action = '{visitor.site}/signout';"
        " document.body.append(form); form.submit() })()"
    )
    page.wait(lambda: "not sent from a page of this session" in page.text)
    page.open(visitor.site)
    assert "Alice Martin" in page.text
    assert httpx.URL(page.url).host == "auth.cloud.localhost"
