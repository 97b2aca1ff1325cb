"""Names that pages of browser tests come from."""

FOREIGN_HOST = "foreign.example"
"""A host that belongs to nobody; the browser of the tests finds it on this machine."""
