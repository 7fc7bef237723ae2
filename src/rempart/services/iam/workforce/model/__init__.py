"""Workforce pools and providers: what a request may say of them, and how they are shown."""
