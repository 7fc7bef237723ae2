"""One short function for each method, by the noun that it is about."""
