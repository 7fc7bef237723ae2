"""Somebody who calls the APIs over REST, in as few words as a test needs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]


def posted(who: httpx.Client, path: str, document: Any, **query: str) -> Json:
    """Post, and return the answer."""
    answer = who.post(path, json=document, params=query)
    assert answer.status_code == 200, (path, answer.text)
    content: Json = answer.json()
    return content


def new_account(admin: httpx.Client, project: str, name: str) -> dict[str, str]:
    """Make a service account, and return a key file of it."""
    made = posted(admin, f"/iam/v1/projects/{project}/serviceAccounts", {"accountId": name})
    key = posted(admin, f"/iam/v1/{made['name']}/keys", {})
    content: dict[str, str] = json.loads(base64.b64decode(key["privateKeyData"]))
    return content


@dataclass
class Caller:
    """Somebody who calls the APIs over REST."""

    http: httpx.Client
    token: str = ""

    def ask(self, verb: str, path: str, body: Any = None, **query: str) -> Json:
        """Call, and return the answer; of an operation, which is done here at once, its result."""
        answer = self.http.request(verb, f"/{path}", params=query, json=body)
        assert answer.status_code in {200, 204}, f"{verb} {path}: {answer.text}"
        shown: Json = answer.json() if answer.content else {}
        result: Json = shown.get("response", shown)
        return result

    def refused(self, verb: str, path: str, body: Any = None, **query: str) -> str:
        """Call, and return the text of the refusal."""
        answer = self.http.request(verb, f"/{path}", params=query, json=body)
        assert answer.status_code in {400, 403, 404, 412}, f"{verb} {path}: {answer.text}"
        return answer.text

    def may(self, verb: str, path: str, body: Any = None, **query: str) -> bool:
        """Tell whether a call is answered, or else refused for want of rights."""
        answer = self.http.request(verb, f"/{path}", params=query, json=body)
        assert answer.status_code in {200, 403}, f"{verb} {path}: {answer.text}"
        return answer.status_code == 200

    def grant(self, path: str, *given: tuple[str, str], condition: Json | None = None) -> None:
        """Add bindings (role, member) to a policy."""
        policy = self.policy(path)
        more = {"condition": condition} if condition else {}
        new = [{"role": role, "members": [member], **more} for role, member in given]
        self.set_iam(path, policy | {"bindings": [*policy.get("bindings", ()), *new]})

    def policy(self, path: str) -> Json:
        """Return a policy with its conditions."""
        if path.startswith("storage/"):
            return self.ask("GET", f"{path}/iam", optionsRequestedPolicyVersion="3")
        if path.startswith("cloudkms/"):
            return self.ask("GET", f"{path}:getIamPolicy")
        options = {"options": {"requestedPolicyVersion": 3}}
        return self.ask("POST", f"{path}:getIamPolicy", options)

    def set_iam(self, path: str, policy: Json) -> None:
        """Replace a policy."""
        given = policy | {"version": 3}
        if path.startswith("storage/"):
            self.ask("PUT", f"{path}/iam", given)
        else:
            self.ask("POST", f"{path}:setIamPolicy", {"policy": given})
