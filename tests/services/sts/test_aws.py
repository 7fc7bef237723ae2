"""AWS credentials: whom a token service of AWS vouches for, and requests that are no credential."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from google.auth import aws
from typing_extensions import override

from rempart import outbound
from rempart.services.sts import STS
from rempart.trust.identity.federation.aws import AGE_SECONDS_MAX, TARGET, STSEndpoints
from rempart.trust.identity.federation.federation import Federation
from rempart.trust.identity.federation.issuers import Issuers
from support.authority import Authority
from support.aws_sts import ACCOUNT, AWS, HOST, QUERY, REGION, running
from support.federated import Outside
from support.worlds import NOW

REQUEST_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
USER = f"arn:aws:iam::{ACCOUNT}:user/robot"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/loader/night"
SOME = aws.AwsSecurityCredentials("AKIAIOSFODNN7EXAMPLE", "a secret")

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    with running(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the name of the token service lead to this machine, as a resolver outside would."""
    asked: Any = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        return asked("127.0.0.1" if host == HOST else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@dataclass
class Elsewhere:
    """A pool with a provider of an AWS account; `port` is where its token service stands."""

    outside: Outside
    port: int

    @classmethod
    async def start(
        cls, authority: Authority, port: int, *, unsigned: bool = False, **settings: Any
    ) -> Elsewhere:
        given = {"attributeMapping": {}, "aws": {"accountId": ACCOUNT}} | settings
        outside = await Outside.start(oidc=None, **given)
        outside.iam.cloud.clock.advance(int(time.time()) - NOW)
        parts = outside.iam.cloud.parts
        issuers = Issuers(authority.pem, parts.world.clock)
        asked = STSEndpoints(issuers, (f"https://{HOST}:{port}",), unsigned)
        federation = Federation(parts.sealed, issuers, asked, parts.world)
        outside.exchanger = STS(parts.identity, federation, parts.recorder)
        return cls(outside, port)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}{QUERY}"

    def signed(
        self,
        who: aws.AwsSecurityCredentials = SOME,
        *,
        url: str = "",
        audience: str = "",
        method: str = "POST",
    ) -> dict[str, Any]:
        """Return a request as Google's libraries for Go and Java sign it."""
        make: Any = aws.RequestSigner
        target = {TARGET: audience or self.outside.audience}
        return dict(
            make(REGION).get_request_options(
                who, url or self.url, method, additional_headers=target
            )
        )

    async def exchange(self, request: dict[str, Any] | str) -> tuple[int, dict[str, Any]]:
        """Ask for a token with a request, or with any other text."""
        token = request
        if isinstance(request, dict):
            pairs = [{"key": key, "value": said} for key, said in request["headers"].items()]
            token = quote(json.dumps(request | {"headers": pairs}))
        return await self.outside.exchange(str(token), subject_token_type=REQUEST_TYPE)

    async def refuses(self, request: dict[str, Any] | str, *, error: str = "invalid_grant") -> str:
        status, answer = await self.exchange(request)
        assert (status, answer["error"]) == (400, error), answer
        description: str = answer["error_description"]
        return description


async def test_a_user_and_a_role_become_identities_of_the_pool(amazon: AWS) -> None:
    elsewhere = await Elsewhere.start(amazon.authority, amazon.port)
    outside, found = elsewhere.outside, []
    for who in (amazon.user, amazon.role):
        status, answer = await elsewhere.exchange(elsewhere.signed(who))
        assert status == 200, answer
        found.append(await outside.principal(answer["access_token"]))
    assert [one.member for one in found] == [
        outside.member(f"subject/{arn}") for arn in (USER, ROLE)
    ]
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/loader"
    assert outside.member(f"attribute.aws_role/{USER}") in found[0].sets
    assert outside.member(f"attribute.aws_role/{role}") in found[1].sets


async def test_mappings_and_conditions_read_arn_account_and_userid(amazon: AWS) -> None:
    elsewhere = await Elsewhere.start(
        amazon.authority,
        amazon.port,
        attributeMapping={
            "google.subject": "assertion.userid.extract('{id}:night')",
            "attribute.account": "assertion.account",
        },
        attributeCondition=f"assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/')",
    )
    status, answer = await elsewhere.exchange(elsewhere.signed(amazon.role))
    assert status == 200, answer
    principal = await elsewhere.outside.principal(answer["access_token"])
    assert "/subject/AROA" in principal.member
    assert elsewhere.outside.member(f"attribute.account/{ACCOUNT}") in principal.sets
    await elsewhere.refuses(elsewhere.signed(amazon.user))


