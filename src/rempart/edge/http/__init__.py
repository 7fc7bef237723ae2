"""The HTTP/1.1 door: strict where parsers differ, limited where clients could ask for all."""

from rempart.edge.http.front_check import HTTPLimits
from rempart.edge.http.server import HTTPServer

__all__ = ["HTTPLimits", "HTTPServer"]
