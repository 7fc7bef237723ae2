"""Door two, time: what happens without a request."""
