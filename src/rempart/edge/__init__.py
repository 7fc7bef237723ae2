"""Door one, the network: HTTP and TLS, codecs, routes, errors."""
