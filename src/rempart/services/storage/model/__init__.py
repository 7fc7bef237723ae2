"""Frozen values and pure rules of Cloud Storage; no I/O."""
