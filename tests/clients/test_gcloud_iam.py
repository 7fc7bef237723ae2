"""`gcloud iam` as it comes, told nothing but what `rempart env` exports."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.cloud_iam import certificate, rsa_key
from support.universe import Universe, program

Iam = Callable[..., Any]


@pytest.fixture
def iam(universe: Universe, tmp_path: Path) -> Iam:
    """Return a function that runs `gcloud iam …` in an empty folder and returns what it prints."""
    gcloud = program("gcloud")

    def run(*words: str, code: int = 0) -> Any:
        done = universe.run(gcloud, "iam", *words, "--format=json", code=code, cwd=tmp_path)
        if code:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_an_account_lives_and_its_keys_work(
    iam: Iam, universe: Universe, admin: httpx.Client, tmp_path: Path
) -> None:
    name = f"robot-{uuid.uuid4().hex[:8]}"
    made = iam("service-accounts", "create", name, "--display-name=Robot", "--description=works")
    email, of = made["email"], f"--iam-account={made['email']}"
    assert (made["displayName"], made["description"]) == ("Robot", "works")
    policy = iam(
        "service-accounts", "add-iam-policy-binding", email, f"--member=serviceAccount:{email}",
        "--role=roles/iam.serviceAccountViewer",
    )  # fmt: skip
    assert policy["bindings"][0]["members"] == [f"serviceAccount:{email}"]
    iam("service-accounts", "keys", "create", "key.json", of)
    key = json.loads((tmp_path / "key.json").read_text())
    with universe.caller(universe.token(key)) as robot:
        account = f"/iam/v1/projects/-/serviceAccounts/{email}"
        assert robot.get(account).json()["uniqueId"] == made["uniqueId"]
        iam("service-accounts", "delete", email)
        assert robot.get(account).status_code == 401
        iam("service-accounts", "undelete", made["uniqueId"])
        assert robot.get(account).status_code == 200
        iam("service-accounts", "keys", "delete", key["private_key_id"], of)
        assert robot.get(account).status_code == 401
    (tmp_path / "my.pem").write_bytes(base64.b64decode(certificate(rsa_key(), datetime.now(UTC))))
    iam("service-accounts", "keys", "upload", "my.pem", of)
    listed = admin.get(f"/iam/v1/projects/-/serviceAccounts/{email}/keys").json()
    assert [one["keyOrigin"] for one in listed["keys"]] == ["USER_PROVIDED"]


def test_a_custom_role_lives(iam: Iam, universe: Universe, admin: httpx.Client) -> None:
    id_, at = f"role_{uuid.uuid4().hex[:8]}", f"--project={universe.project}"
    made = iam(
        "roles", "create", id_, at, "--title=Readers", "--stage=GA",
        "--permissions=storage.objects.get,storage.objects.list",
    )  # fmt: skip
    assert made["includedPermissions"] == ["storage.objects.get", "storage.objects.list"]
    changed = iam("roles", "update", id_, at, "--remove-permissions=storage.objects.list")
    assert changed["includedPermissions"] == ["storage.objects.get"]
    iam("roles", "delete", id_, at)
    assert admin.get(f"/iam/v1/{made['name']}").json()["deleted"]
    iam("roles", "undelete", id_, at)
    assert "deleted" not in admin.get(f"/iam/v1/{made['name']}").json()


def test_the_catalogue_answers(iam: Iam, universe: Universe) -> None:
    resource = f"//cloudresourcemanager.googleapis.com/projects/{universe.project}"
    grantable = iam("list-grantable-roles", resource)
    assert "roles/storage.admin" in [one["name"] for one in grantable]
    testable = iam("list-testable-permissions", resource, "--filter=name:iam.roles")
    assert "iam.roles.create" in [one["name"] for one in testable]