async def test_googles_python_library_signs_no_audience_and_is_taken_where_that_is_accepted(
    amazon: AWS,
) -> None:
    class Supplier(aws.AwsSecurityCredentialsSupplier):
        @override
        def get_aws_security_credentials(self, context: Any, request: Any) -> Any:
            return amazon.user

        @override
        def get_aws_region(self, context: Any, request: Any) -> str:
            return REGION

    for unsigned in (False, True):
        elsewhere = await Elsewhere.start(amazon.authority, amazon.port, unsigned=unsigned)
        make: Any = aws.Credentials
        credentials = make(
            audience=elsewhere.outside.audience,
            subject_token_type=REQUEST_TYPE,
            aws_security_credentials_supplier=Supplier(),
        )
        credentials._cred_verification_url = elsewhere.url
        token = credentials.retrieve_subject_token(None)
        if unsigned:
            assert (await elsewhere.exchange(token))[0] == 200
        else:
            assert "aws_sts_unsigned_target" in await elsewhere.refuses(token)


async def test_a_signature_that_is_wrong_or_of_another_account_makes_nobody(amazon: AWS) -> None:
    elsewhere = await Elsewhere.start(amazon.authority, amazon.port)
    thief = aws.AwsSecurityCredentials(amazon.user.access_key_id, "another secret")
    assert "does not accept" in await elsewhere.refuses(elsewhere.signed(thief))
    other = await Elsewhere.start(amazon.authority, amazon.port, aws={"accountId": ACCOUNT[::-1]})
    assert "account" in await other.refuses(other.signed(amazon.user))


async def test_a_request_for_one_provider_is_none_for_another(amazon: AWS) -> None:
    elsewhere = await Elsewhere.start(amazon.authority, amazon.port)
    here = elsewhere.outside.audience
    for audience in (f"{here}x", "https://evil.example.test/", here.replace("//", "http://")):
        request = elsewhere.signed(amazon.user, audience=audience)
        assert "audience" in await elsewhere.refuses(request)
        request["headers"][TARGET] = here
        assert "does not accept" in await elsewhere.refuses(request)
    request = elsewhere.signed(amazon.user, audience=f"https:{here}")
    assert (await elsewhere.exchange(request))[0] == 200


