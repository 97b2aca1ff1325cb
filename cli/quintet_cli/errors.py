"""How a command fails: one sentence for the person, one exit code for the script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit codes of every command mean."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3


class CommandError(Exception):
    """Ends the command; `str()` is the sentence that the person reads."""

    def __init__(self, sentence: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.code = code
