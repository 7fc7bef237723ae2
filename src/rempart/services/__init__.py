"""Google services, one folder for each API."""
