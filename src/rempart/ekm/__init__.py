"""The key holder's program: an external key manager in separate hands.

It runs on the key holder's machine, with data, identity and log of its own. It imports `core` and
the formats of `trust.custody`, and nothing of the cloud whose requests it judges.
"""
