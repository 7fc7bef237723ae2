"""Which method a request asks for, from requests that real clients were recorded to send."""
# ruff: noqa: E501 - one recorded request, one line

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.call import MethodId
from rempart.core.errors import Bug
from rempart.edge.routes import STORAGE_XML, BadPath, Match, NotFound, RouteTable
from rempart.wire import WireMethod, WireService, all_services

DOMAIN = "apis.example.test"
STORAGE = f"storage.{DOMAIN}"
KMS = f"cloudkms.{DOMAIN}"
LOOPBACK = "127.0.0.1:9023"
TABLE = RouteTable(all_services(), DOMAIN)

KEY = "projects/lab:demo/locations/global/keyRings/r1/cryptoKeys/k1"
ACCOUNT = "projects/-/serviceAccounts/sa2@demo.lab.iam.gserviceaccount.com"


def asked(request: str) -> Match | NotFound | BadPath:
    """Match `VERB host/path`, as the recordings write it."""
    verb, _, rest = request.partition(" ")
    host, slash, path = rest.partition("/")
    return TABLE.match(host, verb, (slash + path).encode())


def method_of(request: str) -> str:
    match = asked(request)
    return match.method if isinstance(match, Match) else repr(match)


def path_of(request: str) -> dict[str, str]:
    match = asked(request)
    assert isinstance(match, Match), f"{request}: {match}"
    return match.path


