"""One short function for each method, by noun."""
