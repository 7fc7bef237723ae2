"""Cloud Logging v2."""