RECORDED = [
    # gcloud storage
    (f"POST {STORAGE}/storage/v1/b", "storage.buckets.insert", {}),
    (f"GET {STORAGE}/storage/v1/b", "storage.buckets.list", {}),
    (f"GET {STORAGE}/storage/v1/b/lab-bkt-1", "storage.buckets.get", {"bucket": "lab-bkt-1"}),
    (f"PATCH {STORAGE}/storage/v1/b/lab-bkt-1", "storage.buckets.patch", {"bucket": "lab-bkt-1"}),
    (f"DELETE {STORAGE}/storage/v1/b/lab-bkt-1", "storage.buckets.delete", {"bucket": "lab-bkt-1"}),
    (f"GET {STORAGE}/storage/v1/b/b1/storageLayout", "storage.buckets.getStorageLayout", {"bucket": "b1"}),
    (f"GET {STORAGE}/storage/v1/b/b1/managedFolders", "storage.managedFolders.list", {"bucket": "b1"}),
    (f"GET {STORAGE}/storage/v1/b/b1/iam", "storage.buckets.getIamPolicy", {"bucket": "b1"}),
    (f"PUT {STORAGE}/storage/v1/b/b1/iam", "storage.buckets.setIamPolicy", {"bucket": "b1"}),
    (f"GET {STORAGE}/storage/v1/b/b1/o", "storage.objects.list", {"bucket": "b1"}),
    (f"GET {STORAGE}/storage/v1/b/b1/o/big.bin", "storage.objects.get", {"bucket": "b1", "object": "big.bin"}),
    (f"PATCH {STORAGE}/storage/v1/b/b1/o/moved.txt", "storage.objects.patch", {"bucket": "b1", "object": "moved.txt"}),
    (f"DELETE {STORAGE}/storage/v1/b/b1/o/sub%2Fb.txt", "storage.objects.delete", {"bucket": "b1", "object": "sub/b.txt"}),
    (
        f"POST {STORAGE}/storage/v1/b/b1/o/huge.bin/compose",
        "storage.objects.compose",
        {"destinationBucket": "b1", "destinationObject": "huge.bin"},
    ),
    (
        f"POST {STORAGE}/storage/v1/b/b1/o/small.txt/rewriteTo/b/b2/o/d%2Fmoved.txt",
        "storage.objects.rewrite",
        {"sourceBucket": "b1", "sourceObject": "small.txt", "destinationBucket": "b2", "destinationObject": "d/moved.txt"},
    ),
    (
        f"POST {STORAGE}/storage/v1/projects/lab%3Ademo/hmacKeys",
        "storage.projects.hmacKeys.create",
        {"projectId": "lab:demo"},
    ),
    (
        f"GET {STORAGE}/storage/v1/projects/lab%3Ademo/serviceAccount",
        "storage.projects.serviceAccount.get",
        {"projectId": "lab:demo"},
    ),
    # Python, gcsfs
    (
        f"POST {STORAGE}/storage/v1/b/pyb/o/a.txt/copyTo/b/pyb/o/copy%2Ftxt",
        "storage.objects.copy",
        {"sourceBucket": "pyb", "sourceObject": "a.txt", "destinationBucket": "pyb", "destinationObject": "copy/txt"},
    ),
    (
        f"POST {STORAGE}/storage/v1/b/pyb/o/a/moveTo/o/b",
        "storage.objects.move",
        {"bucket": "pyb", "sourceObject": "a", "destinationObject": "b"},
    ),
    # KMS and secrets
    (f"POST {KMS}/v1/projects/lab:demo/locations/global/keyRings", "cloudkms.projects.locations.keyRings.create", {"parent": "projects/lab:demo/locations/global"}),
    (f"POST {KMS}/v1/{KEY}:encrypt", "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt", {"name": KEY}),
    (f"POST {KMS}/v1/{KEY.replace(':', '%3A')}:encrypt", "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt", {"name": KEY}),
    (f"POST {KMS}:443/v1/{KEY}/cryptoKeyVersions/1:destroy", "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.destroy", {"name": f"{KEY}/cryptoKeyVersions/1"}),
    (f"GET {KMS}/v1/{KEY}/cryptoKeyVersions/1/publicKey", "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.getPublicKey", {"name": f"{KEY}/cryptoKeyVersions/1"}),
    (f"GET {KMS}/v1/{KEY}:getIamPolicy", "cloudkms.projects.locations.keyRings.cryptoKeys.getIamPolicy", {"resource": KEY}),
    (f"PATCH {KMS}/v1/{KEY}", "cloudkms.projects.locations.keyRings.cryptoKeys.patch", {"name": KEY}),
    (f"POST secretmanager.{DOMAIN}/v1/projects/lab:demo/secrets/sec1:addVersion", "secretmanager.projects.secrets.addVersion", {"parent": "projects/lab:demo/secrets/sec1"}),
    (f"GET secretmanager.{DOMAIN}/v1/projects/lab:demo/secrets/sec1/versions/latest:access", "secretmanager.projects.secrets.versions.access", {"name": "projects/lab:demo/secrets/sec1/versions/latest"}),
    # projects, IAM, and what else a day brings
    (f"GET cloudresourcemanager.{DOMAIN}/v1/operations/cp.1", "cloudresourcemanager.v1.operations.get", {"name": "operations/cp.1"}),
    (f"GET cloudresourcemanager.{DOMAIN}/v1/projects/lab%3Ademo", "cloudresourcemanager.v1.projects.get", {"projectId": "lab:demo"}),
    (f"GET cloudresourcemanager.{DOMAIN}/v1/projects/lab:demo", "cloudresourcemanager.v1.projects.get", {"projectId": "lab:demo"}),
    (f"GET cloudresourcemanager.{DOMAIN}/v3/projects/lab:demo", "cloudresourcemanager.projects.get", {"name": "projects/lab:demo"}),
    (f"GET cloudresourcemanager.{DOMAIN}/v3/projects:search", "cloudresourcemanager.projects.search", {}),
    (f"POST cloudresourcemanager.{DOMAIN}/v1/projects/lab%3Ademo:setIamPolicy", "cloudresourcemanager.v1.projects.setIamPolicy", {"resource": "lab:demo"}),
    (f"POST cloudresourcemanager.{DOMAIN}/v1/projects/lab:demo:getIamPolicy", "cloudresourcemanager.v1.projects.getIamPolicy", {"resource": "lab:demo"}),
    (f"GET cloudasset.{DOMAIN}/v1/projects/lab:demo:searchAllResources", "cloudasset.searchAllResources", {"scope": "projects/lab:demo"}),
    (f"POST iam.{DOMAIN}/v1/{ACCOUNT}/keys", "iam.projects.serviceAccounts.keys.create", {"name": ACCOUNT}),
    (f"POST iam.{DOMAIN}/v1/{ACCOUNT}:getIamPolicy", "iam.projects.serviceAccounts.getIamPolicy", {"resource": ACCOUNT}),
    (f"GET iam.{DOMAIN}/v1/roles/viewer", "iam.roles.get", {"name": "roles/viewer"}),
    (f"POST iamcredentials.{DOMAIN}/v1/{ACCOUNT.replace('@', '%40')}:generateAccessToken", "iamcredentials.projects.serviceAccounts.generateAccessToken", {"name": ACCOUNT}),
    (f"GET iamcredentials.{DOMAIN}/v1/{ACCOUNT}/allowedLocations", "iamcredentials.projects.serviceAccounts.getAllowedLocations", {"name": ACCOUNT}),
    (f"POST sts.{DOMAIN}/v1/token", "sts.token", {}),
    (f"POST serviceusage.{DOMAIN}/v1/projects/lab:demo/services/cloudkms.googleapis.com:enable", "serviceusage.services.enable", {"name": "projects/lab:demo/services/cloudkms.googleapis.com"}),
    (f"GET serviceusage.{DOMAIN}/v1/operations/acat.p2-1", "serviceusage.operations.get", {"name": "operations/acat.p2-1"}),
    (f"PUT pubsub.{DOMAIN}/v1/projects/lab:demo/topics/t1", "pubsub.projects.topics.create", {"name": "projects/lab:demo/topics/t1"}),
    (f"POST pubsub.{DOMAIN}/v1/projects/lab:demo/topics/t1:publish", "pubsub.projects.topics.publish", {"topic": "projects/lab:demo/topics/t1"}),
    (f"POST logging.{DOMAIN}/v2/entries:write", "logging.entries.write", {}),
    (f"GET bigquery.{DOMAIN}/bigquery/v2/projects/lab:demo/queries/job_1", "bigquery.jobs.getQueryResults", {"projectId": "lab:demo", "jobId": "job_1"}),
    (f"GET www.{DOMAIN}/oauth2/v2/userinfo", "oauth2.userinfo.get", {}),
    # one shared host: endpoint overrides and emulator variables
    (f"POST {LOOPBACK}/storage/v1/b", "storage.buckets.insert", {}),
    (f"GET {LOOPBACK}/b", "storage.buckets.list", {}),
    (f"GET {LOOPBACK}/b/nodeb/o/a%2Fb", "storage.objects.get", {"bucket": "nodeb", "object": "a/b"}),
    (f"POST {LOOPBACK}/cloudkms/v1/{KEY}:encrypt", "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt", {"name": KEY}),
    (f"GET {LOOPBACK}/bigquery/v2/projects/p/datasets", "bigquery.datasets.list", {"projectId": "p"}),
    ("GET [::1]:8080/iam/v1/roles/viewer", "iam.roles.get", {"name": "roles/viewer"}),
    ("GET localhost/storage/v1/b/b1", "storage.buckets.get", {"bucket": "b1"}),
]  # fmt: skip


