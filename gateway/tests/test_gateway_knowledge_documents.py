"""From the bytes of a file to its chunks."""

import asyncio
import re
import threading
import time
import unicodedata
import zipfile
from io import BytesIO

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_documents import docx, paragraph, pdf
from misbehaving_reader import EndsOnArrival, misbehave
from pebble import ProcessPool

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge.extractor import Extractor
from quintet_gateway.documents.chunking import cut
from quintet_gateway.documents.decoding import decode
from quintet_gateway.documents.extraction import Extracted, Section
from quintet_gateway.documents.formats import Format, kind_of
from quintet_gateway.documents.pieces import Sizes
from quintet_gateway.documents.unreadable import UnreadableError
from quintet_gateway.documents.worker import read_document
from quintet_testing import eventually

SENTENCE = "The keeper trims the wick every four hours."


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        ("café".encode("utf-16"), "café"),
        (b"\xfe\xff" + "café".encode("utf-16-be"), "café"),
        ("café".encode("utf-32"), "café"),
        ("Où est la bibliothèque? Déjà vu, très bien.".encode("cp1252"), "Où est la bibliothèque? Déjà vu, très bien."),
        ("Привет, как дела? Это обычный текст.".encode("cp1251"), "Привет, как дела? Это обычный текст."),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        (b"", ""),
    ],
)
def test_text_is_decoded_whatever_its_encoding(data, text):
    assert decode(data) == text


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n\0\0\0", bytes(range(1, 256)) * 9, b"\xef\xbb\xbf\xff\xfe", b"\x01\x02\x03" * 50, b"\xff\xfea"],
)
def test_what_is_no_text_is_refused(data):
    with pytest.raises(UnreadableError):
        decode(data)


def test_lines_and_headings_of_markdown_are_those_of_the_file():
    text = "---\ntitle: x\n---\n# Light\n\nIntro.\n\n## The *wick*\n\n```sh\n# no heading\n```\n\nLow\n---\n\nEnd.\n"
    pieces = cut(Extracted((Section(text, is_markdown=True),), has_lines=True), Sizes(40, 0))
    found = {piece.text.split("\n")[0]: (piece.heading, piece.start_line, piece.end_line) for piece in pieces}
    assert found["# Light"] == ("Light", 4, 6)
    assert found["## The *wick*"] == ("Light > The *wick*", 8, 12)
    assert found["Low"] == ("Light > Low", 14, 17)


def test_a_heading_that_does_not_fit_with_its_text_stands_above_it_only():
    text = "# Light\n\n## Wick\n\n" + " ".join([SENTENCE] * 5)
    pieces = cut(Extracted((Section(text, is_markdown=True),), has_lines=True), Sizes(100, 0))
    assert [piece.heading for piece in pieces] == ["Light > Wick"] * 3
    assert all(piece.text.startswith("The keeper") for piece in pieces)


def test_sentences_stay_whole_where_they_fit():
    pieces = cut(Extracted((Section(" ".join([SENTENCE] * 50)),), has_lines=True), Sizes(200, 50))
    assert all(piece.text.startswith("The") and piece.text.endswith("hours.") for piece in pieces)
    assert all(len(piece.text) > 100 for piece in pieces[:-1])


def test_code_is_cut_between_definitions():
    code = "\n\n".join(f"def work_{number}(value):\n    return value + {number}\n" for number in range(40))
    pieces = cut(Extracted((Section(code),), has_lines=True), Sizes(300, 0))
    assert all(piece.text.startswith("def work_") for piece in pieces)
    assert code.split("\n")[pieces[3].start_line - 1] == pieces[3].text.split("\n")[0]


MARKUP = re.compile(r"\s*(#{1,6}(\s|$)|`{3}|~{3}|=+\s*$|-+\s*$)")
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=300)
MARKS = st.sampled_from(
    ["\n", "\n\n", "# A\n", "## B\n", "```\n", "- x\n", "> y\n", "👩‍👩‍👧‍👦", "é", ". ", "| a | b |\n", "word " * 30]
)
TEXTS = st.lists(st.one_of(WORDS, MARKS), max_size=20).map("".join)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, is_markdown=st.booleans(), size=st.integers(20, 120), overlap=st.integers(0, 10))
def test_chunks_hold_all_of_a_text_in_order_and_size(text, is_markdown, size, overlap):
    pieces = cut(Extracted((Section(text, is_markdown=is_markdown),), has_lines=True), Sizes(size, overlap))
    lines = text.split("\n")
    # Text repeats itself, so a chunk may stand in several places: all ways to lay the chunks out are followed.
    ends = {0}
    for piece in pieces:
        assert piece.text.strip()
        assert len(piece.text) <= size
        assert piece.text in "\n".join(lines[piece.start_line - 1 : piece.end_line])
        assert piece.text.count("\n") == piece.end_line - piece.start_line
        ends = {
            max(end, start + len(piece.text))
            for end in ends
            # Spaces at the edges of what is repeated do not count.
            for start in places(text, piece.text, max(0, end - overlap - blanks(piece.text)))
            if says_nothing(text[end:start], is_markdown)
        }
        assert ends
    assert any(says_nothing(text[end:], is_markdown) for end in ends)


