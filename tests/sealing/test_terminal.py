"""What a terminal shows: each share once, and nothing of one that is typed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

from sealing.stand import Stand, root_in
from support.universe import REMPART

SECONDS_MAX = 30
NUMBERED = re.compile(r"\b\d{1,2} ([a-z]{3,})\b")


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words: str | Path) -> None:
        self.shown = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(REMPART, [REMPART, *map(str, words)])

    def until(self, text: str) -> str:
        """Return what is shown up to and with this text, and forget it."""
        deadline = time.monotonic() + SECONDS_MAX
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read()
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def type(self, keys: str) -> None:
        time.sleep(0.2)  # a terminal forgets what is typed before it is asked for
        os.write(self._terminal, keys.encode())

    def end(self) -> tuple[int, str]:
        """Return the exit code and what is left on the screen."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status), self.shown

    def _read(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], SECONDS_MAX)
        if not ready:
            os.kill(self._pid, signal.SIGKILL)
        try:
            self.shown += os.read(self._terminal, 65536).decode()
        except OSError:  # its other end is closed
            return False
        return True


def shown(terminal: Terminal, count: int) -> list[str]:
    """Go through the shares as the custodians do, and return what each wrote down."""
    written = []
    for _ in range(count):
        terminal.until("press a key")
        terminal.type(" ")
        written.append(" ".join(NUMBERED.findall(terminal.until("press a key"))))
        terminal.type(" ")
    return written


def test_each_custodian_sees_their_own_share_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    terminal = Terminal("init", "--data", data, "--seal", "custodians:2/3")
    words = shown(terminal, 3)
    # Between two custodians the screen is wiped, and what scrolled out of it.
    assert "\x1b[3J" in terminal.until("written down their words?")
    terminal.type("y\n")
    code, rest = terminal.end()
    assert code == 0, rest
    assert "Created the universe" in rest
    assert len(root_in(data, words)) == 32


def test_nothing_is_created_where_a_custodian_has_missed_their_words(tmp_path: Path) -> None:
    terminal = Terminal("init", "--data", tmp_path / "data", "--seal", "custodians:2/2")
    shown(terminal, 2)
    terminal.until("written down their words?")
    terminal.type("n\n")
    code, rest = terminal.end()
    assert code == 1
    assert "open nothing" in rest
    assert not (tmp_path / "data").exists()


def test_a_share_that_is_typed_is_not_shown(stand: Stand) -> None:
    terminal = Terminal("unseal", "--data", stand.data)
    prompt = terminal.until("is not shown)")
    assert "Share 1 of 2" in prompt
    terminal.type(stand.words[0] + "\n")
    code, rest = terminal.end()
    assert code == 0
    assert "Taken: 1 of 2 shares are here." in rest
    assert not set(stand.words[0].split()) & set(re.findall(r"[a-z]{4,}", rest))
