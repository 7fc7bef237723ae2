"""The Logging query language: text to a tree, and the tree over tables of entries.

Source: "Logging query language" in Google Cloud's documentation, read in November 2026. Everything
here is pure.
"""
