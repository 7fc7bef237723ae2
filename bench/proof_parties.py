"""Who takes part in the demonstration of proofs: a customer, the operator's staff, an auditor."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.parties import caller
from bench.universe import REMPART, Broken, Universe, bare_environment

BUCKET, OBJECT = "records", "logs/today"
CONTENT = b"what only the customer may read"
STAFF_PROJECT = "operations"
READY_SECONDS_MAX = 10.0
RULES = """
[[networks]]
name = "administration"
ranges = ["127.0.0.0/8"]
country = "FR"
"""
PERSON = """
[[staff]]
name = "Ada Martin"
members = ["serviceAccount:{email}"]
employer = "Operator SA"
control = "FR"
residence = "FR"
clearance = "7.1.b"
clearance_until = 2099-01-01
training_due = 2099-01-01
"""


@dataclass
class Customer:
    """Who has the data, on a machine of their own."""

    universe: Universe

    def say(self, *words: str, code: int | None = 0) -> str:
        """Type a command; raises `Broken` where it ends otherwise than it should."""
        return typed(words, self.universe.environment, code)

    def prepare(self) -> None:
        """Make a bucket with something in it, whose reads are on record."""
        told = self.universe.environment
        document = {
            "name": BUCKET,
            "location": told["REMPART_LOCATION"],
            "labels": {"rempart-sensitivity": "restricted"},
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        }
        asked(self.universe, "/storage/v1/b", document, project=told["GOOGLE_CLOUD_PROJECT"])
        with caller(self.universe) as asking:
            path = f"/upload/storage/v1/b/{BUCKET}/o"
            query = {"uploadType": "media", "name": OBJECT}
            asking.post(path, params=query, content=CONTENT).raise_for_status()

    def decide(self, verb: str, name: str) -> None:
        """Approve or dismiss a request."""
        asked(self.universe, f"/accessapproval/v1/{name}:{verb}", {})


@dataclass
class Staff:
    """The operator's Ada, who has an account of the operator's own and a key for it."""

    universe: Universe
    home: Path
    key: dict[str, str] = field(default_factory=dict)

    def employ(self) -> None:
        """Give her an account, and have an officer attest who she is."""
        environment = self.universe.environment
        prefix = environment["GOOGLE_CLOUD_PROJECT"].partition(":")[0]
        project = f"{prefix}:{STAFF_PROJECT}"
        parent = _parent(self.universe, environment["GOOGLE_CLOUD_PROJECT"])
        made = {"projectId": project, "parent": parent, "displayName": "operations"}
        asked(self.universe, "/cloudresourcemanager/v3/projects", made)
        account = asked(
            self.universe, f"/iam/v1/projects/{project}/serviceAccounts", {"accountId": "ada-staff"}
        )
        key = asked(self.universe, f"/iam/v1/{account['name']}/keys", {})
        self.key = json.loads(base64.b64decode(key["privateKeyData"]))
        (self.home / "ada.json").write_text(json.dumps(self.key))
        self._attest(project)

    def _attest(self, project: str) -> None:
        home, data = self.home, self.universe.data
        (home / "words").write_text("an officer's passphrase, for this demonstration\n")
        (home / "words").chmod(0o600)
        words = ("--officer-passphrase-file", str(home / "words"))
        officer = str(home / "chloe.key")
        bare = bare_environment(home)
        typed(("ekm", "officer", "new", "--name", "Chloe", "--out", officer, *words), bare)
        (home / "chloe.json").write_text(typed(("ekm", "officer", "public", officer), bare))
        told = ("--entity", "Operator SA", "--domain", "operator.example")
        own = ("--own", f"projects/{project}", "--officer", str(home / "chloe.json"))
        typed(("staff", "init", *told, *own, "--data", str(data)), bare)
        with (data / "sovereignty.toml").open("a") as rules:
            rules.write(RULES)
        (home / "staff.toml").write_text(PERSON.format(email=self.key["client_email"]))
        signed = ("--officer", officer, *words, "--data", str(data))
        typed(("staff", "sign", str(home / "staff.toml"), *signed), bare)
        time.sleep(1.5)  # the files are looked at once a second

    def ask(self, case: str) -> str:
        """Ask the customer for a look at the object's prefix; return the request's name."""
        words = ("support", "open", f"gs://{BUCKET}/logs", "--case", case, "--json")
        told = self.say(*words, "--detail", "it does not open since noon", "--minutes", "10")
        return str(json.loads(told)["request"]["name"])

    def say(self, *words: str, code: int | None = 0) -> str:
        """Type a command as Ada."""
        key = str(self.home / "ada.json")
        mine = self.universe.environment | {"GOOGLE_APPLICATION_CREDENTIALS": key}
        return typed(words, mine, code)

    def read(self) -> httpx.Response:
        """Try to read the customer's object."""
        token = typed(
            ("token", "--data", str(self.universe.data), "--key", str(self.home / "ada.json")),
            self.universe.environment,
        ).strip()
        return httpx.get(
            f"{self.universe.plain_url}/storage/v1/b/{BUCKET}/o/{OBJECT.replace('/', '%2F')}",
            params={"alt": "media"},
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
        )


@dataclass
class Auditor:
    """Somebody with a laptop: a policy of their own, and what they were given before."""

    home: Path

    @property
    def policy(self) -> Path:
        return self.home / "policy"

    def keep(self, universe: Universe, name: str) -> Path:
        """Keep the published checkpoint."""
        path = self.home / name
        answer = httpx.get(f"{universe.plain_url}/.log/checkpoint", trust_env=False)
        answer.raise_for_status()
        path.write_bytes(answer.content)
        return path

    def verify(self, *words: str | Path) -> tuple[int, str]:
        """Verify offline, with the verifier alone; return its exit code and what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "rempart.verifier", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
        )
        return done.returncode, done.stdout + done.stderr


def asked(universe: Universe, path: str, document: dict[str, Any], **query: str) -> dict[str, Any]:
    """Return the answer to the administrator's request; raises `Broken`."""
    with caller(universe) as asking:
        answer = asking.post(path, json=document, params=query)
    if answer.is_error:
        raise Broken(f"{path}: {answer.text}")
    content: dict[str, Any] = answer.json()
    return content


def typed(words: tuple[str, ...], environment: dict[str, str], code: int | None = 0) -> str:
    """Run a `rempart` command and return what it prints; `code` None admits any end."""
    done = subprocess.run(
        [REMPART, *words], capture_output=True, text=True, env=environment, check=False
    )
    if code is not None and done.returncode != code:
        raise Broken(f"rempart {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if done.returncode else "")


def _parent(universe: Universe, project: str) -> str:
    with caller(universe) as asking:
        answer = asking.get(f"/cloudresourcemanager/v3/projects/{project}")
    return str(answer.json()["parent"])
