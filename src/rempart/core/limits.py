"""Every limit by its name; Google's value where Google publishes one."""

KIB = 1024
MIB = 1024 * KIB
TIB = 1024 * 1024 * MIB

OBJECT_BYTES_MAX = 5 * TIB
OBJECT_NAME_BYTES_MAX = 1024
CUSTOM_METADATA_BYTES_MAX = 8 * KIB
INLINE_BYTES_MAX = 64 * KIB
"""Bodies up to this size are committed with their metadata; longer ones become a blob."""

JSON_BODY_BYTES_MAX = 1 * MIB
JSON_DEPTH_MAX = 32
GRPC_MESSAGE_BYTES_MAX = 4 * MIB
"""What gRPC servers take unless told otherwise."""

GRPC_ELEMENTS_MAX = 50_000
"""Elements of the repeated fields of one message: two bytes each would cost seconds otherwise."""

MULTIPART_HEAD_BYTES_MAX = 1 * MIB
BATCH_CALLS_MAX = 100
BATCH_BODY_BYTES_MAX = 10 * MIB
COMPOSE_SOURCES_MAX = 32
LIST_PAGE_MAX = 1000
RESUMABLE_CHUNK_BYTES = 256 * KIB
"""Every chunk of a resumable upload but the last is a multiple of this."""

RESUMABLE_SESSION_SECONDS = 7 * 24 * 3600
LABELS_MAX = 64
POLICY_MEMBERS_MAX = 1500
POLICY_GROUPS_MAX = 250
"""Domains and groups among the members of a policy."""
POLICY_CONDITIONS_OF_A_ROLE_MAX = 20
"""Conditions under which one role may be granted to one member in a policy."""
POLICY_BYTES_MAX = 64 * KIB
ACL_ENTRIES_MAX = 100
RETENTION_SECONDS_MAX = 3_155_760_000
REWRITE_BYTES_PER_CALL_MIN = MIB
CONCURRENT_CALLS_PER_PRINCIPAL_MAX = 512
COMMIT_ATTEMPTS_MAX = 20
