"""What policies along the way up come to, held against a slow and plain reading of the rules."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.policy import Condition
from rempart.trust.policy.organization.documents import Rule, Spec
from rempart.trust.policy.organization.effective import effective_boolean, effective_list
from rempart.trust.policy.organization.values import Value, matches, plain

VALUES = ("a", "b", "in:both", "is:b", "under:folders/1")
TRUE, FALSE = Condition("true"), Condition("false")
conditions = st.sampled_from([None, None, TRUE, FALSE])
some = st.lists(st.sampled_from(VALUES), max_size=2).map(tuple)
list_rules = st.one_of(
    st.builds(lambda when: Rule(allow_all=True, condition=when), conditions),
    st.builds(lambda when: Rule(deny_all=True, condition=when), conditions),
    st.builds(lambda a, d, when: Rule(a, d, condition=when), some, some, conditions),
)
boolean_rules = st.builds(
    lambda enforce, when: Rule(enforce=enforce, condition=when), st.booleans(), conditions
)


def specs(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[list[Spec | None]]:
    listed = st.lists(rules, max_size=3).map(tuple)
    one = st.builds(Spec, rules=listed, inherits=st.booleans()) | st.just(Spec(reset=True))
    return st.lists(st.none() | one, max_size=4)


def holds(condition: Condition) -> bool:
    return condition.expression == "true"


def group(name: str, value: str) -> bool:
    return name == "both" and value in {"a", "b"}


def counting(spec: Spec) -> list[Rule]:
    met = [rule for rule in spec.rules if rule.condition == TRUE]
    return met or [rule for rule in spec.rules if rule.condition is None]


def plainly(chain: Sequence[Spec | None], value: Value, *, denies: bool) -> bool:
    """Return whether a value passes: every rule that counts is asked, one by one."""
    said: list[str] = []
    for spec in chain:
        if spec is None:
            continue
        if spec.reset:
            break
        for rule in counting(spec):
            said.append("rule")
            said += ["deny"] * rule.deny_all + ["all"] * rule.allow_all
            said += ["deny" for entry in rule.denied if matches(entry, value, group)]
            said += ["listed" for _ in rule.allowed]
            said += ["allow" for entry in rule.allowed if matches(entry, value, group)]
        if not spec.inherits:
            break
    if "rule" not in said:
        return not denies
    return "deny" not in said and ("all" in said or "allow" in said or "listed" not in said)


questions = st.sampled_from(
    [plain("a"), plain("b"), plain("c"), Value("x", frozenset(("x",)), frozenset(("folders/1",)))]
)


@settings(max_examples=400)
@given(specs(list_rules), questions, st.booleans())
def test_a_list_says_what_its_rules_say_one_by_one(
    chain: list[Spec | None], value: Value, denies: bool
) -> None:
    found = effective_list(chain, holds, denies=denies)
    assert found.admits(value, group) == plainly(chain, value, denies=denies)


@settings(max_examples=150)
@given(specs(boolean_rules), st.booleans())
def test_of_booleans_the_nearest_decides(chain: list[Spec | None], denies: bool) -> None:
    nearest = [spec for spec in chain if spec is not None][:1]
    rules = [rule for spec in nearest if not spec.reset for rule in counting(spec)]
    wanted = rules[0].enforce if rules else denies
    assert effective_boolean(chain, holds, denies=denies).enforced == wanted


@settings(max_examples=100)
@given(specs(list_rules), st.sampled_from(["a", "b", "c"]))
def test_denying_more_never_admits_more(chain: list[Spec | None], value: str) -> None:
    strict = Spec((Rule(denied=("a",)),), inherits=True)
    before = effective_list(chain, holds, denies=False).admits(plain(value), group)
    after = effective_list([strict, *chain], holds, denies=False).admits(plain(value), group)
    assert not after or before or value != "a"
    if value == "a":
        assert not after
