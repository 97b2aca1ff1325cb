"""The text reader's worker process: what it reads, and what happens when it is cancelled, killed or orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from quintet_errors import DomainError, Reason
from quintet_testing import eventually
from quintet_vision.analysis.picture import Picture
from quintet_vision.text_reader import TextReader


def picture(image: Image.Image) -> Picture:
    return Picture(np.asarray(image.convert("RGB"))[:, :, ::-1].copy(), image.width, image.height, "png", 1)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
async def test_reads_lines_in_order_then_survives_kill_and_cancel(studio: Any, reader: TextReader) -> None:
    assert reader.worker_pid is None
    read = await reader.read(picture(studio.page(6)))
    assert [line.text[:6] for line in read.lines] == [f"Line {number}" for number in range(6)]
    assert read.complete
    assert all(line.confidence > 0.9 for line in read.lines)
    first = reader.worker_pid
    assert first is not None

    await _cancelled_read_leaves_the_next_one_right(studio, reader)
    await _a_killed_worker_costs_one_picture(studio, reader)
    await _shapes_that_explode_when_enlarged(reader)
    await _close_ends_the_worker(reader)


async def _cancelled_read_leaves_the_next_one_right(studio: Any, reader: TextReader) -> None:
    page = asyncio.create_task(reader.read(picture(studio.page(12))))
    await asyncio.wait({page}, timeout=0.1)
    assert not page.done()
    started = time.monotonic()
    page.cancel()
    with pytest.raises(asyncio.CancelledError):
        await page
    assert time.monotonic() - started < 0.1
    read = await reader.read(picture(studio.exit_sign()))
    assert [line.text for line in read.lines] == ["EXIT 42"]


async def _a_killed_worker_costs_one_picture(studio: Any, reader: TextReader) -> None:
    page = asyncio.create_task(reader.read(picture(studio.page(12))))
    await asyncio.wait({page}, timeout=0.1)
    victim = reader.worker_pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(DomainError) as failed:
        await page
    assert failed.value.reason is Reason.ENGINE_FAILED
    read = await reader.read(picture(studio.exit_sign()))
    assert [line.text for line in read.lines] == ["EXIT 42"]
    assert reader.worker_pid not in {victim, None}


async def _shapes_that_explode_when_enlarged(reader: TextReader) -> None:
    for size in ((1, 1), (1, 2000), (2000, 1), (2000, 9), (9, 2000), (30, 2000)):
        assert (await reader.read(picture(Image.new("RGB", size, "black")))).lines == ()
    assert reader.worker_pid is not None
    with open(f"/proc/{reader.worker_pid}/status") as status:
        peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak_kib < 700 << 10


async def _close_ends_the_worker(reader: TextReader) -> None:
    pid = reader.worker_pid
    assert pid is not None
    await reader.close()
    assert not is_alive(pid)
    assert reader.worker_pid is None


@pytest.mark.slow
async def test_a_page_that_takes_too_long_is_answered_in_part(studio: Any) -> None:
    reader = TextReader(threads=2, budget_s=0.01)
    try:
        read = await reader.read(picture(studio.page(20)))
    finally:
        await reader.close()
    assert not read.complete
    assert len(read.lines) < 20


@pytest.mark.slow
async def test_the_worker_ends_with_its_parent() -> None:
    program = (
        "import asyncio, numpy, sys\n"
        "from quintet_vision.analysis.picture import Picture\n"
        "from quintet_vision.text_reader import TextReader\n"
        "async def main():\n"
        "    reader = TextReader(threads=1, budget_s=5)\n"
        "    await reader.read(Picture(numpy.zeros((32, 32, 3), numpy.uint8), 32, 32, 'png', 1))\n"
        "    print(reader.worker_pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    worker = int(await asyncio.to_thread(parent.stdout.readline))
    assert is_alive(worker)
    parent.kill()
    await asyncio.to_thread(parent.wait)
    parent.stdout.close()

    async def gone() -> bool:
        return not is_alive(worker)

    await eventually(gone, within_s=5)
