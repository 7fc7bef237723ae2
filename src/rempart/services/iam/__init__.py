"""Identity and Access Management: the APIs that say who may do what."""
