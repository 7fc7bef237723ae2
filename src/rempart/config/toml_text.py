"""The text of `rempart.toml`, as the first start writes it."""

from __future__ import annotations

from rempart.config.settings import Config
from rempart.config.table import FORMAT


def toml(config: Config) -> str:
    """Return the text of `rempart.toml` for these settings."""
    regions = ", ".join(f'"{region}"' for region in config.regions)
    return f"""\
# Settings of this universe, written by the first start of `rempart up`.
# An unknown key refuses the start.

# Version of this data directory. Never edit it.
format = {FORMAT}

# Fixed by the first start: names, keys and certificates carry these.
domain = "{config.domain}"
prefix = "{config.prefix}"
engine = "{config.engine}"

# The project that `rempart env` names.
project = "{config.project}"

# Locations that buckets and keys may be created in. Remove none that is in use.
regions = [{regions}]

# Where the universe listens: TLS for REST and gRPC, and plaintext for development.
# --listen and --http, or REMPART_LISTEN and REMPART_HTTP, change them for one run.
listen = "{config.listen}"
http = "{config.http}"

# Server processes; the embedded engine has exactly one.
workers = {config.workers}

# Algorithms that new keys of Cloud KMS may have: "all" that Google names and this universe has, or
# only those that "anssi" admits (its rules on cryptographic mechanisms, CRYPTO_B1).
key_algorithms = "{config.key_algorithms}"

# A file of certificate authorities (PEM, beside this file or by its full path) that key managers of
# EXTERNAL keys may have, besides those that this machine trusts.
# key_manager_authorities = "key-managers.pem"

# A file with a certificate and its key (PEM, mode 0600), for key managers that ask who is there.
# key_manager_client = "key-manager-client.pem"

# A file of certificate authorities (PEM) that identity providers of pools may have, in place of
# those that this machine trusts.
# identity_provider_authorities = "identity-providers.pem"

# Token services of AWS that may be asked who signed a request, for pools of AWS accounts; and
# whether requests that do not sign which provider they are for are taken (Python's, gcloud's).
# aws_sts_endpoints = ["https://sts.eu-west-3.amazonaws.com"]
# aws_sts_unsigned_target = false

# A file of rights that must not meet in one hand; where there is one of this name, it is taken.
# separation_of_duties = "separation-of-duties.toml"

# External key managers that this universe may ask, and where they are: an address, or "resolve" for
# this machine's resolver. Others are never reached. A port other than 443 is part of the host.
[key_managers]
# "ekm.example.org" = "192.0.2.7:443"
# "ekm.example.net:8443" = "resolve"

# Syslog servers that sinks may lead to (syslog.rempart.io/siem), and whose sinks those may be.
# [syslog.siem]
# address = "siem.example.org:6514"
# from = ["organizations/NUMBER", "projects/ID"]
# authorities = "siem-ca.pem"        # without it, those that this machine trusts
"""
