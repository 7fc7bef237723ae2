"""Cloud Logging's methods, by noun."""
