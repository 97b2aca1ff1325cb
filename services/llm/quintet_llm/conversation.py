"""What a conversation is made of, for engines and skills alike."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Who wrote a turn."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Style(StrEnum):
    """For whom an answer is worded.

    `READ` is for the eye, `SPOKEN` for the ear, `GUIDE` for the ear of a person who cannot see the picture.
    """

    READ = "read"
    SPOKEN = "spoken"
    GUIDE = "guide"


SNAPSHOT = "[Snapshot Mode]"
"""Text of a turn that is a picture without a question."""


@dataclass(frozen=True)
class Area:
    """An upright rectangle in pixels of a picture, from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class SeenObject:
    """One thing that was recognised in a picture; `confidence` is 0 to 1, `area` None if nobody told where it is."""

    label: str
    confidence: float
    area: Area | None = None


@dataclass(frozen=True)
class SeenLine:
    """One line of text in a picture; `confidence` is 0 to 1."""

    text: str
    confidence: float = 1.0
    area: Area | None = None


@dataclass(frozen=True)
class SeenColor:
    """A main colour of a picture; `share` of its area is 0 to 1."""

    name: str
    hex: str
    share: float


@dataclass(frozen=True)
class SeenCode:
    """A QR code or barcode and what it says."""

    kind: str
    payload: str


@dataclass(frozen=True)
class PictureQuality:
    """How good a picture is: `brightness` and `contrast` are 0 to 255.

    `sharpness` is the variance of the Laplacian along outlines, 0 in a picture that has none.
    """

    sharpness: float
    brightness: float
    contrast: float


@dataclass(frozen=True)
class Blindness:
    """One thing that the vision engine cannot see; `remedy` is a command, empty if there is none."""

    subject: str
    explanation: str
    remedy: str = ""


@dataclass(frozen=True)
class PictureFacts:
    """What the vision service found in a picture, and what it cannot see at all. Sizes are in pixels."""

    description: str = ""
    scene: str = ""
    objects: tuple[SeenObject, ...] = ()
    colors: tuple[SeenColor, ...] = ()
    text_lines: tuple[SeenLine, ...] = ()
    codes: tuple[SeenCode, ...] = ()
    quality: PictureQuality | None = None
    blindnesses: tuple[Blindness, ...] = ()
    width: int = 0
    height: int = 0
    format: str = ""
    frame_count: int = 1


@dataclass(frozen=True)
class Passage:
    """A piece of a document that may answer the last turn; `score` is 0 to 1, `heading` the titles it stands under."""

    source: str
    text: str
    heading: str = ""
    score: float = 0.0


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str
    picture: PictureFacts | None = None
    time: datetime | None = None
