"""A real browser without a window: Chromium, driven over a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECONDS_MAX = 20.0
_PIECE = 1 << 16
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)


@dataclass
class Page:
    """One tab: what it asked for, and what the browser complained of."""

    _in: int
    _out: int
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _number: int = 0
    _rest: bytes = b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            got = self._read(deadline)
            if got.get("id") == number:
                assert "error" not in got, got
                result: dict[str, Any] = got["result"]
                return result

    def open(self, url: str) -> None:
        """Go to an address and wait until its page is there."""
        self.call("Page.navigate", url=url)
        self.settle()

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    @property
    def text(self) -> str:
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def fill(self, name: str, value: str) -> None:
        """Type into a field by its name."""
        self.evaluate(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")

    def click(self, selector: str) -> None:
        """Click, and wait for what comes of it."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        self.settle()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            self.evaluate("1")  # what the browser has to say is read along with an answer
            assert time.monotonic() < deadline, (self.url, self.text, self.complaints)
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until the page is whole and stays so."""
        time.sleep(0.2)
        self.wait(lambda: self.evaluate("document.readyState") == "complete")

    def cookies(self) -> list[dict[str, Any]]:
        """Return every cookie of the browser, also those that no page sees."""
        found: list[dict[str, Any]] = self.call("Network.getAllCookies")["cookies"]
        return found

    def screenshot(self, path: Path) -> None:
        """Write a picture of the page."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._out], [], [], max(0.0, left))
            assert ready, "the browser does not answer"
            piece = os.read(self._out, _PIECE)
            assert piece, "the browser ended"
            self._rest += piece
        raw, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        return message


@contextlib.contextmanager
def browser(
    folder: Path, certificates: Sequence[Path], inside: Sequence[str] = ()
) -> Iterator[Page]:
    """Give a tab of a fresh browser that believes these certificates, and chains with them."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed on this machine")
    believed = ",".join(_digest(one) for one in certificates)
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    command = [*inside, program, *_FLAGS, f"--user-data-dir={folder}"]
    command += [f"--ignore-certificate-errors-spki-list={believed}", "about:blank"]
    script = f'exec "$@" 3<&{to_read} 4>&{from_write}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", script, "bash", *command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield _tab(Page(to_write, from_read))
    finally:
        os.close(to_write)
        process.kill()
        process.wait(10)
        os.close(from_read)


def _tab(page: Page) -> Page:
    target = page.call("Target.createTarget", url="about:blank")["targetId"]
    attached = page.call("Target.attachToTarget", targetId=target, flatten=True)
    page.session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        page.call(f"{domain}.enable")
    return page


def _digest(path: Path) -> str:
    """Return the SHA-256 of a certificate's public key, as Chromium's flag wants it."""
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    content = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
