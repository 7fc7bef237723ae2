"""Cloud Logging's pure rules."""
