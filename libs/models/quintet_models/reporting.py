"""How a pull tells whoever asked for it what it does."""

from typing import Protocol


class Reporter(Protocol):
    """Hears of a pull's steps; called from the thread that pulls."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Hears that `done` of `total` bytes of a step are there; steps are named for people."""

    def notice(self, sentence: str) -> None:
        """Hears one sentence that a person should read, such as why a source was passed over."""


class SilentReporter:
    """Listens and says nothing."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Ignores the progress."""

    def notice(self, sentence: str) -> None:
        """Ignores the sentence."""