@pytest.mark.parametrize(("request_line", "method", "path"), RECORDED)
def test_a_recorded_request_reaches_its_method(
    request_line: str, method: str, path: dict[str, str]
) -> None:
    assert (method_of(request_line), path_of(request_line)) == (method, path)


@pytest.mark.parametrize(
    ("request_line", "method", "kind"),
    [
        (f"POST {STORAGE}/upload/storage/v1/b/b1/o", "storage.objects.insert", "media_upload"),
        (f"PUT {STORAGE}/upload/storage/v1/b/b1/o", "storage.objects.insert", "resumable_upload"),
        (f"DELETE {STORAGE}/upload/storage/v1/b/b1/o", "storage.objects.insert", "resumable_upload"),
        (f"POST {STORAGE}/resumable/upload/storage/v1/b/b1/o", "storage.objects.insert", "resumable_upload"),
        (f"PUT {STORAGE}/resumable/upload/storage/v1/b/b1/o", "storage.objects.insert", "resumable_upload"),
        (f"GET {STORAGE}/download/storage/v1/b/b1/o/o1", "storage.objects.get", "media_download"),
        (f"GET {LOOPBACK}/download/storage/v1/b/b1/o/o1", "storage.objects.get", "media_download"),
        (f"GET {STORAGE}/storage/v1/b/b1/o/o1", "storage.objects.get", "plain"),
        (f"POST {STORAGE}/storage/v1/b/b1/o", "storage.objects.insert", "plain"),
        (f"POST {STORAGE}/batch/storage/v1", "storage.batch", "batch"),
        (f"POST {LOOPBACK}/batch/storage/v1", "storage.batch", "batch"),
        (f"POST www.{DOMAIN}/batch/storage/v1", "storage.batch", "batch"),
        (f"POST bigquery.{DOMAIN}/upload/bigquery/v2/projects/lab:demo/jobs", "bigquery.jobs.insert", "media_upload"),
    ],
)  # fmt: skip
def test_the_path_says_how_a_method_was_reached(request_line: str, method: str, kind: str) -> None:
    match = asked(request_line)
    assert isinstance(match, Match)
    assert (match.method, match.kind) == (method, kind)


