"""Signed approvals: evidence for a reason that the cloud could otherwise only assert."""
