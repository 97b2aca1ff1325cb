"""What a picture file is, told by its bytes alone and before anything is decoded.

The gateway turns strangers away by the same first bytes (`quintet_gateway.http.image_formats`), but this service judges
every picture again, for not all callers come that way; a change of one rule belongs into both.
"""

from quintet_errors import DomainError, Reason

SUPPORTED = ("png", "jpeg", "gif", "bmp", "webp")

# Sizes of the known headers that follow a bitmap's first fourteen bytes.
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_MOST_SCANS = 100
_LARGEST_RUN_LENGTH_BMP = 4_000_000
# A hostile GIF of 32 MiB can hold millions of empty blocks.
_MOST_GIF_BLOCKS = 50_000


def sniff(data: bytes) -> str:
    """Returns the format of a file by its first bytes.

    Raises:
        DomainError: UNSUPPORTED_FORMAT, or UNDECODABLE_MEDIA for an empty file.
    """
    if not data:
        raise undecodable("it is empty")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    # Two letters alone would let half of all text files in.
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BITMAP_HEADERS:
        return "bmp"
    raise DomainError(
        Reason.UNSUPPORTED_FORMAT,
        "The file is not a picture that can be read. Send PNG, JPEG, GIF, BMP or WebP.",
        {"supportedFormats": ",".join(SUPPORTED)},
    )


def refuse_endless_decoding(data: bytes, picture_format: str, pixel_count: int) -> None:
    """Refuses files that are small to store and take minutes to decode.

    Raises:
        DomainError: UNDECODABLE_MEDIA.
    """
    # Each scan of a progressive JPEG passes over the whole picture; real encoders write about ten.
    if picture_format == "jpeg" and data.count(b"\xff\xda") > _MOST_SCANS:
        raise undecodable("it has more scans than any encoder writes")
    # Pillow unpacks run-length BMP in Python, a byte at a time.
    if picture_format == "bmp" and _is_run_length_bmp(data) and pixel_count > _LARGEST_RUN_LENGTH_BMP:
        raise undecodable("it is a large run-length coded BMP; save it as PNG")


def count_gif_frames(data: bytes) -> int:
    """Counts the frames of a GIF by walking over its blocks; a broken file counts up to where it breaks."""
    frames = 0
    position = 13 + _color_table_bytes(data, 10)
    for _ in range(_MOST_GIF_BLOCKS):
        introducer = data[position : position + 1]
        if introducer == b"!":
            position = _after_sub_blocks(data, position + 2)
        elif introducer == b",":
            frames += 1
            position = _after_sub_blocks(data, position + 11 + _color_table_bytes(data, position + 9))
        else:
            break
    return max(1, frames)


def undecodable(why: str) -> DomainError:
    """Returns the error of a picture that cannot be decoded."""
    return DomainError(Reason.UNDECODABLE_MEDIA, f"The picture cannot be read: {why}.", {"why": why})


def _is_run_length_bmp(data: bytes) -> bool:
    return data[30:34] in {b"\x01\0\0\0", b"\x02\0\0\0"}


def _color_table_bytes(data: bytes, flags_at: int) -> int:
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    for _ in range(_MOST_GIF_BLOCKS):
        if position >= len(data) or not data[position]:
            return position + 1
        position += 1 + data[position]
    return len(data)