@dataclass
class Fake:
    """A token service that answers as it is told, and remembers what it was asked."""

    authority: Authority
    port: int
    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def faker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fake]:
    authority, told = Authority("Fake"), list[Fake]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake = told[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(headers["content-length"]))
            fake.asked.append((self.command, self.path, headers, content))
            time.sleep(fake.seconds)
            self.send_response(fake.status)
            for name, value in fake.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked may have gone
                self.wfile.write(fake.content)

        @override
        def log_message(self, *args: object) -> None:
            del args

    certificate, key = authority.issue(tmp_path_factory.mktemp("fake"), HOST)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told.append(Fake(authority, server.server_address[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told[0]
    server.shutdown()
    server.server_close()


@pytest.fixture
def fake(faker: Fake) -> Fake:
    """Return the service with its usual answer, asked nothing."""
    faker.__init__(faker.authority, faker.port, content=answered())  # type: ignore[misc]
    return faker


def answered(arn: str = USER, account: str = ACCOUNT, userid: str = "AIDA") -> bytes:
    said = f"<Arn>{arn}</Arn><UserId>{userid}</UserId><Account>{account}</Account>"
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{said}</GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


async def test_what_is_sent_on_is_the_signed_request_and_nothing_else(fake: Fake) -> None:
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    request = elsewhere.signed(aws.AwsSecurityCredentials("A" * 20, "secret", "a session"))
    status, answer = await elsewhere.exchange(request)
    assert status == 200, answer
    ((verb, path, headers, content),) = fake.asked
    assert (verb, path, content) == ("POST", f"/{QUERY}", b"")
    signed = {name.lower(): value for name, value in request["headers"].items()}
    assert signed.items() <= headers.items()
    assert headers.keys() - signed.keys() == {"accept-encoding", "content-length"}


def _header(name: str, value: object) -> Change:
    return lambda request: request["headers"].__setitem__(name, value)


def _without(name: str) -> Change:
    return lambda request: request["headers"].pop(name)


def _signature(old: str, new: str) -> Change:
    def change(request: dict[str, Any]) -> None:
        said = request["headers"]["Authorization"]
        assert old in said
        request["headers"]["Authorization"] = said.replace(old, new)

    return change


def _url(change: Callable[[str], str]) -> Change:
    return lambda request: request.__setitem__("url", change(request["url"]))


@pytest.mark.parametrize(
    "change",
    [
        _url(lambda url: url.replace("https", "http")),
        _url(lambda url: url.replace("GetCallerIdentity", "GetSessionToken")),
        _url(lambda url: f"{url}&Action=AssumeRole"),
        _url(lambda url: url.replace("?", "/../?")),
        _url(lambda url: url.replace("?", "/x?")),
        _url(lambda url: f"{url}#x"),
        _url(lambda url: url.replace(HOST, f"{HOST}.evil.test")),
        _url(lambda url: url.replace(HOST, f"user@{HOST}")),
        _url(lambda url: url.replace(HOST, f"{HOST}@169.254.169.254")),
        _url(lambda _: f"https://169.254.169.254/{QUERY}"),
        _url(lambda _: f"https://localhost/{QUERY}"),
        _url(lambda _: ""),
        lambda request: request.__setitem__("url", ["x"]),
        lambda request: request.__setitem__("method", "GET"),
        lambda request: request.__setitem__("method", "POST / HTTP/1.1\r\nX: y"),
        lambda request: request.__setitem__("data", "Action=AssumeRole"),
        _header("host", "evil.test"),
        _header("host", f"{HOST}\r\nx: y"),
        _header("x-amz-date", "20261129T000000Z\r\nX-Amz-Target: y"),
        _header("x-amz-security-token", "a\n"),
        _header("x-amz-security-token", "unsigned"),
        _header("x-amz-security-token", "é"),
        _header("x-amz-security-token", "x" * 5000),
        _header("x-amz-security-token", 1),
        _header("Host", HOST),
        _header("content-length", "5"),
        _header("transfer-encoding", "chunked"),
        _header("connection", "upgrade"),
        _header("x-forwarded-for", "127.0.0.1"),
        _header("x-amz-date", "yesterday"),
        _without("host"),
        _without("x-amz-date"),
        _without("Authorization"),
        _without(TARGET),
        _signature("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        _signature("/sts/", "/s3/"),
        _signature("SignedHeaders=host;", "SignedHeaders="),
        _signature(";x-amz-date", ""),
        _signature("SignedHeaders=host", "SignedHeaders=authorization;host"),
        _signature("SignedHeaders=host", "SignedHeaders=content-type;host"),
        _signature("Signature=", "Signature=x"),
    ],
    ids=range(41),
)
async def test_requests_that_are_never_sent_on(fake: Fake, change: Change) -> None:
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    request = elsewhere.signed()
    change(request)
    await elsewhere.refuses(request)
    assert fake.asked == []


@pytest.mark.parametrize(
    "token",
    [
        *("x", "{}", "[]", "%", "%FF", "[" * 9999, '{"url":1,"url":2}', "a" * 20_000),
        '{"url":"u","method":"POST","headers":{}}',
        '{"url":"u","method":"POST","headers":[1]}',
    ],
    ids=range(10),
)
async def test_texts_that_are_no_request(fake: Fake, token: str) -> None:
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    await elsewhere.refuses(token)
    assert fake.asked == []


async def test_a_signature_is_good_for_a_quarter_of_an_hour(fake: Fake) -> None:
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    request, clock = elsewhere.signed(), elsewhere.outside.iam.cloud.clock
    clock.advance(AGE_SECONDS_MAX - 5)
    assert (await elsewhere.exchange(request))[0] == 200
    clock.advance(10)
    assert "not signed in the last" in await elsewhere.refuses(request)
    clock.advance(-AGE_SECONDS_MAX - 100)
    assert "not signed in the last" in await elsewhere.refuses(request)
    assert len(fake.asked) == 1


BOMB = b'<!DOCTYPE a [<!ENTITY x "y">]>' + answered(userid="&x;")


@pytest.mark.parametrize(
    ("status", "content", "headers"),
    [
        (302, answered(), {"location": "https://169.254.169.254/"}),
        (307, b"", {"location": f"https://{HOST}/"}),
        (403, answered(), {}),
        (500, answered(), {}),
        (200, b"", {}),
        (200, b"{}", {}),
        (200, b"<a>", {}),
        (200, b"\xff\xfe", {}),
        (200, b"<" * 100, {}),
        (200, answered() + b" " * 20_000, {}),
        (200, BOMB, {}),
        (200, answered().replace(b"https://sts", b"https://other"), {}),
        (200, answered(account="210987654321"), {}),
        (200, answered(arn=USER.replace(ACCOUNT, "210987654321")), {}),
        (200, answered(arn="robot"), {}),
        (200, answered(arn=f"{USER}\nx"), {}),
        (200, answered(userid=""), {}),
    ],
    ids=range(17),
)
async def test_answers_that_make_nobody(
    fake: Fake, status: int, content: bytes, headers: dict[str, str]
) -> None:
    fake.status, fake.content, fake.headers = status, content, headers
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    await elsewhere.refuses(elsewhere.signed())
    assert len(fake.asked) == 1


async def test_a_token_service_that_cannot_be_believed_or_is_slow_makes_nobody(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = await Elsewhere.start(Authority("Other"), fake.port)
    assert "cannot be asked" in await stranger.refuses(stranger.signed())
    assert fake.asked == []
    monkeypatch.setattr(outbound, "SECONDS_MAX", 0.3)
    fake.seconds = 1.0
    elsewhere = await Elsewhere.start(fake.authority, fake.port)
    began = time.monotonic()
    assert "cannot be asked" in await elsewhere.refuses(elsewhere.signed())
    assert time.monotonic() - began < 0.9


async def test_a_universe_asks_no_token_service_that_its_operator_did_not_name() -> None:
    outside = await Outside.start(oidc=None, attributeMapping={}, aws={"accountId": ACCOUNT})
    status, answer = await outside.exchange("x", subject_token_type=REQUEST_TYPE)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert "aws_sts_endpoints of rempart.toml" in answer["error_description"]
