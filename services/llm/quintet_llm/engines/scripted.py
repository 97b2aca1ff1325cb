"""Answers from the request's script, token by token, for tests, benchmarks and people who write clients."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet_engines import EngineInfo, EngineKind, Script, ScriptSource
from quintet_llm.engine import ChatEvent, ChatRequest, Finished, FinishReason, TextDelta

_DEFAULT_TOKENS = 60


class ScriptedEngine:
    """Emits the words of the script's `text`, or `w0 w1 w2 ...`; without a script 60 of them at once.

    `stopped` is set each time an answer's generator is closed before its end.
    """

    def __init__(self, script_source: ScriptSource) -> None:
        self._script_source = script_source
        self.stopped = asyncio.Event()

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields one delta a token."""
        script = Script.parse(self._script_source())
        words = script.text.split()
        limit = request.max_output_tokens
        steps_in_all = script.steps if script.steps is not None else len(words) or _DEFAULT_TOKENS
        emitted = 0
        whole = False
        try:
            async with aclosing(_run(script, steps_in_all)) as steps:
                async for step in steps:
                    if limit and emitted == limit:
                        break
                    yield TextDelta(_token(step, steps_in_all - 1, words))
                    emitted += 1
                else:
                    whole = True
            reason = FinishReason.STOP if whole else FinishReason.LENGTH
            yield Finished(reason, sum(len(turn.text.split()) for turn in request.turns), emitted)
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped.set()
            raise

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo("scripted", EngineKind.SCRIPTED, "scripted", "Scripted engines were asked for.")

    def models(self) -> tuple[str, ...]:
        """Names the only model."""
        return ("scripted",)

    async def warm_up(self) -> None:
        """Has nothing to load."""

    async def close(self) -> None:
        """Holds nothing."""


async def _run(script: Script, default_steps: int) -> AsyncGenerator[int, None]:
    async for burst in script.run(default_steps):
        for step in burst:
            yield step


def _token(step: int, last: int, words: list[str]) -> str:
    # The space comes with the word before it, so that a reader who waits for whole words need not wait for the next.
    word = words[step % len(words)] if words else f"w{step}"
    return word if step == last else f"{word} "
