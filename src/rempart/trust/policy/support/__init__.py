"""Support: the operator's people reach what is a customer's by the customer's approval alone."""