def blanks(text):
    return len(text) - len(text.strip())


def places(text, part, start):
    while (start := text.find(part, start)) >= 0:
        yield start
        start += 1


def says_nothing(text, is_markdown):
    """Headings that stand above the next chunk and marks of code are no text of their own."""
    return all(not line.strip() or (is_markdown and MARKUP.match(line)) for line in text.split("\n"))


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, size=st.integers(30, 120), overlap=st.integers(0, 20))
def test_no_chunk_of_text_begins_inside_of_a_grapheme(text, size, overlap):
    for piece in cut(Extracted((Section(text),), has_lines=True), Sizes(size, overlap)):
        first = piece.text[0]
        if unicodedata.category(first) in {"Mn", "Me"} or first == "\u200d":
            # Only a mark that stands alone in the text, or a pile of marks that is larger than a chunk, may do that.
            before = text[: text.find(piece.text)]
            assert (
                not before
                or before[-1].isspace()
                or unicodedata.category(before[-1]) in {"Mn", "Me", "Cc", "Cf", "Zl", "Zp"}
            )


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "word " * 200_000, "é" * 100_000, ("# T\n\n" + SENTENCE * 20 + "\n\n") * 2000]
)
@pytest.mark.parametrize("form", [Format.TEXT, Format.MARKDOWN])
def test_the_time_of_cutting_grows_with_the_text_only(text, form):
    begun = time.process_time()
    pieces = read_document(form, text.encode())
    assert time.process_time() - begun < 6
    assert sum(len(piece.text) for piece in pieces) >= 0.95 * len(text.replace("\n", ""))


def test_html_becomes_what_a_reader_reads():
    page = b"""<html><head><title>Bees</title><style>p{}</style></head><body><nav>Menu</nav><h2>Smoke</h2>
    <p>A <b>full</b> belly &amp; snake_case. <a href="https://x.example/">More</a></p><script>alert(1)</script>
    <table><tr><th>a</th></tr><tr><td>b</td></tr></table><img src="data:image/png;base64,AAAA"></body></html>"""
    (piece,) = read_document(Format.HTML, page)
    assert piece.text.startswith("# Bees\n\n## Smoke")
    assert "A **full** belly & snake_case. More" in piece.text
    assert not any(word in piece.text for word in ("Menu", "alert", "p{}", "base64", "x.example"))
    assert (piece.heading, piece.start_line) == ("Bees", 0)


def test_a_docx_keeps_its_headings():
    data = docx(paragraph("Journey", "Heading1"), paragraph("Mast", "Heading2"), paragraph("Elias Thorne mended it."))
    (piece,) = read_document(Format.DOCX, data)
    assert piece.text == "# Journey\n\n## Mast\n\nElias Thorne mended it."


def test_a_pdf_has_its_pages_as_headings():
    pieces = read_document(Format.PDF, pdf("Carrots keep in sand.", "", "Turnips do not."))
    assert [(piece.heading, piece.text) for piece in pieces] == [
        ("Page 1", "Carrots keep in sand."),
        ("Page 3", "Turnips do not."),
    ]


def zip_with(name, size):
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as entry:
        for _ in range(size >> 20):
            entry.write(bytes(1 << 20))
    return file.getvalue()


def looping_pdf():
    data = pdf("x")
    return data.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")


@pytest.mark.parametrize(
    ("form", "data", "reason"),
    [
        (Format.DOCX, b"PK no zip", "is no DOCX file"),
        (Format.DOCX, zip_with("word/document.xml", 40 << 20), "unpacks to more than it may"),
        (Format.DOCX, zip_with("word/media/a.bin", 200 << 20), "unpacks to more than it may"),
        (Format.DOCX, zip_with("other.txt", 1 << 20), "cannot be read as docx"),
        (Format.DOCX, docx(paragraph("&a;"), prologue='<!DOCTYPE x [<!ENTITY a "aaa">]>'), "holds XML that no DOCX"),
        (Format.DOCX, docx("<w:p>"), "cannot be read as docx"),
        (Format.DOCX, docx(paragraph(" ")), "holds no text"),
        (Format.PDF, b"hello", "is no PDF"),
        (Format.PDF, b"%PDF-1.7 garbage", "is a broken PDF|cannot be read as pdf"),
        (Format.PDF, looping_pdf(), "holds no text|broken|cannot be read|nested"),
        (Format.PDF, pdf(""), "holds no text"),
        (Format.HTML, b"<div>" * 20_000 + b"x", "is nested too deeply"),
        (Format.HTML, b"<p>\0</p>", "is binary"),
        (Format.TEXT, b" \n ", "holds no text"),
        (Format.TEXT, b"\0", "is binary"),
    ],
)
def test_traps_and_wrecks_are_refused_with_a_reason(form, data, reason):
    with pytest.raises(UnreadableError, match=reason):
        read_document(form, data)


