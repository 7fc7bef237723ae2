"""The ASGI application: bytes become a `Call`, a `Reply` becomes bytes.

In order: request id, host, route, query, then the document and body as the method's kind wants
them; the gate answers; the answer is rendered. Every failure is rendered here, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Body, Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.errors import CloudError, Code, invalid, not_found, required
from rempart.core.errors import invariant as ensure
from rempart.edge.batch import serve_batch
from rempart.edge.body import Receive, RequestBody, read_document_bytes
from rempart.edge.errors import LISTED, XML, internal, is_failure, log_failure, render_error
from rempart.edge.fields import check_mask
from rempart.edge.grpc.door import GRPCDoor, is_grpc
from rempart.edge.http.certified import TLS
from rempart.edge.http.protocol import WHOLE_RESPONSE
from rempart.edge.json import read_object
from rempart.edge.multipart import read_upload
from rempart.edge.render import Answer, Send, render, send_answer
from rempart.edge.request import Origin, Origins, Request, read_headers, read_query
from rempart.edge.routes import BadPath, Match, NotFound, RouteTable
from rempart.edge.spelling import both_spellings, google_spelling
from rempart.wire import all_services

_REQUEST_ID_BYTES = 16
_WITH_DOCUMENT = frozenset(("POST", "PUT", "PATCH"))
_WITHOUT_DOCUMENT = frozenset(("GET", "HEAD"))
_UNREAD = ("application/x-www-form-urlencoded", "application/xml", "text/xml")
"""Bodies of these types are left to the method."""

_AS_SPELLED = LISTED | {XML}
"""The APIs that no `.proto` file describes."""

_DOT = b"/."
Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Something answered outside of Google's descriptions: a token endpoint, a health check.

    `hosts` are first labels of host names within the universe; the empty one is any shared host.
    `paths` are raw and whole; the one path `*` is every path of hosts that answer nothing else,
    and `/.name/*` every path below that. The handler finds the path in the call's
    `path`. Its body is left to the handler.
    """

    hosts: tuple[str, ...]
    verbs: tuple[str, ...]
    paths: tuple[str, ...]
    handler: Handler


def _all() -> None:
    """Admit every request."""


class Application:
    """Serves HTTP requests; `serve` answers the calls of described methods.

    `admit` is asked once the API is known and before anything of a request is read; what it raises
    is the answer.
    """

    def __init__(
        self,
        routes: RouteTable,
        serve: Handler,
        *,
        extra: Iterable[Endpoint] = (),
        admit: Callable[[], None] = _all,
        world: World,
        universe_domain: str,
    ) -> None:
        self._routes = routes
        self._serve = serve
        self._admit = admit
        self._world = world
        self._domain = universe_domain
        self._origins = Origins(universe_domain)
        self._grpc = GRPCDoor(serve, origins=self._origins, admit=admit, world=world)
        self._spelling = google_spelling()
        self._extra = _by_place(extra)
        self._whole = {host: verbs for (host, path), verbs in self._extra.items() if path == b"*"}
        self._repeated = _repeated_parameters()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; scopes that are not HTTP are ignored."""
        if scope["type"] != "http":
            return
        headers = read_headers(scope["headers"])
        declared = headers.get("content-length")
        client, extensions = scope.get("client"), scope.get("extensions", {})
        body = RequestBody(receive, int(declared) if declared and declared.isdecimal() else None)
        request = Request(
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            headers,
            headers.get("host", ""),
            scope["scheme"],
            body,
            client[0] if client else "",
            self._world.random(_REQUEST_ID_BYTES).hex(),
            whole=WHOLE_RESPONSE in extensions,
            certificate=extensions[TLS]["client_cert"] if TLS in extensions else b"",
        )
        if is_grpc(request):
            await self._grpc.answer(request, send)
            return
        answer = await self.answer(request)
        if headers.get("connection") == "close" and "expect" not in headers:
            # Closed with bytes unread, a connection is reset, and the answer with it.
            await body.drain()
        await send_answer(answer, request, send)

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request, whatever becomes of it."""
        try:
            return await render(await self._reply(request), request)
        except CloudError as problem:
            if is_failure(problem):
                log_failure(problem, request.id, _shown(request.path))
            refusal = problem
        except Exception as problem:  # noqa: BLE001 - the door: nothing of it may reach a client
            log_failure(problem, request.id, _shown(request.path))
            refusal = internal(request.id)
        return await render(
            render_error(refusal, request.service, self._domain), _without_fields(request)
        )

    async def _reply(self, request: Request) -> Reply:
        origin = self._origins.of(request.scheme, request.host)
        endpoints = self._endpoints(origin.label, request.path)
        if endpoints is not None:
            return await self._serve_extra(request, origin, endpoints)
        match = self._routes.match(request.host, request.verb, request.path)
        if not isinstance(match, Match):
            raise _unmatched(match, request, origin)
        request.service = match.service
        self._admit()
        if request.query_string:
            request.query = read_query(request.query_string, self._repeated)
            _check_query(request)
        if request.batch:
            _check_inner(request, match)
        if match.kind == "batch":
            return await serve_batch(request, self.answer)
        document: dict[str, object] = {}
        body: Body = request.body
        if request.verb not in _WITHOUT_DOCUMENT:
            document, body = await _contents(request, match)
        query = request.query
        if request.service not in _AS_SPELLED:
            query = self._spelling.query(match.method, query)
            document = self._spelling.document(match.method, document)
        call = Call(
            match.method,
            match.path,
            query,
            request.headers,
            document,
            body,
            match.kind,
            origin.base_url,
            request.remote,
            request.id,
            self._world.clock(),
            request.verb,
            match.head,
            request.certificate,
        )
        return await self._serve(call)

    def _endpoints(self, label: str, path: bytes) -> dict[str, Handler] | None:
        """Return what answers a path, by verb, where that is no API."""
        found = self._whole.get(label) or self._extra.get((label, path))
        if found is None and path.startswith(_DOT):
            # No bucket's name begins with a dot: nothing of an API is hidden by these.
            return self._extra.get((label, b"/" + path[1:].partition(b"/")[0] + b"/*"))
        return found

    async def _serve_extra(
        self, request: Request, origin: Origin, endpoints: dict[str, Handler]
    ) -> Reply:
        if request.batch:
            raise invalid("A batch holds calls of API methods only.")
        request.query = read_query(request.query_string, self._repeated)
        handler = endpoints.get(request.verb)
        if handler is None:
            allowed = ", ".join(sorted(endpoints))
            message = f"The method {request.verb} is not allowed here; use {allowed}."
            raise CloudError(Code.INVALID_ARGUMENT, message, reason="httpMethod", status=405)
        return await handler(
            Call(
                MethodId(_shown(request.path)),
                {"path": _shown(request.path)},
                request.query,
                request.headers,
                {},
                request.body,
                "plain",
                origin.base_url,
                request.remote,
                request.id,
                self._world.clock(),
                request.verb,
                request.verb == "HEAD",
                request.certificate,
            )
        )


