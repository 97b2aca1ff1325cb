"""Which text of an answer is heard when."""

import re
from dataclasses import dataclass

# A usual pace, for sound whose clause has not ended yet and that no other clause tells the pace of.
_CHARACTERS_PER_S = 15.0
# Sound is counted in samples and ends are told in nanoseconds.
_TOLERANCE_S = 0.002
_WORD_ENDS = re.compile(r"(?<=\S)(?=\s)")


@dataclass
class _Clause:
    """A clause as it was written, and where its sound ends; None until that is known."""

    text: str
    end_s: float | None = None


class Timeline:
    """The clauses of one answer in their order, with the times of those that are spoken."""

    def __init__(self) -> None:
        self._clauses: list[_Clause] = []
        self._silent = ""

    def add(self, text: str) -> None:
        """Takes the next clause that is spoken."""
        self._clauses.append(_Clause(self._silent + text))
        self._silent = ""

    def add_silent(self, text: str) -> None:
        """Takes text that is not spoken: it counts as heard with the clause behind it, or with the last one."""
        self._silent += text

    def spoken(self, index: int, end_s: float) -> None:
        """Takes where the sound of a clause ends, in seconds from the start of the sound."""
        if index < len(self._clauses):
            self._clauses[index].end_s = end_s

    def said_by(self, sound_s: float) -> str:
        """Returns the text whose sound lies in the first `sound_s` seconds: of the last clause, its whole words."""
        said, start_s = "", 0.0
        for clause in self._clauses:
            if clause.end_s is None or sound_s + _TOLERANCE_S < clause.end_s:
                return said + _begun(clause.text, self._share(clause, start_s, len(said), sound_s))
            said, start_s = said + clause.text, clause.end_s
        return said + self._silent if self._clauses else ""

    def _share(self, clause: _Clause, start_s: float, said: int, sound_s: float) -> float:
        """Returns how much of a clause is heard, 0 to 1."""
        if clause.end_s is not None:
            length_s = clause.end_s - start_s
        else:
            pace = said / start_s if said and start_s else _CHARACTERS_PER_S
            length_s = len(clause.text) / pace
        return min(1.0, max(0.0, sound_s - start_s) / length_s) if length_s > 0 else 0.0


def _begun(text: str, share: float) -> str:
    """Returns the whole words in the first `share` of a text."""
    reached = share * len(text)
    ends = [match.start() for match in _WORD_ENDS.finditer(text)] + [len(text.rstrip())]
    return text[: max((end for end in ends if end <= reached), default=0)]
