"""Expressions of custom constraints end soon, whatever stands in them."""

from __future__ import annotations

import time

from rempart.trust.policy.organization.custom import EXPRESSION_CHARS_MAX, check, holds

BUCKET = "storage.googleapis.com/Bucket"
SECONDS_MAX = 1.0


def test_the_costliest_expression_that_is_let_in_is_cheap() -> None:
    lists = ["[" + ",".join("1" * 210) + "]"] * 2
    expression = f"{lists[0]}.all(a, {lists[1]}.all(b, a == b))"
    assert len(expression) <= EXPRESSION_CHARS_MAX
    check(expression, BUCKET)
    labels = {f"l{number}": "x" * 63 for number in range(64)}
    crossed = (
        "resource.labels.all(a, resource.labels.all(b, (a + b).matches('(a|b|ab)*c') == false))"
    )
    check(crossed, BUCKET)
    began = time.process_time()
    assert holds(expression, BUCKET, {}) is True
    assert holds(crossed, BUCKET, {"labels": labels}) is True
    assert time.process_time() - began < SECONDS_MAX


def test_an_absent_field_has_its_default() -> None:
    assert holds("resource.retentionPolicy.retentionPeriod == 0", BUCKET, {}) is True
    fields = {"retentionPolicy": {"retentionPeriod": "3600"}}
    assert holds("resource.retentionPolicy.retentionPeriod in [60, 3600]", BUCKET, fields) is True
