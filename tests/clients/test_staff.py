"""`rempart staff` on a real universe: rules written, a register signed, taken in and enforced."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.universe import REMPART, Universe, created

PASSPHRASE = "correct horse battery staple"
ENFORCED_SECONDS_MAX = 10
NETWORK = """
[[networks]]
name = "administration"
ranges = ["{range}"]
country = "FR"
"""


@pytest.fixture
def officer(universe: Universe, tmp_path: Path) -> Path:
    """Return the key file of an officer, made as an officer makes it."""
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    key = tmp_path / "chloe.key"
    universe.run(REMPART, "ekm", "officer", "new", "--name", "chloe", "--out", key,
                 "--officer-passphrase-file", secret)  # fmt: skip
    return key


@pytest.fixture
def data(universe: Universe) -> Iterator[Path]:
    """Return the data directory; what a test adds to it is taken away, and out of force."""
    yield universe.data
    for name in ("sovereignty.toml", "staff-register.jws"):
        (universe.data / name).unlink(missing_ok=True)
    universe.restart()


def staff(universe: Universe, *words: str | Path, code: int = 0) -> str:
    done = universe.run(REMPART, "staff", *words, code=code)
    return done.stdout if code == 0 else done.stderr


def eventually(caller: httpx.Client, path: str, wanted: int, query: Any = None) -> httpx.Response:
    """Ask until an answer has a status: files are looked at once a second."""
    deadline = time.monotonic() + ENFORCED_SECONDS_MAX
    while (answer := caller.get(path, params=query)).status_code != wanted:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    return answer


def test_a_register_is_signed_checked_and_enforced(
    universe: Universe, admin: httpx.Client, officer: Path, data: Path, tmp_path: Path
) -> None:
    robot = universe.keys["neighbour"]["client_email"]
    project = universe.keys["neighbour"]["project_id"]
    query = {"project": project}
    public = tmp_path / "chloe.json"
    public.write_text(universe.run(REMPART, "ekm", "officer", "public", officer).stdout)
    domain = robot.rpartition("@")[2]
    said = staff(universe, "init", "--data", data, "--entity", "Exploitant SA", "--domain", domain,
                 "--own", f"projects/{project}", "--officer", public)  # fmt: skip
    assert "sovereignty.toml" in said
    assert "It is unharmed" in staff(universe, "init", "--data", data, "--entity", "x", "--domain",
                                     "x.test", "--officer", public, code=1)  # fmt: skip
    with universe.caller(universe.token(universe.keys["neighbour"])) as clerk:
        refused = eventually(clerk, "/storage/v1/b", 403, query)
        assert "staff-register" in refused.text
        assert admin.get("/storage/v1/b", params={"project": universe.project}).is_success

        source = tmp_path / "staff.toml"
        person = {
            "name": "Ada Martin",
            "members": [f"serviceAccount:{robot}"],
            "employer": "Exploitant SA",
            "control": "FR",
            "residence": "FR",
        }
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in person.items())
        source.write_text(f"[[staff]]\n{lines}")
        secret = ("--officer-passphrase-file", tmp_path / "passphrase")
        staff(universe, "sign", source, "--data", data, "--officer", officer, *secret)
        assert "no clearance" in staff(universe, "check", "--data", data)
        refused = eventually(clerk, "/storage/v1/b", 403, query)
        rules = data / "sovereignty.toml"
        rules.write_text(rules.read_text() + NETWORK.format(range="127.0.0.0/8"))
        eventually(clerk, "/storage/v1/b", 200, query)
        keys = f"/storage/v1/projects/{project}/hmacKeys"
        made = clerk.post(keys, params={"serviceAccountEmail": robot})
        assert made.status_code == 403
        assert "secnumcloud-7.1.b" in made.text


def test_a_list_with_a_mistake_is_not_signed(
    universe: Universe, officer: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "staff.toml", tmp_path / "register.jws"
    source.write_text("[[staff]]\nname = 'Ada'\n")
    secret = ("--officer-passphrase-file", tmp_path / "passphrase")
    words = ("sign", source, "--out", out, "--officer", officer, *secret)
    assert "is no list of staff" in staff(universe, *words, code=1)
    assert not out.exists()


def test_an_approval_is_printed_for_a_header(
    universe: Universe, officer: Path, tmp_path: Path
) -> None:
    secret = ("--officer-passphrase-file", tmp_path / "passphrase")
    what = ("--permission", "storage.objects.get", "--resource", "projects/_/buckets/b")
    words = ("approve", "--officer", officer, *secret, "--principal", "user:A@b.test", *what)
    token = staff(universe, *words)
    assert token.count(".") == 2


def test_a_label_of_sensitivity_is_not_lowered_without_its_permission(
    universe: Universe, admin: httpx.Client
) -> None:
    labels = {"labels": {"rempart-sensitivity": "sensible"}}
    bucket = created(admin, universe, f"labelled-{time.time_ns():x}", labels)
    path = f"/storage/v1/b/{bucket}"
    lower = {"labels": {"rempart-sensitivity": "interne"}}
    refused = admin.patch(path, json=lower)
    assert refused.status_code == 403
    assert "rempart.sensitivity.lower" in refused.text
    assert admin.patch(path, json={"labels": None}).status_code == 403
    raised = {"labels": {"rempart-sensitivity": "diffusion-restreinte", "team": "red"}}
    assert admin.patch(path, json=raised).status_code == 200
    unknown = admin.patch(path, json={"labels": {"rempart-sensitivity": "secret"}})
    assert unknown.status_code == 400
    member = f"serviceAccount:{universe.admin_key['client_email']}"
    binding = {"role": "roles/rempart.sensitivityAdmin", "members": [member]}
    policy = admin.get(f"{path}/iam").json()
    policy["bindings"].append(binding)
    assert admin.put(f"{path}/iam", json=policy).status_code == 400, "an owner's own gift"
    top = f"/cloudresourcemanager/v3/{organization(admin)}"
    before = admin.post(
        f"{top}:getIamPolicy", json={"options": {"requestedPolicyVersion": 3}}
    ).json()
    given = {**before, "bindings": [*before["bindings"], binding]}
    assert admin.post(f"{top}:setIamPolicy", json={"policy": given}).status_code == 200
    try:
        assert admin.patch(path, json=lower).status_code == 200
    finally:
        bindings = {"bindings": before["bindings"], "version": 3}
        assert admin.post(f"{top}:setIamPolicy", json={"policy": bindings}).status_code == 200


def organization(admin: httpx.Client) -> str:
    [found] = admin.get("/cloudresourcemanager/v3/organizations:search").json()["organizations"]
    return str(found["name"])
