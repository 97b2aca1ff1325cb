"""Files of every kind, good, odd and hostile, become a picture or the right error, quickly."""

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from quintet_errors import DomainError, Reason
from quintet_vision.analysis.decode import decode
from quintet_vision.analysis.formats import count_gif_frames

MAX_PIXELS = 50_000_000
REFUSALS = {Reason.UNSUPPORTED_FORMAT, Reason.UNDECODABLE_MEDIA, Reason.IMAGE_TOO_LARGE}


def save(image: Image.Image, file_format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()


def noise(size: tuple[int, int] = (200, 150)) -> Image.Image:
    return Image.effect_noise(size, 50).convert("RGB")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_reads_each_format_by_its_bytes(file_format: str) -> None:
    picture = decode(save(Image.new("RGB", (64, 48), (255, 0, 0)), file_format), max_pixels=MAX_PIXELS)
    assert (picture.width, picture.height, picture.format) == (64, 48, file_format.lower())
    blue, green, red = picture.pixels[24, 32].tolist()
    assert red > 245 and green < 10 and blue < 10  # noqa: PT018 - one colour


def corner_marked() -> Image.Image:
    """White with a red top left quarter; the rest tells how it was turned."""
    image = Image.new("RGB", (80, 40), "white")
    image.paste((255, 0, 0), (0, 0, 40, 20))
    image.paste((0, 0, 255), (40, 0, 80, 20))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_honours_every_exif_orientation(orientation: int) -> None:
    stored_by = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    upright = corner_marked()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright if stored_by is None else upright.transpose(stored_by)
    picture = decode(save(stored, "PNG", exif=exif), max_pixels=MAX_PIXELS)
    assert (picture.width, picture.height) == (80, 40)
    assert np.array_equal(picture.pixels[:, :, ::-1], np.asarray(upright))


def sixteen_bit_ramp() -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (32, 1)))


def test_scales_sixteen_bits_instead_of_clipping_them() -> None:
    picture = decode(save(sixteen_bit_ramp(), "PNG"), max_pixels=MAX_PIXELS)
    assert abs(int(picture.grey[16, 128]) - 128) <= 2


def test_reads_cmyk_as_it_was_printed() -> None:
    cmyk = Image.new("RGB", (64, 64), (200, 30, 30)).convert("CMYK")
    blue, green, red = decode(save(cmyk, "JPEG"), max_pixels=MAX_PIXELS).pixels[32, 32].tolist()
    assert red > 180 and green < 60 and blue < 60  # noqa: PT018 - one colour


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_puts_transparent_pictures_on_white(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}
    picture = decode(save(image, "PNG", **options), max_pixels=MAX_PIXELS)
    assert int(picture.pixels.min()) == 255


def test_counts_frames_and_shows_the_first() -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    for file_format in ("GIF", "WEBP", "PNG"):
        data = save(frames[0], file_format, save_all=True, append_images=frames[1:])
        picture = decode(data, max_pixels=MAX_PIXELS)
        assert picture.frame_count == 3
        assert int(picture.pixels[15, 20, 2]) > 200


@pytest.mark.parametrize("size", [(1, 1), (1, 65535), (65000, 1), (3000, 2), (2, 3000)])
def test_reads_pictures_of_extreme_shape(size: tuple[int, int]) -> None:
    picture = decode(save(Image.new("RGB", size, "red"), "PNG"), max_pixels=MAX_PIXELS)
    assert (picture.width, picture.height) == size
    assert max(picture.pixels.shape) <= 2000
    box = picture.box(0, 0, picture.pixels.shape[1], picture.pixels.shape[0])
    assert (box.width, box.height) == size


def test_works_on_a_reduced_copy_of_a_large_picture() -> None:
    large = Image.linear_gradient("L").resize((4500, 3000))
    for file_format in ("JPEG", "PNG"):
        picture = decode(save(large, file_format), max_pixels=MAX_PIXELS)
        assert picture.pixels.shape == (1333, 2000, 3)
        assert (picture.width, picture.height) == (4500, 3000)