def test_an_unknown_extension_is_plain_text():
    assert kind_of(".xyz").format is Format.TEXT
    assert (kind_of(".py").format, kind_of(".py").language) == (Format.CODE, "python")


@pytest.fixture
async def workers():
    extractor = Extractor(workers=1, file_s=3, memory_mib=1024, read=misbehave)
    async with extractor.at_hand():
        yield extractor
    await extractor.close()


@pytest.mark.slow
async def test_a_file_that_hangs_or_kills_its_reader_harms_no_other(workers):
    assert (await workers.pieces(Format.TEXT, b"fine"))[0].text == "fine"
    with pytest.raises(UnreadableError, match="takes longer than 3 s"):
        await workers.pieces(Format.TEXT, b"hang")
    with pytest.raises(UnreadableError, match="ends every process"):
        await workers.pieces(Format.TEXT, b"die")
    with pytest.raises(UnreadableError, match="swells"):
        await workers.pieces(Format.TEXT, b"swell")
    assert (await workers.pieces(Format.TEXT, b"still fine"))[0].text == "still fine"


@pytest.mark.parametrize("what", [b"read", b"write", b"connect", b"run"])
async def test_a_worker_may_neither_use_files_nor_connect_nor_run_programs(workers, what):
    with pytest.raises(PermissionError):
        await workers.pieces(Format.TEXT, what)


async def test_workers_read_every_format(workers):
    assert (await workers.pieces(Format.PDF, pdf("In sand.")))[0].text == "In sand."
    assert (await workers.pieces(Format.DOCX, docx(paragraph("In sand."))))[0].text == "In sand."
    assert (await workers.pieces(Format.HTML, b"<p>In sand.</p>"))[0].text == "In sand."


@pytest.mark.slow
async def test_cancelling_ends_a_worker_at_work_and_leaving_ends_all():
    extractor = Extractor(workers=1, file_s=60, read=misbehave)
    async with extractor.at_hand():
        await extractor.pieces(Format.TEXT, b"fine")
        reading = asyncio.ensure_future(extractor.pieces(Format.TEXT, b"hang"))

        async def is_busy():
            return any(child.cpu_percent(0.05) > 20 for child in psutil.Process().children(recursive=True))

        await eventually(is_busy)
        busy = {child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())}
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (await extractor.pieces(Format.TEXT, b"fine"))[0].text == "fine"
        assert not any(psutil.pid_exists(pid) for pid in busy)
    await extractor.close()
    assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


async def test_workers_that_died_without_work_are_replaced():
    extractor = Extractor(workers=1, file_s=1, start_s=2)
    async with extractor.at_hand():
        await extractor.pieces(Format.TEXT, b"fine")
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        assert (await extractor.pieces(Format.TEXT, b"fine again"))[0].text == "fine again"
    await extractor.close()


async def test_a_pool_that_ended_with_its_worker_is_replaced():
    extractor = Extractor(workers=1, file_s=20)
    async with extractor.at_hand():
        await extractor.pieces(Format.TEXT, b"fine")
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()

        async def has_ended():
            return not any("pool_manager_loop" in thread.name for thread in threading.enumerate())

        await eventually(has_ended)
        assert (await extractor.pieces(Format.TEXT, b"fine again"))[0].text == "fine again"
    await extractor.close()


class WatchedPool(ProcessPool):
    """Counts the files that wait for its workers or are with them."""

    at_once = most = 0

    def submit(self, *args):
        future = super().submit(*args)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        future.add_done_callback(self._end)
        return future

    def _end(self, _future):
        self.at_once -= 1


async def test_a_file_that_waits_for_another_is_not_with_the_workers_yet():
    pools = []

    def pool(*args, **options):
        pools.append(WatchedPool(*args, **options))
        return pools[-1]

    extractor = Extractor(workers=2, file_s=20, read=misbehave, pool=pool)
    async with extractor.at_hand():
        texts = [f"text {number}" for number in range(8)]
        found = await asyncio.gather(*(extractor.pieces(Format.TEXT, text.encode()) for text in texts))
        assert [pieces[0].text for pieces in found] == texts
    await extractor.close()
    assert [one.most for one in pools] == [2]


async def test_workers_that_cannot_start_are_an_error_and_no_endless_trial():
    extractor = Extractor(workers=1, file_s=3, read=EndsOnArrival())
    async with extractor.at_hand():
        with pytest.raises(DomainError) as caught:
            await extractor.pieces(Format.TEXT, b"x")
    assert caught.value.reason is Reason.INTERNAL
    await extractor.close()
