"""The witness: a program of its own that vouches that logs never show two trees.

It trusts the logs' keys that its operator named, and nothing else. Protocol: C2SP tlog-witness.
"""
