"""Tells picture formats by their first bytes; names and content types lie.

This only turns strangers away early: the vision service judges every picture again, by the same first bytes
(`quintet_vision.analysis.formats.sniff`), and a change of one rule belongs into both.
"""

# Sizes of the known headers that follow a bitmap's first fourteen bytes.
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def sniff_image(head: bytes) -> str | None:
    """Names the format that a file with these first bytes is in: png, jpeg, gif, webp, bmp, or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    # Two letters alone would let half of all text files in.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "bmp"
    return None
