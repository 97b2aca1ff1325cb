"""The script that a scripted engine plays: how many steps, at which pace, and where it fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from quintet_errors import DomainError, Reason

ScriptSource = Callable[[], str]
"""Returns the script of the present request; the empty string stands for the engine's default."""

_MOST_STEPS = 100_000
_LONGEST_INTERVAL_MS = 60_000


@dataclass(frozen=True)
class Script:
    """What to play.

    `steps` is the number of tokens, buffers or progress steps (None: the engine's default), `interval_s` the pause
    before each burst, `burst` how many steps come together, `error` what to fail with after `error_after` steps.
    """

    text: str = ""
    steps: int | None = None
    interval_s: float = 0.0
    burst: int = 1
    error: Reason | None = None
    error_after: int = 0

    @classmethod
    def parse(cls, script: str) -> "Script":
        """Reads `steps=200,interval_ms=20,burst=1,error=ENGINE_FAILED,error_after=50,text=...`; `text` comes last.

        Raises:
            DomainError: INVALID_ARGUMENT for an unknown key or a value out of range.
        """
        head, found_text, text = script.partition("text=")
        fields = dict(_split(part) for part in head.split(",") if part.strip())
        known = {"steps", "interval_ms", "burst", "error", "error_after"}
        if unknown := fields.keys() - known:
            raise _invalid(f"unknown key {sorted(unknown)[0]!r}")
        return cls(
            text=text if found_text else "",
            steps=_number(fields, "steps", _MOST_STEPS) if "steps" in fields else None,
            interval_s=_number(fields, "interval_ms", _LONGEST_INTERVAL_MS) / 1000,
            burst=max(1, _number(fields, "burst", _MOST_STEPS, default=1)),
            error=_reason(fields.get("error")),
            error_after=_number(fields, "error_after", _MOST_STEPS),
        )

    async def run(self, default_steps: int) -> AsyncIterator[range]:
        """Yields the numbers of the steps to emit now, at the script's pace.

        Raises:
            DomainError: the script's error, after `error_after` steps.
        """
        steps = default_steps if self.steps is None else self.steps
        last = min(steps, self.error_after) if self.error else steps
        for start in range(0, last, self.burst):
            if self.interval_s:
                await asyncio.sleep(self.interval_s)
            yield range(start, min(start + self.burst, last))
        if self.error:
            raise DomainError(self.error, f"The script asked for {self.error}.", {"script": "true"})


def _split(part: str) -> tuple[str, str]:
    key, _, value = part.partition("=")
    return key.strip(), value.strip()


def _number(fields: dict[str, str], key: str, most: int, default: int = 0) -> int:
    raw = fields.get(key)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit()) or len(raw) > 9 or int(raw) > most:
        raise _invalid(f"{key} must be a whole number of at most {most}")
    return int(raw)


def _reason(name: str | None) -> Reason | None:
    if name is None:
        return None
    if name not in Reason.__members__:
        raise _invalid(f"unknown error {name!r}")
    return Reason(name)


def _invalid(why: str) -> DomainError:
    return DomainError(Reason.INVALID_ARGUMENT, f"The script cannot be played: {why}.", {"field": "script"})
