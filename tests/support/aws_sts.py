"""A token service of AWS's kind, outside the universe: moto over TLS, as a process of its own.

moto checks every signature (by botocore) once the set-up is done.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from google.auth import aws

from support.authority import Authority
from support.universe import free_ports

HOST, REGION, ACCOUNT = "sts.outside.test", "eu-west-3", "123456789012"
QUERY = "?Action=GetCallerIdentity&Version=2011-06-15"
PROGRAM = Path(__file__).with_name("aws_sts_program.py")
_READY_SECONDS_MAX = 60.0


@dataclass
class AWS:
    """The running server, with a user and a role's session in it."""

    port: int
    authority: Authority
    user: aws.AwsSecurityCredentials
    role: aws.AwsSecurityCredentials

    @property
    def endpoint(self) -> str:
        return f"https://{HOST}:{self.port}"


@contextmanager
def running(folder: Path) -> Iterator[AWS]:
    """Run the server for as long as the context lasts."""
    authority, (port,) = Authority("AWS"), free_ports(1)
    certificate, key = authority.issue(folder, HOST)
    arguments = [sys.executable, str(PROGRAM), str(port), str(certificate), str(key)]
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=authority.trust(),
            headers={"host": HOST},
        ) as client:
            client.event_hooks = {"request": [_name_the_host]}
            _wait(client, process)
            user, role = _user(client), _session(client)
            assert client.post("/moto-api/reset-auth", content=b"0").status_code == 200
        yield AWS(port, authority, user, role)
    finally:
        process.terminate()
        process.wait(10)


def _name_the_host(request: httpx.Request) -> None:
    request.extensions = {**request.extensions, "sni_hostname": HOST}


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS_MAX
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            client.get("/moto-api/")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return


def _ask(client: httpx.Client, service: str, **form: str) -> dict[str, str]:
    scope = f"AKIAIOSFODNN7EXAMPLE/20200101/{REGION}/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    answer = client.post("/", data=form, headers={"authorization": authorization})
    assert answer.status_code == 200, answer.text
    return dict(re.findall(r"<(\w+)>([^<]+)</\1>", answer.text))


def _user(client: httpx.Client) -> aws.AwsSecurityCredentials:
    _ask(client, "iam", Action="CreateUser", UserName="robot", Version="2010-05-08")
    made = _ask(client, "iam", Action="CreateAccessKey", UserName="robot", Version="2010-05-08")
    return aws.AwsSecurityCredentials(made["AccessKeyId"], made["SecretAccessKey"])


def _session(client: httpx.Client) -> aws.AwsSecurityCredentials:
    form = {"RoleName": "loader", "AssumeRolePolicyDocument": "{}", "Version": "2010-05-08"}
    role = _ask(client, "iam", Action="CreateRole", **form)
    form = {"RoleArn": role["Arn"], "RoleSessionName": "night", "Version": "2011-06-15"}
    made = _ask(client, "sts", Action="AssumeRole", **form)
    return aws.AwsSecurityCredentials(
        made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
    )
