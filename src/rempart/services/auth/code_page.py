"""`https://sdk.<cloud web domain>`: shows a code for copying, where a program has no browser.

And `https://docs.<domain>/sdk/auth_success`, where gcloud's own little server sends the browser.
"""

from __future__ import annotations

import re

from rempart.core.call import Call, Reply
from rempart.services.auth.clients import PAGES
from rempart.services.auth.page import page, style

_CODE = re.compile(r"[A-Za-z0-9_-]{43}")
_RESULTS = {
    "/sdk/auth_success": ("You are signed in", "The program has what it needs. Close this page."),
    "/sdk/auth_failure": ("Nobody was signed in", "The program was not let in. Begin again there."),
}


class CodePages:
    """Answers requests to the hosts `sdk` and `docs`."""

    async def serve(self, call: Call) -> Reply:
        """Show a code, or how a sign-in ended."""
        path = call.path["path"]
        if path == "/style.css":
            return style()
        if path.removeprefix("/") in PAGES:
            return _code(call)
        title, text = _RESULTS.get(path, ("No such page", "There is no such page here."))
        return page("message", title, {"text": text}, status=200 if path in _RESULTS else 404)


def _code(call: Call) -> Reply:
    code = call.query.get("code", "")
    if _CODE.fullmatch(code):
        return page("code", "Copy this code", {"code": code})
    text = "The program was not let in. Begin again there."
    return page("message", "Nobody was signed in", {"text": text}, status=400)
