"""Security Token Service v1: takes a credential from outside, gives an access token of a pool.

Its callers have no credential of this universe, and some send one of their own program's in the
Authorization header; so it is no method of the gate: the edge serves `ROUTES`. Errors are RFC
6749's.
"""

from rempart.services.sts.api import ANSWERED, ROUTES, STS

__all__ = ["ANSWERED", "ROUTES", "STS"]
"""`ANSWERED` are the methods of Google's description that the routes answer."""
