"""A project of one's own by gcloud: made, entered, and used for keys and buckets at once."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx

from support.universe import Universe, program


def test_gcloud_makes_a_project_and_keeps_objects_there_under_its_own_key(
    universe: Universe, admin: httpx.Client, tmp_path: Path
) -> None:
    """Without a name gcloud gives the id as one; then it asks after the operation."""
    command, name = program("gcloud"), f"own-{uuid.uuid4().hex[:12]}"
    project, bucket = f"{universe.project.partition(':')[0]}:{name}", f"gs://{name}"
    (tmp_path / "plan").write_text("the plan")

    def gcloud(*words: str) -> str:
        entered = {"CLOUDSDK_CORE_PROJECT": project}
        return universe.run(command, *words, cwd=tmp_path, env=entered).stdout

    gcloud("projects", "create", project)
    at = f"--location={universe.location}"
    gcloud("kms", "keyrings", "create", "own", at)
    gcloud("kms", "keys", "create", "files", "--keyring=own", at, "--purpose=encryption")
    key = f"projects/{project}/locations/{universe.location}/keyRings/own/cryptoKeys/files"
    gcloud("storage", "service-agent", f"--authorize-cmek={key}")
    gcloud("storage", "buckets", "create", bucket, at, f"--default-encryption-key={key}")
    gcloud("storage", "cp", "plan", f"{bucket}/plan")
    assert gcloud("storage", "cat", f"{bucket}/plan").strip() == "the plan"
    plan = f"/storage/v1/b/{name}/o/plan"
    assert admin.get(plan).json()["kmsKeyName"] == f"{key}/cryptoKeyVersions/1"
    gone = admin.delete(f"/cloudresourcemanager/v3/projects/{project}")
    assert gone.status_code == 200, gone.text
    assert admin.get(plan).status_code == 403
