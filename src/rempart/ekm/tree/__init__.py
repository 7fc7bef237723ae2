"""The log as a transparency log in the public formats: a tree over its lines, signed, witnessed.

Specified in docs/spec/ekm-log.md. The log's lines are the truth; all that is kept here is made of
them and of the sealed seed, and is made anew where it is gone.
"""