@pytest.mark.parametrize(
    "request_line",
    [
        f"GET {STORAGE}/v1/{KEY}",  # a path of KMS on the host of storage
        f"GET {KMS}/storage/v1/b/b1",  # and the other way round
        f"GET {KMS}/b",
        f"GET {KMS}/cloudkms/v1/{KEY}",  # the prefix is for shared hosts
        f"GET {LOOPBACK}/v1/{KEY}",  # no way to tell whose it is
        f"GET {LOOPBACK}/cloudkms/v1/roles/viewer",
        f"GET sqladmin.{DOMAIN}/sql/v1beta4/projects/lab%3Ademo/instances",  # an API not described
        f"GET sqladmin.{DOMAIN}/storage/v1/b/b1",
        f"GET www.{DOMAIN}/v1/{KEY}",
        f"GET {STORAGE}/storage/v1/b/b1/o/a/b/c",  # a slash that should have been escaped
        f"GET {STORAGE}/download/storage/v1/b/b1/o/a/b",
        f"GET {STORAGE}/storage/v1/b/b1/o/",
        f"GET {STORAGE}/storage/v1/b//o",
        f"GET {STORAGE}//storage/v1/b/b1",
        f"GET {STORAGE}/storage/v1/./b/b1",
        f"GET {STORAGE}/storage/v1/x/../b/b1",
        f"GET {STORAGE}/storage/v1/%62/b1",  # literals are not sent escaped
        f"get {STORAGE}/storage/v1/b/b1",  # verbs have a case
        f"HEAD {STORAGE}/storage/v1/b/b1",
        f"PUT {STORAGE}/storage/v1/b/b1/o",
        f"GET {STORAGE}/upload/storage/v1/b/b1/o",
        f"POST {KMS}/v1/{KEY}:explode",
        f"POST {KMS}/v1/{KEY}:encrypt:",
        f"POST {KMS}/v1/projects/p/locations/l/keyRings/r/cryptoKeys/:encrypt",
        f"GET cloudresourcemanager.{DOMAIN}/v1/operations/",
        f"OPTIONS {STORAGE}*",
        f"GET {STORAGE}",
        f"GET {LOOPBACK}/",
    ],
)
def test_what_fits_no_method_of_its_host_is_not_found(request_line: str) -> None:
    assert isinstance(asked(request_line), NotFound), asked(request_line)


def test_not_found_says_whose_host_it_was() -> None:
    assert asked(f"GET {KMS}/v1/x") == NotFound("cloudkms")
    assert asked(f"GET {LOOPBACK}/cloudkms/v1/x") == NotFound("cloudkms")
    assert asked(f"GET {LOOPBACK}/v1/x") == NotFound("")


@pytest.mark.parametrize(
    ("request_line", "path"),
    [
        (f"PUT {STORAGE}/s3b/a%20b%2Bc.txt", {"bucket": "s3b", "object": "a b+c.txt"}),
        (f"PUT {STORAGE}/s3b", {"bucket": "s3b"}),
        (f"GET {STORAGE}/s3b/", {"bucket": "s3b"}),
        (f"GET {STORAGE}/gsb1/a/b//c%2Fd/", {"bucket": "gsb1", "object": "a/b//c/d/"}),
        (f"GET {STORAGE}/", {}),
        (f"GET s3b.{STORAGE}/k2", {"bucket": "s3b", "object": "k2"}),
        (f"GET a.dotted.name.{STORAGE}:443/", {"bucket": "a.dotted.name"}),
        (f"GET s3b.{STORAGE}/storage/v1/b", {"bucket": "s3b", "object": "storage/v1/b"}),
        (f"GET {LOOPBACK}/s3b/k2", {"bucket": "s3b", "object": "k2"}),
        (
            f"GET {STORAGE}/universe-descriptor-data/universe-descriptor.json",
            {"bucket": "universe-descriptor-data", "object": "universe-descriptor.json"},
        ),
    ],
)
def test_bucket_paths_and_bucket_hosts_are_the_xml_dialect(
    request_line: str, path: dict[str, str]
) -> None:
    assert asked(request_line) == Match(STORAGE_XML, STORAGE_XML, path)


