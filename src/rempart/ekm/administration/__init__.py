"""Who may change what the key holder's manager does: officers, and so many of them together.

The state is what the log's entries of administration make of the first one. Each entry carries the
officers' signed statements, and reading the log verifies them all again, so that neither the disk
nor the program can say something that officers did not sign.
"""
