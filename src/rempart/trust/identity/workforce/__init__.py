"""People of a customer's own organization: their pools, their sign-ins, and whether both stand."""
