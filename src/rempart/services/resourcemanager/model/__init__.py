"""Resource Manager's frozen values and pure rules."""