def _by_place(extra: Iterable[Endpoint]) -> dict[tuple[str, bytes], dict[str, Handler]]:
    places: dict[tuple[str, bytes], dict[str, Handler]] = {}
    for one in extra:
        for place in ((host, path.encode()) for host in one.hosts for path in one.paths):
            verbs = places.setdefault(place, {})
            for verb in one.verbs:
                ensure(verb not in verbs, f"two endpoints take {verb} {place}")
                verbs[verb] = one.handler
    return places


def _repeated_parameters() -> frozenset[str]:
    return frozenset(
        name
        for service in all_services()
        for method in service.methods
        for parameter in method.parameters
        if parameter.repeated
        for name in both_spellings(parameter.name)
    )


def _unmatched(match: NotFound | BadPath, request: Request, origin: Origin) -> CloudError:
    if isinstance(match, BadPath):
        of_storage = not origin.label and b"/storage/v1/" in request.path
        request.service = "storage" if of_storage else origin.label
        message = f"Path parameter '{match.parameter}' is not percent-encoded UTF-8."
        return invalid(message, field=match.parameter)
    request.service = match.service
    return not_found(f"Not Found: {_shown(request.path)}")


def _shown(path: bytes) -> str:
    return path[:200].decode("ascii", "replace")


def _without_fields(request: Request) -> Request:
    """Return the request without its field mask, which is for successes."""
    request.query.pop("fields", None)
    return request


def _check_query(request: Request) -> None:
    query = request.query
    if request.service == XML:
        return
    if query.get("alt", "json") not in {"json", "media"}:
        raise invalid("Invalid value for 'alt': expected json or media.", field="alt")
    if query.get("$alt", "json").partition(";")[0] != "json":
        raise invalid("Invalid value for '$alt': expected json.", field="$alt")
    if "fields" in query:
        check_mask(query["fields"])


def _check_inner(request: Request, match: Match) -> None:
    if match.service != request.batch:
        raise invalid("A batch holds calls of one API only, the one that it is sent to.")
    if match.kind != "plain" or request.query.get("alt") == "media":
        raise invalid("A batch holds no media and no other batch; send this call by itself.")


async def _contents(request: Request, match: Match) -> tuple[dict[str, object], Body]:
    """Return the document of a call and the body that is left for its method."""
    if match.kind == "media_download" or "upload_id" in request.query:
        return {}, request.body
    if match.kind == "plain":
        if request.verb not in _WITH_DOCUMENT or _is_left_to_method(request):
            return {}, request.body
    else:
        upload_type = _upload_type(request, match)
        if upload_type == "media":
            return {}, request.body
        if upload_type == "multipart":
            return await _multipart(request)
    encoding = request.headers.get("content-encoding", "").lower()
    return read_object(await read_document_bytes(request.body, encoding)), request.body


def _is_left_to_method(request: Request) -> bool:
    if request.service == XML:
        return True
    return request.headers.get("content-type", "").lower().startswith(_UNREAD)


def _upload_type(request: Request, match: Match) -> str:
    if request.verb in {"PUT", "DELETE"}:
        raise required("Required parameter: upload_id", field="upload_id")
    given = request.query.get("uploadType")
    if given is None:
        raise required("Required parameter: uploadType", field="uploadType")
    admitted = {"resumable"} if match.kind == "resumable_upload" else _UPLOAD_TYPES
    if given not in admitted:
        expected = ", ".join(sorted(admitted))
        raise invalid(
            f"Invalid value for 'uploadType': expected one of {expected}.", field="uploadType"
        )
    return given


_UPLOAD_TYPES = {"media", "multipart", "resumable"}


async def _multipart(request: Request) -> tuple[dict[str, object], Body]:
    """Return a multipart upload; the type of its media counts where the document names none."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        message = "A multipart body has no Content-Encoding; name the media's in the document."
        raise invalid(message, field="Content-Encoding")
    upload = await read_upload(request.headers.get("content-type", ""), request.body)
    document = upload.document
    if upload.content_type and document.get("contentType") is None:
        document["contentType"] = upload.content_type
    return document, upload.media
