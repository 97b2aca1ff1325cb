"""Words that tell where a clause ends: English, Hindi and Marathi, and what other languages share with them."""

import re
from enum import Enum, auto


class Stop(Enum):
    """What a full stop behind a word says."""

    ENDS = auto()
    """The sentence ends."""
    GOES_ON = auto()
    """The sentence goes on."""
    ENDS_UNLESS_NUMBER = auto()
    """The sentence ends, unless a number follows."""
    ENDS_UNLESS_SMALL = auto()
    """The sentence ends, unless a number or a word in small letters follows."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Something always follows these.
_GOES_ON = _words(
    """
    dr mr mrs ms mx prof rev hon gen col maj capt cpt lt sgt cmdr gov sen rep pres st mt messrs mme mlle sr sra
    e.g i.e eg ie viz cf vs v al approx ca resp incl excl e.u.a d.h z.b bzw ggf p.ej
    डॉ डा श्री श्रीमती सुश्री कु कुमारी प्रो प्रा पं सौ चि मा स्व ह.भ.प
    इ ई सन रा से सं क्र पृ ता दि उदा म्ह कि मी ग्रॅ मि लि कि.मी से.मी मि.मी कि.ग्रा मि.ली
    """
)
# Words of their own, or the end of a sentence, unless a number follows.
_ENDS_UNLESS_NUMBER = _words(
    """
    no nos p pp fig figs vol ch art eq min max tel ext jan feb mar apr jun jul aug sep sept oct nov dec est
    रु रू नं क्रमांक
    """
)
_ENDS_UNLESS_SMALL = _words(
    """
    etc a.m p.m am pm jr inc ltd co corp bros dept univ ave blvd rd b.c a.d b.c.e c.e ph.d m.d b.a m.a b.sc m.sc
    km cm mm kg lb lbs oz ft hr hrs sec secs mins mph
    """
)
# How Latin letters are called in Devanagari, as in the initials of names. Those that are common words are missing.
_LETTER_NAMES = _words("ए बी सी डी एफ एच आई जे एल एम एन ओ पी क्यू आर एस टी यू वी व्ही डब्ल्यू एक्स वाई")
_LETTERS_WITH_STOPS = re.compile(r"[^\W\d_][\u0900-\u0903\u093a-\u094f]*(?:\.[^\W\d_][\u0900-\u0903\u093a-\u094f]*)+")
_LEADING_MARKS = "([{\"'“‘«*_~`#>¿¡-–—"
# What belongs to the words behind it.
_LEADS_ON = _words(
    """
    a an the and or but nor of to in on at by for from with without about as into than that which who if because
    is are was were be my your his her its our their this these not no very so
    और या व तथा एवं कि तो पर लेकिन मगर एक यह वह ये वे जो
    आणि किंवा पण की तर हा ही हे ती ते जे
    """
)


def stop_behind(word: str) -> Stop:
    """Tells what a single full stop says behind `word`, which is given with all that stands before the stop."""
    word = word.lstrip(_LEADING_MARKS)
    small = word.lower()
    if small in _ENDS_UNLESS_SMALL:
        return Stop.ENDS_UNLESS_SMALL
    if small in _ENDS_UNLESS_NUMBER:
        return Stop.ENDS_UNLESS_NUMBER
    if small in _GOES_ON or word in _LETTER_NAMES or _is_initial(word) or _LETTERS_WITH_STOPS.fullmatch(word):
        return Stop.GOES_ON
    return Stop.ENDS


def leads_on(word: str) -> bool:
    """Tells whether a clause that ends with this word would sound cut off."""
    # A stop that ended no clause is that of an abbreviation or a number.
    return word.lower() in _LEADS_ON or word.endswith((".", "…"))


def _is_initial(word: str) -> bool:
    """`I` alone is a word far more often than a name, and small letters end a sentence as "point a" does."""
    return len(word) == 1 and word.isalpha() and word != "I" and (word.isupper() or not word.islower())
