"""What an order's document must say, what a key's place means, and what a draft is made of."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.services.foreignrequests.answer.template import LANGUAGES, answer, applicable
from rempart.services.foreignrequests.model.assessment import (
    Assessment,
    Finding,
    Reach,
    Why,
    furthest,
    why,
)
from rempart.services.foreignrequests.model.entering import (
    PRINCIPALS_MAX,
    RESOURCES_MAX,
    TEXT_CHARS_MAX,
    closing,
    entered,
)
from rempart.services.foreignrequests.model.laws import LAWS
from rempart.services.foreignrequests.model.order import KINDS, Order
from rempart.services.kms.model.version import State, Version
from rempart.trust.policy.sovereignty.rules import NoRules, parse_rules
from support import staffed

NOW = 1_780_000_000_000_000
ORDER: dict[str, Any] = {
    "authority": "District Court of Northland",
    "country": "US",
    "law": "cloud-act",
    "reference": "24-mj-1234",
    "received": "2026-05-01T10:00:00Z",
    "channel": "registered mail",
    "documentSha256": "ab" * 32,
    "scope": {"resources": ["gs://files/logs"], "kinds": ["metadata", "content"]},
}
GAG = {"provision": "18 U.S.C. § 2705(b)", "review": "2026-09-01T00:00:00Z"}


def test_what_is_entered_is_kept_as_it_was_said() -> None:
    facts = entered({**ORDER, "gag": GAG, "deadline": "2026-06-01T00:00:00+02:00"}, NOW)
    assert facts.statute == LAWS["cloud-act"].statute
    assert facts.scope.kinds == ("content", "metadata")
    assert facts.gag is not None
    assert facts.gag.over == facts.gag.review > NOW
    assert entered({**ORDER, "statute": "as cited"}, NOW).statute == "as cited"
    assert entered({**ORDER, "gag": {"claimed": False}}, NOW).gag is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"authority": ""}, "authority"),
        ({"authority": "x" * (TEXT_CHARS_MAX + 1)}, "authority"),
        ({"authority": "a\nb"}, "authority"),
        ({"country": "usa"}, "country"),
        ({"law": "no-such-law"}, "law"),
        ({"law": "other"}, "statute"),
        ({"reference": 7}, "reference"),
        ({"received": ""}, "received"),
        ({"received": "yesterday"}, "received"),
        ({"received": "2026-05-01T10:00:00"}, "received"),
        ({"received": "2030-01-01T00:00:00Z"}, "received"),
        ({"deadline": "2026-04-01T00:00:00Z"}, "deadline"),
        ({"channel": ""}, "channel"),
        ({"documentSha256": "AB" * 32}, "documentSha256"),
        ({"unheard": 1}, "unheard"),
        ({"scope": []}, "scope"),
        ({"scope": {"kinds": ["content"]}}, "scope.resources"),
        ({"scope": {"resources": ["gs://b"]}}, "scope.kinds"),
        ({"scope": {"resources": ["gs://b"], "kinds": ["souls"]}}, "scope.kinds"),
        ({"scope": {"resources": ["b"], "kinds": ["content"]}}, "scope.resources"),
        ({"scope": {"resources": ["gs://b\n"], "kinds": ["content"]}}, "scope.resources"),
        ({"scope": {"resources": ["gs://b"] * (RESOURCES_MAX + 1), "kinds": ["keys"]}},
         "scope.resources"),
        ({"scope": {"principals": ["x"] * (PRINCIPALS_MAX + 1), "kinds": ["keys"]}},
         "scope.principals"),
        ({"scope": {"principals": [""], "kinds": ["keys"]}}, "scope.principals"),
        ({"scope": {"resources": ["gs://b"], "kinds": ["logs"], "from": "2026-02-02T00:00:00Z",
                    "to": "2026-01-01T00:00:00Z"}}, "scope.to"),
        ({"gag": {"claimed": True}}, "gag.provision"),
        ({"gag": {"claimed": True, "provision": "x"}}, "gag.review"),
        ({"gag": {**GAG, "until": GAG["review"]}}, "gag.review"),
        ({"gag": {**GAG, "review": "2026-05-01T00:00:00Z"}}, "gag.review"),
        ({"gag": {**GAG, "review": "2027-05-01T00:00:00Z"}}, "gag.review"),
        ({"gag": {"provision": "x", "until": "2050-01-01T00:00:00Z"}}, "gag.until"),
        ({"gag": {**GAG, "claimed": False}}, "gag.claimed"),
        ({"gag": {**GAG, "forever": True}}, "forever"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_order_is_told_by_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(CloudError) as problem:
        entered(ORDER | changed, NOW)
    assert problem.value.field == field
    assert field.rpartition(".")[2] in problem.value.message


def test_an_order_ends_in_one_of_the_ways_that_the_report_counts() -> None:
    with pytest.raises(CloudError) as problem:
        closing({"outcome": "forgotten", "note": "x"})
    assert problem.value.field == "outcome"


def version(protection: str, state: State) -> Version:
    return Version(
        number=1, created=1, algorithm="GOOGLE_SYMMETRIC_ENCRYPTION", protection=protection,
        state=state,
    )  # fmt: skip


@given(
    st.sampled_from(("SOFTWARE", "HSM", "EXTERNAL", "EXTERNAL_VPC")),
    st.sampled_from(State),
    st.booleans(),
)
def test_only_a_key_elsewhere_or_none_at_all_keeps_a_content_out_of_reach(
    protection: str, state: State, opened: bool
) -> None:
    found = why(version(protection, state), opened=opened)
    usable = state in {State.ENABLED, State.DISABLED, State.DESTROY_SCHEDULED}
    here = protection in {"SOFTWARE", "HSM"}
    wanted = Reach.CONTENT if here else Reach.WHILE_OPEN if opened else Reach.CIPHERTEXT
    assert found.reach is (wanted if usable else Reach.CIPHERTEXT)


def test_a_customers_own_key_and_a_key_that_is_gone_leave_ciphertext() -> None:
    assert why(None, supplied=True) is Why.CUSTOMER_SUPPLIED
    assert why(None) is Why.KEY_GONE
    assert why(None).reach is why(None, supplied=True).reach is Reach.CIPHERTEXT


@given(st.lists(st.sampled_from(Reach)))
def test_an_assessment_says_the_furthest_of_what_is_in_reach(reaches: list[Reach]) -> None:
    found = furthest(reaches)
    order = list(Reach)
    assert all(order.index(one) <= order.index(found) for one in reaches)
    assert found in {*reaches, Reach.NOTHING}


@dataclass(frozen=True)
class Drafted:
    """An order and an assessment with everything in it that there can be."""

    order: Order
    found: Assessment


def drafted(**changed: Any) -> Drafted:
    facts = entered({**ORDER, "gag": GAG, **changed}, NOW)
    everything = tuple(Finding(asked="gs://files/logs", why=one, key="k") for one in Why)
    found = Assessment(at=NOW, root="custodians 2/3", findings=everything, whole=False)
    return Drafted(Order(facts=facts, entered=NOW, by="x", due=NOW), found)


def rules(seat: str = "FR") -> Any:
    orders = f'\n[orders]\nkeepers = ["user:carla@exploitant.test"]\nseat = "{seat}"\n'
    return parse_rules(staffed.rules("projects/lab:own", orders))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_words_for_everything(language: str) -> None:
    words, english = LANGUAGES[language], LANGUAGES["en"]
    assert (set(words.why), set(words.reach), set(words.kinds)) == (
        set(Why),
        set(Reach),
        set(KINDS),
    )
    for field in dataclasses.fields(words):
        own, other = getattr(words, field.name), getattr(english, field.name)
        if isinstance(own, str):
            assert _places(own) == _places(other)
        elif isinstance(own, dict):
            assert own.keys() == other.keys()


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_says_what_was_found_and_leaves_the_law_to_counsel(language: str) -> None:
    one, words = drafted(scope={**ORDER["scope"], "kinds": list(KINDS)}), LANGUAGES[language]
    text = answer("00ff", one.order, one.found, rules(), language)
    for reason in Why:
        assert words.why[reason] in text
    for said in (
        words.draft,
        words.partial,
        words.memory,
        words.law["blocking"],
        "(custodians 2/3)",
    ):
        assert said in text
    assert one.found.digest in text
    assert "{" not in text


def test_what_an_order_says_is_text_and_no_markdown() -> None:
    one = drafted(authority="[court](https://evil.test) <b>*bold*</b>")
    text = answer("00ff", one.order, one.found, rules(), "en")
    assert r"\[court\](https://evil.test) \<b\>\*bold\*\</b\>" in text


@pytest.mark.parametrize(
    ("country", "seat", "wanted"),
    [
        ("US", "FR", ["gdpr48", "dataact32", "blocking", "secnumcloud"]),
        ("US", "DE", ["gdpr48", "dataact32", "secnumcloud"]),
        ("DE", "FR", ["union", "blocking"]),
        ("FR", "FR", ["domestic"]),
    ],
)
def test_the_paragraphs_of_law_are_those_of_the_seat(
    country: str, seat: str, wanted: list[str]
) -> None:
    assert applicable(drafted(country=country).order, rules(seat)) == wanted


@pytest.mark.parametrize("table", ["keepers = []", 'keepers = ["user:x@y.test"]\nseat = "Fr"', ""])
def test_rules_that_name_no_keeper_or_no_state_are_refused(table: str) -> None:
    with pytest.raises(NoRules, match="orders"):
        parse_rules(staffed.rules("projects/lab:own", f"\n[orders]\n{table}\n"))


def test_the_digest_of_an_order_is_the_one_of_its_specification() -> None:
    page = (Path(__file__).parents[3] / "docs/spec/order.md").read_text()
    [written] = re.findall(r"^(\{.*\})$", page, flags=re.MULTILINE)
    [digest] = re.findall(r"Its digest: `([0-9a-f]{64})`", page)
    facts = entered({**ORDER, "gag": GAG}, NOW)
    assert msgspec.json.encode(facts).decode() == written
    assert facts.digest == digest
    assert hashlib.sha256(b"rempart.order.v1\x00" + written.encode()).hexdigest() == digest
