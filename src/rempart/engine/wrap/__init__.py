"""Decorators of the seam."""

from rempart.engine.wrap.faulty import Fault, FaultyEngine, Plan, fail_at

__all__ = ["Fault", "FaultyEngine", "Plan", "fail_at"]
