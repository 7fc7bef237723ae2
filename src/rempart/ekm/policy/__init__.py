"""What the key holder allows: a readable file of rules; what no rule allows is refused."""
