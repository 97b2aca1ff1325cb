"""Reads text in a process of its own: the recogniser's 300 MB end with it, and so does a crash of it.

Run as `python -m quintet_vision.text_worker`; `text_reader.py` is its other end. On standard input come frames of a
header (kind, height, width) and the pixels; on standard output go frames of a length and JSON.
"""

import json
import os
import queue
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

REQUEST_HEADER = struct.Struct("<BII")
REPLY_HEADER = struct.Struct("<I")
READ, CANCEL = 1, 2

# Lines that are recognised together; between two batches the worker looks whether it shall stop.
_BATCH = 4
_DETECTION_EDGE = 1280
# A picture that is narrower has no room for a letter.
_SMALLEST_EDGE = 8
_LOWEST_SCORE = 0.6
# Spots and wheels are read as single letters, but with little certainty.
_LOWEST_SCORE_OF_A_LETTER = 0.95
# A turned box of less than this holds no letters, and the recogniser fails on it.
_SMALLEST_SIDE = 2

_Pixels = npt.NDArray[np.uint8]
_Corners = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ReadLine:
    """One line in pixels of the picture that was sent."""

    text: str
    confidence: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Reply:
    """Lines in reading order; `complete` is false if the time ran out, `error` says why there are none."""

    lines: tuple[ReadLine, ...] = ()
    complete: bool = True
    error: str = ""


class Recognizer:
    """RapidOCR, cut into pieces that can be stopped."""

    def __init__(self, threads: int) -> None:
        import rapidocr  # noqa: PLC0415 - takes a second and 60 MB that the other end shall not pay

        self._ocr = rapidocr.RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.log_level": "critical",
                # The defaults enlarge the shorter edge, which makes gigabytes of a narrow picture.
                "Global.use_preprocess_img": False,
                "Det.limit_type": "max",
                "Det.limit_side_len": _DETECTION_EDGE,
            }
        )
        # Sessions of our own, from the models inside of the package: it would download one that it misses.
        models = Path(rapidocr.__file__).parent / "models"
        self._ocr.cfg._set_flag("allow_objects", True)
        self._ocr.cfg.Det.session = _session(models / "PP-OCRv6_det_small.onnx", threads)
        self._ocr.cfg.Rec.session = _session(models / "PP-OCRv6_rec_small.onnx", threads)

    def read(self, pixels: _Pixels, budget_s: float, cancelled: threading.Event) -> Reply:
        """Returns the lines that could be read within the budget, the topmost first."""
        deadline = time.monotonic() + budget_s
        boxes = self._find_lines(pixels)
        lines: dict[int, ReadLine] = {}
        for batch in _alike(boxes):
            if cancelled.is_set() or time.monotonic() > deadline:
                return Reply(_in_order(lines), complete=False)
            lines.update(self._read_batch(pixels, boxes, batch))
        return Reply(_in_order(lines))

    def _find_lines(self, pixels: _Pixels) -> list[_Corners]:
        if min(pixels.shape[:2]) < _SMALLEST_EDGE:
            return []
        found: Any = self._ocr(pixels, use_det=True, use_rec=False)
        boxes = getattr(found, "boxes", None)
        return [] if boxes is None else [box for box in boxes if np.ptp(box, axis=0).min() >= _SMALLEST_SIDE]

    def _read_batch(self, pixels: _Pixels, boxes: list[_Corners], batch: list[int]) -> Iterator[tuple[int, ReadLine]]:
        crops = self._ocr.crop_text_regions(pixels, np.array([boxes[index] for index in batch]))
        result: Any = self._ocr.recognize_txt(crops)
        for index, padded, score in zip(batch, result.txts, result.scores, strict=True):
            text = padded.strip()
            if text and score >= (_LOWEST_SCORE if len(text) > 1 else _LOWEST_SCORE_OF_A_LETTER):
                left, top = boxes[index].min(axis=0).tolist()
                width, height = np.ptp(boxes[index], axis=0).tolist()
                yield index, ReadLine(text, float(score), left, top, width, height)


def _session(model: Path, threads: int) -> Any:
    import onnxruntime  # noqa: PLC0415 - as above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    # Threads that spin while they wait take the cores from the other processes of a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Serves until standard input ends, which it also does when the parent is killed."""
    replies = _own_standard_output()
    requests: queue.Queue[_Pixels] = queue.Queue(maxsize=1)
    cancelled = threading.Event()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests, cancelled), daemon=True).start()
    threads, budget_s = int(sys.argv[1]), float(sys.argv[2])
    recognizer = Recognizer(threads)
    while True:
        pixels = requests.get()
        _send(replies, _answer(recognizer, pixels, budget_s, cancelled))


def _answer(recognizer: Recognizer, pixels: _Pixels, budget_s: float, cancelled: threading.Event) -> Reply:
    try:
        return recognizer.read(pixels, budget_s, cancelled)
    # Whatever the recogniser stumbles over costs this picture only; the parent reports it.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return Reply(error=type(error).__name__)


def _receive(source: BinaryIO, requests: "queue.Queue[_Pixels]", cancelled: threading.Event) -> None:
    while True:
        header = source.read(REQUEST_HEADER.size)
        if len(header) < REQUEST_HEADER.size:
            # Nobody is left to answer, and the recogniser may be in the middle of a long page.
            os._exit(0)
        kind, height, width = REQUEST_HEADER.unpack(header)
        if kind == CANCEL:
            cancelled.set()
            continue
        pixels = np.frombuffer(source.read(height * width * 3), np.uint8).reshape(height, width, 3)
        cancelled.clear()
        requests.put(pixels)


def _send(replies: BinaryIO, reply: Reply) -> None:
    body = json.dumps(asdict(reply)).encode()
    replies.write(REPLY_HEADER.pack(len(body)) + body)
    replies.flush()


def _own_standard_output() -> BinaryIO:
    """Keeps standard output for replies: a library that prints would break the frames."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def parse_reply(body: bytes) -> Reply:
    """Reads the JSON of a reply frame."""
    fields: dict[str, Any] = json.loads(body)
    lines = tuple(ReadLine(**line) for line in fields["lines"])
    return Reply(lines, fields["complete"], fields["error"])


def _alike(boxes: list[_Corners]) -> Iterator[list[int]]:
    """Yields batches of box numbers of similar shape: a batch is padded to its longest line."""
    order = sorted(range(len(boxes)), key=lambda index: _aspect(boxes[index]))
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


def _aspect(box: _Corners) -> float:
    width, height = np.ptp(box, axis=0)
    return float(width / max(height, 1))


def _in_order(lines: dict[int, ReadLine]) -> tuple[ReadLine, ...]:
    return tuple(lines[index] for index in sorted(lines))


if __name__ == "__main__":
    main()
