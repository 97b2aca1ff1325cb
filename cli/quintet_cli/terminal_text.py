"""Text of others on a terminal: what they wrote is shown, what would steer the terminal is not."""

import re

# Everything that a terminal obeys starts with one of these. Line feed and tab are layout, and joiners are letters' own.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """Returns the text with the replacement character in the place of every control character."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
