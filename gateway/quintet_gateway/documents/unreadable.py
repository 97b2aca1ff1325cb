"""The one way in which a file fails."""


class UnreadableError(Exception):
    """A file cannot be taken in; the text says why, for a person, and holds nothing of the file's content."""
