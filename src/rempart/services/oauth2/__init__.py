"""OAuth 2.0: buys access tokens for self-signed assertions, tells about them, revokes them.

These paths are no Google API methods, so they bypass the method table: the edge serves `ROUTES`.
"""

from rempart.services.oauth2.api import ROUTES, OAuth2, Route

__all__ = ["ROUTES", "OAuth2", "Route"]
