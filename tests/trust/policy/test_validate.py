"""What setIamPolicy takes, what it refuses by name, and how a policy is written down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.core.limits import POLICY_CONDITIONS_OF_A_ROLE_MAX, POLICY_GROUPS_MAX
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.trust.policy.around import Around
from rempart.trust.policy.members import canonical, project_member
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import Place, new_etag, policy_from_json, policy_to_json

BUCKET, PROJECT = Place(Level.BUCKET, Around()), Place(Level.PROJECT, Around())
VIEWER, LEGACY = "roles/storage.objectViewer", "roles/storage.legacyBucketReader"
ROBOT = "serviceAccount:a@demo.lab.iam.gserviceaccount.com"
WHEN = {"title": "t", "expression": "true"}


def parse(*bindings: Any, place: Place = BUCKET, version: Any = 3) -> Policy:
    return policy_from_json({"version": version, "bindings": list(bindings)}, place, etag="new")


def given_to(*members: Any, role: Any = VIEWER, **more: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **more}


def error(*bindings: Any, place: Place = BUCKET, version: Any = 3) -> CloudError:
    with pytest.raises(CloudError) as caught:
        parse(*bindings, place=place, version=version)
    return caught.value


def test_a_policy_comes_back_as_it_was_set() -> None:
    binding = given_to(ROBOT, condition=WHEN | {"description": "d"})
    assert policy_to_json(parse(binding), requested_version=3) == {
        "version": 3,
        "etag": "new",
        "bindings": [binding],
    }


def test_without_conditions_the_version_is_1_whatever_was_asked() -> None:
    assert parse(given_to(ROBOT)).version == 1
    assert policy_to_json(parse(given_to(ROBOT)), requested_version=3)["version"] == 1


def test_a_condition_is_never_shown_as_if_it_were_none() -> None:
    shown: dict[str, Any] = policy_to_json(parse(given_to(ROBOT, condition=WHEN)))
    (binding,) = shown["bindings"]
    assert binding["role"].startswith(f"{VIEWER}_withcond_")
    assert "condition" not in binding
    assert "is not supported" in error(binding).message


def test_bindings_of_one_role_and_condition_become_one() -> None:
    policy = parse(
        given_to("user:b@x.com", ROBOT),
        given_to("user:B@X.com", "user:a@x.com"),
        given_to("user:a@x.com", condition=WHEN),
        given_to(),
    )
    assert [binding.members for binding in policy.bindings] == [
        (ROBOT, "user:a@x.com", "user:b@x.com"),
        ("user:a@x.com",),
    ]


@pytest.mark.parametrize(
    "member",
    [
        "allUsers",
        "allAuthenticatedUsers",
        "user:a@x.com",
        ROBOT,
        "projectOwner:demo",
        "projectEditor:lab:demo",
        "projectViewer:example.com:demo",
        "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s",
        "principalSet://iam.googleapis.com/locations/global/workforcePools/p/*",
        "deleted:user:a@x.com?uid=123",
        "deleted:serviceAccount:a@x.com?uid=123456789012345678901",
        "deleted:principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s",
    ],
)
def test_every_kind_of_member_is_kept(member: str) -> None:
    assert parse(given_to(member)).bindings[0].members == (member,)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("group:G@x.com", "Group g@x.com does not exist. This universe has no directory of groups"),
        ("domain:x.com", "Domain x.com does not exist. This universe has no directory of groups"),
        (ROBOT.upper().replace("SERVICEACCOUNT", "serviceAccount"), "does not exist."),
    ],
)
def test_who_can_be_nobody_is_kept_where_he_was_and_refused_elsewhere(
    member: str, words: str
) -> None:
    place = Place(Level.BUCKET, Around(), missing=frozenset((Member(ROBOT),)))
    caught = error(given_to("user:a@x.com"), given_to(member, role=LEGACY), place=place)
    assert words in caught.message
    assert (caught.code, caught.field) == (Code.INVALID_ARGUMENT, "bindings[1].members")
    stored = canonical(member)
    assert stored is not None
    old = Policy((Binding(LEGACY, (stored,)),))
    document = {"bindings": [given_to(member, "user:a@x.com")]}
    kept = policy_from_json(document, place, etag="e", old=old)
    assert stored in kept.bindings[0].members


@pytest.mark.parametrize(
    "member",
    [
        "",
        "a@x.com",
        "user:",
        "user:a",
        "user:a@",
        "user:@x.com",
        "user:a b@x.com",
        "user:a@x.com\n",
        "User:a@x.com",
        "allusers",
        "allUsers:x",
        "domain:x",
        "domain:",
        "projectOwner:",
        "projectOwner:UPPER",
        "projectNobody:demo",
        "deleted:user:a@x.com",
        "deleted:user:a@x.com?uid=x",
        "principal:x",
        "x" * 5000,
        None,
        7,
        ["user:a@x.com"],
    ],
)
def test_a_malformed_member_is_refused_and_named(member: object) -> None:
    problem = error(given_to(ROBOT), given_to(member))
    assert problem.code is Code.INVALID_ARGUMENT
    assert problem.field == "bindings[1].members"
    assert len(problem.message) < 300


@pytest.mark.parametrize(
    ("role", "place"),
    [
        ("roles/storage.god", BUCKET),
        ("roles/owner", BUCKET),
        ("roles/storage.hmacKeyAdmin", BUCKET),
        ("roles/resourcemanager.projectCreator", BUCKET),
        ("roles/storage.legacyBucketOwner", PROJECT),
        ("storage.objects.get", BUCKET),
    ],
)
def test_a_role_that_does_not_belong_there_is_refused(role: str, place: Place) -> None:
    problem = error(given_to(ROBOT, role=role), place=place)
    assert problem.message == f"Role {role} is not supported for this resource."
    assert problem.field == "bindings[0].role"


@pytest.mark.parametrize("everyone", ["allUsers", "allAuthenticatedUsers"])
def test_everyone_is_refused_under_public_access_prevention(everyone: str) -> None:
    closed = Place(Level.BUCKET, Around(), public=False)
    problem = error(given_to(ROBOT, everyone), place=closed)
    assert (problem.status, problem.reason) == (412, "conditionNotMet")
    assert parse(given_to(everyone)).bindings


@pytest.mark.parametrize("version", [0, 1])
def test_conditions_need_version_3(version: int) -> None:
    assert error(given_to(ROBOT, condition=WHEN), version=version).field == "version"


@pytest.mark.parametrize("version", [2, 4, -1, "3", True, 3.0, None])
def test_other_versions_are_refused(version: object) -> None:
    assert error(version=version).field == "version"


def test_a_bad_expression_names_its_binding() -> None:
    problem = error(given_to(ROBOT), given_to(ROBOT, condition=WHEN | {"expression": "1 +"}))
    assert problem.field == "bindings[1].condition.expression"
    assert problem.message.startswith("bindings[1].condition: Error compiling expression")


@pytest.mark.parametrize(
    "binding",
    [
        given_to("allUsers", condition=WHEN),
        given_to(ROBOT, condition={"expression": "true"}),
        given_to(ROBOT, condition={"title": "t"}),
        given_to(ROBOT, condition=WHEN | {"title": "t" * 101}),
        given_to(ROBOT, condition=WHEN | {"description": 7}),
        given_to(ROBOT, condition="true"),
        given_to(ROBOT, role=None),
        given_to(ROBOT, role=""),
        {"role": VIEWER, "members": "user:a@x.com"},
        {"members": [ROBOT]},
        "x",
        None,
    ],
)
def test_other_malformed_bindings(binding: object) -> None:
    assert error(binding).code is Code.INVALID_ARGUMENT


def test_basic_roles_take_no_condition() -> None:
    problem = error(given_to(ROBOT, role="roles/owner", condition=WHEN), place=PROJECT)
    assert "basic roles" in problem.message


def test_a_resource_may_take_no_conditions_at_all() -> None:
    place = Place(Level.BUCKET, Around(), conditions=False)
    assert error(given_to(ROBOT, condition=WHEN), place=place).field == "bindings[0].condition"
    assert parse(given_to(ROBOT), place=place).bindings


@pytest.mark.parametrize(("count", "fits"), [(1500, True), (1501, False)])
def test_a_policy_names_up_to_1500_members(count: int, *, fits: bool) -> None:
    members = [f"user:u{number}@x.com" for number in range(count)]
    half = count // 2
    bindings = (given_to(*members[:half]), given_to(*members[half:], condition=WHEN))
    if fits:
        assert len(parse(*bindings).bindings) == 2
    else:
        assert "1500" in error(*bindings).message


def test_a_policy_has_up_to_64_kib() -> None:
    members = [f"user:{'u' * 200}{number}@x.com" for number in range(320)]
    assert "bytes" in error(given_to(*members)).message


def test_bindings_that_are_no_list() -> None:
    with pytest.raises(CloudError):
        policy_from_json({"bindings": {}}, BUCKET, etag="e")


def test_an_empty_document_is_the_empty_policy() -> None:
    assert policy_from_json({}, BUCKET, etag="e").bindings == ()


def test_etags_differ() -> None:
    numbers = iter((b"1" * 8, b"2" * 8))
    assert new_etag(lambda _: next(numbers)) != new_etag(lambda _: next(numbers))


def test_a_stand_in_keeps_the_whole_project_id() -> None:
    member = canonical("projectOwner:lab:demo")
    assert member is not None
    found = project_member(member)
    assert found is not None
    assert (found.role, found.project) == ("roles/owner", "lab:demo")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "members", "condition", "version", "bindings", "title"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["version", "bindings", "etag"]), json_values))
def test_any_json_is_a_policy_or_an_invalid_argument(document: dict[str, object]) -> None:
    problem: CloudError | None = None
    try:
        policy = policy_from_json(document, BUCKET, etag="e")
    except CloudError as caught:
        problem, policy = caught, Policy()
    assert problem is None or problem.code is Code.INVALID_ARGUMENT
    assert policy.bindings == ()


def test_a_policy_names_a_limited_number_of_groups_and_domains() -> None:
    groups = [f"group:g{index}@example.com" for index in range(POLICY_GROUPS_MAX)]
    binding = {"role": "roles/storage.objectViewer", "members": [*groups, "user:a@example.com"]}
    known = [Member(one) for one in (*groups, "domain:example.com")]
    old = Policy((Binding(VIEWER, tuple(known)),))
    policy_from_json({"bindings": [binding]}, PROJECT, etag="e", old=old)
    binding["members"] = [*groups, "domain:example.com"]
    with pytest.raises(CloudError, match="251 groups and domains; 250 are allowed"):
        policy_from_json({"bindings": [binding]}, PROJECT, etag="e", old=old)


def test_a_role_is_granted_to_a_member_under_a_limited_number_of_conditions() -> None:
    def wanted(count: int) -> dict[str, object]:
        viewer = {"role": "roles/storage.objectViewer", "members": ["user:a@example.com"]}
        bindings = [
            viewer | {"condition": {"title": "t", "expression": f"{index} == {index}"}}
            for index in range(count)
        ]
        return {"version": 3, "bindings": bindings}

    policy_from_json(wanted(POLICY_CONDITIONS_OF_A_ROLE_MAX), PROJECT, etag="e")
    with pytest.raises(CloudError, match="under 21 conditions; 20 are allowed"):
        policy_from_json(wanted(POLICY_CONDITIONS_OF_A_ROLE_MAX + 1), PROJECT, etag="e")
