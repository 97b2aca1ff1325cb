"""The voices that can speak, and a taste of each."""

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3
from quintet.tts.v1.tts_service_pb2 import Voice
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.remembered import Remembered
from quintet_gateway.assistant.voice import Speech, SpeechOptions
from quintet_gateway.clients.tts import TtsClient

_FRESH_S = 60.0
_SLOWEST, _FASTEST = 0.25, 4.0


class Voices:
    """The voices of the tts service. Methods raise DomainError."""

    def __init__(self, client: TtsClient, speech: Speech) -> None:
        self._client = client
        self._speech = speech
        self._voices = Remembered(self._ask, _FRESH_S)

    async def preview(self, text: str, voice: str = "", language: str = "", speed: float = 1.0) -> bytes:
        """Returns `text` as an MP3 file; `speed` is from 0.25 to 4.0, and 1.0 is the normal one.

        Raises:
            DomainError: VOICE_NOT_FOUND, INVALID_ARGUMENT for a speed out of range, and what the service fails with.
        """
        if not _SLOWEST <= speed <= _FASTEST:
            raise DomainError(Reason.INVALID_ARGUMENT, "The speed must be from 0.25 to 4.0.", {"field": "speed"})
        # A variant of a voice, for example `en-us+f3`, is not listed; the service knows which there are.
        if voice and all(one.name != voice.partition("+")[0] for one in await self._voices.get()):
            raise DomainError(Reason.VOICE_NOT_FOUND, "There is no such voice.", {"voice": voice[:100]})
        options = SpeechOptions(language=language, voice=voice, speed=speed, encoding=AUDIO_ENCODING_MP3)
        return (await self._speech.say(text, options)).audio

    async def _ask(self) -> list[Voice]:
        voices: list[Voice] = []
        token = ""
        while True:
            page = await self._client.voices(token)
            voices.extend(page.voices)
            token = page.next_page_token
            if not token:
                return voices

    async def list(self) -> list[Voice]:
        """Returns all voices, as the service named them within the last minute."""
        return [*await self._voices.get()]
