"""Tells audio containers by their first bytes, without a decoder; names and content types lie."""

from collections.abc import Callable

HEAD_BYTES = 4096
"""So many bytes from the start of a file are enough for `sniff_audio`; fewer only make it less strict."""

# Pictures live in the same container as M4A. Their brands must not pass as sound.
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})
_M4A_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})

_V1_BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_V2_BITRATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_V1_RATES = (44100, 48000, 32000)


def sniff_audio(head: bytes) -> str | None:
    """Names the container that a file with these first bytes is in.

    Returns `wav`, `mp3`, `ogg`, `webm`, `matroska`, `m4a`, `mp4`, `flac` or `aac`; None for anything else.
    """
    for recognise in (_riff, _tagged, _ebml, _iso_media, _mp3, _adts):
        if name := recognise(head):
            return name
    return None


def _riff(head: bytes) -> str | None:
    return "wav" if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE" else None


def _tagged(head: bytes) -> str | None:
    if head[:4] == b"fLaC":
        return "flac"
    if head[:5] == b"OggS\0":
        return "ogg"
    # An ID3 tag: versions are never 0xFF and its size has seven bits a byte.
    is_id3 = len(head) >= 10 and head[:3] == b"ID3" and 0xFF not in head[3:5] and max(head[6:10]) < 0x80
    return "mp3" if is_id3 else None


def _ebml(head: bytes) -> str | None:
    if head[:4] != b"\x1a\x45\xdf\xa3":
        return None
    opening = head[4:80]
    return next((name for name in ("webm", "matroska") if name.encode() in opening), None)


def _iso_media(head: bytes) -> str | None:
    brand = head[8:12]
    if head[4:8] != b"ftyp" or len(brand) < 4 or brand in _PICTURE_BRANDS:
        return None
    return "m4a" if brand in _M4A_BRANDS else "mp4"


def _mp3(head: bytes) -> str | None:
    return _framed(head, _mp3_frame_bytes, "mp3")


def _adts(head: bytes) -> str | None:
    return _framed(head, _adts_frame_bytes, "aac")


def _framed(head: bytes, frame_bytes: Callable[[bytes], int | None], name: str) -> str | None:
    """Believes a frame header only if another one follows where it says, as far as `head` reaches."""
    length = frame_bytes(head)
    if length is None:
        return None
    following = head[length : length + 7]
    return name if len(following) < 7 or frame_bytes(following) else None


def _mp3_frame_bytes(head: bytes) -> int | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version = head[1] >> 3 & 3  # 0 is MPEG-2.5, 2 is MPEG-2, 3 is MPEG-1
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bitrate in {0, 15} or rate == 3:
        return None
    first = version == 3
    bits_per_second = (_V1_BITRATES if first else _V2_BITRATES)[bitrate - 1] * 1000
    samples_per_second = _V1_RATES[rate] >> (3 - version if version else 2)
    return (144 if first else 72) * bits_per_second // samples_per_second + (head[2] >> 1 & 1)


def _adts_frame_bytes(head: bytes) -> int | None:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else None