def test_a_head_is_a_get_without_the_body_where_the_method_answers_with_content() -> None:
    for prefix in ("storage/v1", "download/storage/v1"):
        match = asked(f"HEAD {STORAGE}/{prefix}/b/b1/o/o1")
        assert isinstance(match, Match)
        assert (match.method, match.head) == ("storage.objects.get", True)
    xml = asked("HEAD storage.googleapis.com/lab-bkt-1/moved.txt")
    assert isinstance(xml, Match)
    assert xml.head


@pytest.mark.parametrize(
    "host",
    [
        STORAGE,
        STORAGE.upper(),
        f"{STORAGE}.",
        f"{STORAGE}:8443",
        f"storage.u-france-east1.rep.{DOMAIN}",
        f"storage.mtls.{DOMAIN}",
        f"www.{DOMAIN}",
        "storage.googleapis.com",
        "storage.googleapis.com:443",
        "storage.localhost:9023",
        "some.other.host",
        "",
        DOMAIN,
    ],
)
def test_every_spelling_of_the_host_leads_to_storage(host: str) -> None:
    match = TABLE.match(host, "GET", b"/storage/v1/b/b1")
    assert isinstance(match, Match)
    assert match.method == "storage.buckets.get"


@pytest.mark.parametrize("domain", [DOMAIN, "googleapis.com"])
def test_tags_of_a_region_have_a_host_of_their_own(domain: str) -> None:
    host = f"u-france-east1-cloudresourcemanager.{domain}:443"
    match = TABLE.match(host, "GET", b"/v3/tagBindings")
    assert isinstance(match, Match)
    assert match.method == "cloudresourcemanager.tagBindings.list"


@pytest.mark.parametrize(
    "name", ["bulkRestore", "compose", "acl", "b", "iam", ":", "a:get", "x%3Ay"]
)
def test_an_object_may_be_called_like_a_part_of_a_path(name: str) -> None:
    match = asked(f"GET {STORAGE}/storage/v1/b/b1/o/{name}")
    assert isinstance(match, Match)
    assert (match.method, match.path["object"]) == (
        "storage.objects.get",
        name.replace("%3A", ":"),
    )


def test_an_escaped_percent_sign_is_decoded_once() -> None:
    assert path_of(f"GET {STORAGE}/storage/v1/b/b1/o/%252F%2541")["object"] == "%2F%41"


def test_an_escaped_slash_adds_no_segment_to_a_resource_name() -> None:
    path = path_of(f"GET {KMS}/v1/projects/p%2flocations%2Fglobal%3A/locations/l")
    assert path == {"name": "projects/p%2flocations%2Fglobal:/locations/l"}


@pytest.mark.parametrize(
    "name", ["%", "%2", "a%zz", "%%2F", "%2F%", "%C3", "%FF", "%ED%A0%80", "%C0%AF"]
)
def test_a_name_that_is_not_escaped_utf8_is_a_bad_path(name: str) -> None:
    assert asked(f"GET {STORAGE}/storage/v1/b/b1/o/{name}") == BadPath("object")
    assert asked(f"GET {STORAGE}/bkt/{name}") == BadPath("object")
    assert asked(f"GET {KMS}/v1/projects/{name}/locations/l") == BadPath("name")


def test_raw_bytes_that_are_not_utf8_are_a_bad_path() -> None:
    assert TABLE.match(STORAGE, "GET", b"/storage/v1/b/b1/o/\xff") == BadPath("object")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=400))
def test_every_name_survives_the_way_it_was_escaped(name: str) -> None:
    raw = quote(name, safe="").encode()
    expected = {"bucket": "b1", "object": name}
    match = TABLE.match(STORAGE, "GET", b"/storage/v1/b/b1/o/" + raw)
    assert match == Match(MethodId("storage.objects.get"), "storage", expected)
    lower = TABLE.match(STORAGE, "GET", b"/storage/v1/b/b1/o/" + raw.replace(b"%2F", b"%2f"))
    assert lower == match


