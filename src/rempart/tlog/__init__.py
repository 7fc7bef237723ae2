"""Transparency logs in the public formats: trees, tiles, notes, checkpoints, proofs, policies.

Pure: no I/O, no clock. What each file implements, and of which version of which specification, is
told in docs/spec/log-formats.md.
"""
