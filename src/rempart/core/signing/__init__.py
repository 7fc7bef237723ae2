"""Statements that people sign: compact JWS under keys that were registered before."""