@given(st.text(), st.sampled_from(["GET", "POST", "PUT"]), st.binary())
def test_no_request_breaks_the_table(host: str, verb: str, raw_path: bytes) -> None:
    assert isinstance(TABLE.match(host, verb, raw_path), Match | NotFound | BadPath)


@given(st.data())
def test_every_method_described_is_reached_by_a_path_of_its_template(data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(all_services()))
    method = data.draw(st.sampled_from(service.methods))
    sample = method.path.replace("{", "").replace("}", "").replace("**", "z")
    pieces = [piece.rpartition("=")[2].replace("*", "s") for piece in sample.split("/")]
    path = "/" + "/".join(pieces)
    match = TABLE.match(f"{service.name}.{DOMAIN}", method.verb, path.encode())
    assert isinstance(match, Match)
    assert match.method == method.id


def test_a_name_of_1024_bytes_full_of_slashes_is_found() -> None:
    name = "/".join(["abc"] * 256)
    assert path_of(f"GET {STORAGE}/storage/v1/b/b1/o/{quote(name, safe='')}")["object"] == name


def test_methods_outside_the_descriptions_can_be_added() -> None:
    extra = WireService(
        name="sts",
        version="v1",
        revision="",
        host="sts",
        methods=(WireMethod(id="sts.introspect", verb="POST", path="v1/introspect"),),
    )
    table = RouteTable((*all_services(), extra), DOMAIN)
    assert table.match(f"sts.{DOMAIN}", "POST", b"/v1/introspect") == Match(
        MethodId("sts.introspect"), "sts", {}
    )
    assert isinstance(table.match(f"sts.{DOMAIN}", "POST", b"/v1/token"), Match)


def test_the_more_literal_template_wins_and_no_segment_is_empty() -> None:
    templates = {
        "a.rest": "v1/{name=things/**}",
        "a.parts": "v1/{name=things/*}/parts",
        "a.one": "v1/{name=things/*}",
        "a.all": "v1/things/all",
        "a.sum": "v1/{name=things/*}:sum",
    }
    methods = tuple(WireMethod(id=one, verb="GET", path=path) for one, path in templates.items())
    service = WireService(name="a", version="v1", revision="", host="a", methods=methods)
    table = RouteTable([service], DOMAIN)

    def reached(path: str) -> str:
        match = table.match(f"a.{DOMAIN}", "GET", path.encode())
        return match.method if isinstance(match, Match) else ""

    assert reached("/v1/things/all") == "a.all"
    assert reached("/v1/things/x") == "a.one"
    assert reached("/v1/things/x:y") == "a.one"
    assert reached("/v1/things/all:sum") == "a.sum"
    assert reached("/v1/things/x/parts") == "a.parts"
    assert reached("/v1/things/all/parts") == "a.parts"
    assert reached("/v1/things/x/parts/z") == "a.rest"
    assert reached("/v1/things//parts") == ""
    assert reached("/v1/things/x/") == ""
    assert reached("/v1/things") == ""


def test_two_methods_cannot_share_a_path() -> None:
    twin = WireService(
        name="sts",
        version="v1",
        revision="",
        host="sts",
        methods=(WireMethod(id="sts.other", verb="POST", path="v1/token"),),
    )
    with pytest.raises(Bug, match=r"sts\.other"):
        RouteTable((*all_services(), twin), DOMAIN)


def test_the_bare_domain_is_a_shared_host_even_below_localhost() -> None:
    table = RouteTable(all_services(), "cloud.localhost")
    for host in ("cloud.localhost:8080", "storage.cloud.localhost", "storage.localhost"):
        match = table.match(host, "GET", b"/storage/v1/b")
        assert isinstance(match, Match), host
    assert table.match("iam.cloud.localhost", "GET", b"/storage/v1/b") == NotFound("iam")


def test_a_virtual_host_without_a_bucket_is_not_found() -> None:
    assert isinstance(asked(f"GET .{STORAGE}/k2"), NotFound)


def test_host_names_without_end_do_not_fill_the_memory() -> None:
    table = RouteTable(all_services(), DOMAIN)
    for number in range(3000):
        table.match(f"host-{number}.example", "GET", b"/b")
    assert len(table._doors) <= 1024
