"""The log: what was asked and answered, chained and on disk before the answer leaves."""