def scan_bomb() -> bytes:
    data = save(noise((256, 256)), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 300 + data[-2:]


def huge_webp() -> bytes:
    data = bytearray(save(Image.new("RGB", (8, 8)), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = struct.unpack_from("<I", data, at)[0] & ~0x0FFFFFFF
    struct.pack_into("<I", data, at, bits | 0x3FFE | 0x3FFE << 14)
    return bytes(data)


def huge_gif_frame() -> bytes:
    data = bytearray(save(Image.new("P", (4, 4)), "GIF"))
    at = data.index(b",", 13 + (3 << ((data[10] & 7) + 1)))
    data[at + 5 : at + 9] = b"\xff" * 4
    return bytes(data)


def run_length_bmp() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 8000, 6000, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078, 0, 0, 1078) + header + bytes(1024) + b"\x01\x02" * 500_000


def png_without_pixels() -> bytes:
    data = bytearray(save(Image.new("RGB", (8, 8)), "PNG"))
    data[16:20] = bytes(4)
    return bytes(data)


HOSTILE = {
    "empty": (b"", Reason.UNDECODABLE_MEDIA),
    "one byte": (b"\xff", Reason.UNSUPPORTED_FORMAT),
    "text": (b"hello, I am no picture", Reason.UNSUPPORTED_FORMAT),
    "text that begins like a bitmap": (b"BMW is a maker of cars and engines", Reason.UNSUPPORTED_FORMAT),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.UNSUPPORTED_FORMAT),
    "zip": (b"PK\x03\x04" + bytes(100), Reason.UNSUPPORTED_FORMAT),
    "tiff": (save(Image.new("RGB", (8, 8)), "TIFF"), Reason.UNSUPPORTED_FORMAT),
    "only the first bytes of a png": (b"\x89PNG\r\n\x1a\n", Reason.UNDECODABLE_MEDIA),
    "truncated jpeg": (save(noise(), "JPEG")[:3000], Reason.UNDECODABLE_MEDIA),
    "truncated png": (save(noise(), "PNG")[:5000], Reason.UNDECODABLE_MEDIA),
    "truncated webp": (save(noise(), "WEBP")[:1500], Reason.UNDECODABLE_MEDIA),
    "truncated gif": (save(noise(), "GIF")[:3000], Reason.UNDECODABLE_MEDIA),
    "truncated bmp": (save(noise(), "BMP")[:3000], Reason.UNDECODABLE_MEDIA),
    "png without pixels": (png_without_pixels(), Reason.UNDECODABLE_MEDIA),
    "100 megapixel bomb": (save(Image.new("1", (10_000, 10_000)), "PNG"), Reason.IMAGE_TOO_LARGE),
    "webp that claims 268 megapixels": (huge_webp(), Reason.IMAGE_TOO_LARGE),
    "gif frame larger than its canvas": (huge_gif_frame(), Reason.IMAGE_TOO_LARGE),
    "jpeg of 300 scans": (scan_bomb(), Reason.UNDECODABLE_MEDIA),
    "large run-length bmp": (run_length_bmp(), Reason.UNDECODABLE_MEDIA),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_hostile_files_with_the_right_reason(name: str) -> None:
    data, reason = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(DomainError) as refused:
        decode(data, max_pixels=MAX_PIXELS)
    assert refused.value.reason is reason
    assert time.process_time() - started < 1
    if reason is Reason.IMAGE_TOO_LARGE:
        assert refused.value.metadata["maxPixels"] == str(MAX_PIXELS)


def test_reads_a_polyglot_as_what_its_first_bytes_say() -> None:
    picture = decode(save(noise(), "PNG") + b"PK\x03\x04<script>", max_pixels=MAX_PIXELS)
    assert picture.format == "png"


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = save(noise(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\x99" * 40)
    assert decode(data, max_pixels=MAX_PIXELS).width == 200


SEEDS = [save(noise((40, 30)), file_format) for file_format in ("PNG", "JPEG", "GIF", "BMP", "WEBP")]
MAGICS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"RIFF\x40\0\0\0WEBPVP8 ", b"")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(MAGICS), st.binary(max_size=400))
@example(b"GIF89a", bytes(13))
def test_random_bytes_are_refused_and_never_crash(magic: bytes, tail: bytes) -> None:
    try:
        decode(magic + tail, max_pixels=MAX_PIXELS)
    except DomainError as error:
        assert error.reason in REFUSALS  # noqa: PT017 - a picture may also come out


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=12))
def test_damaged_files_are_read_or_refused(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    try:
        picture = decode(bytes(data), max_pixels=1_000_000)
    except DomainError as error:
        assert error.reason in REFUSALS  # noqa: PT017 - a picture may also come out
    else:
        assert picture.width * picture.height <= 1_000_000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_counting_gif_frames_ends_on_any_bytes(tail: bytes) -> None:
    assert count_gif_frames(b"GIF89a" + tail) >= 1


def test_counting_gif_frames_is_bounded() -> None:
    started = time.process_time()
    count_gif_frames(b"GIF89a" + bytes(7) + (b"," + bytes(11)) * 1_000_000)
    assert time.process_time() - started < 0.5
