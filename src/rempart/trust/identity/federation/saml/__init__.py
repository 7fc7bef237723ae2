"""SAML 2.0: providers that sign XML. A process of its own reads it, rules here judge it."""
