"""The services of speech, scripted, on a real gRPC server of this process."""

import asyncio

from google.protobuf.duration_pb2 import Duration

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat
from quintet.media.v1.engine_pb2 import Limitation
from quintet.stt.v1 import stt_service_pb2 as stt
from quintet.stt.v1 import stt_service_pb2_grpc as stt_rpc
from quintet.tts.v1 import tts_service_pb2 as tts
from quintet.tts.v1 import tts_service_pb2_grpc as tts_rpc
from quintet_errors import DomainError, Reason


class SttService(stt_rpc.SttServiceServicer):
    """Understands `transcript` in every recording; without one it ends without a result.

    Conversations are `streams`, each driven by the test; the first ones are refused with `refusals`.
    """

    def __init__(self):
        self.streams = []
        self.attempts = 0
        self.refusals = []
        self.transcript = stt.Transcript(text="What time is it?", language="en")
        self.configs = []
        self.heard = bytearray()

    async def Transcribe(self, requests, context):
        async for request in requests:
            if request.HasField("config"):
                self.configs.append(request.config)
            self.heard += request.audio
        yield stt.TranscribeResponse(progress_percent=50)
        if self.transcript is not None:
            yield stt.TranscribeResponse(result=self.transcript)

    async def StreamingTranscribe(self, requests, context):
        self.attempts += 1
        requests = aiter(requests)
        config = (await anext(requests)).config
        if self.refusals:
            # The status of a call whose client is still sending may be lost on its way.
            await anext(requests)
            await requests.aclose()
            raise self.refusals.pop(0)
        stream = FollowedSpeech(config)
        self.streams.append(stream)
        reading = asyncio.create_task(stream.read(requests))
        try:
            async for response in stream.responses():
                yield response
        except (asyncio.CancelledError, GeneratorExit):
            stream.was_cancelled = True
            raise
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            await requests.aclose()
            stream.ended.set()


class FollowedSpeech:
    """One call of StreamingTranscribe: it answers audio and commands as they come, and the test says what is heard."""

    def __init__(self, config):
        self.config = config
        self.audio = []
        self.commands = []
        self.in_speech = False
        self.may_hear = asyncio.Event()
        self.may_hear.set()
        self.may_obey = asyncio.Event()
        self.may_obey.set()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.ended = asyncio.Event()
        self.was_cancelled = False
        self._responses = asyncio.Queue()

    async def read(self, requests):
        async for request in requests:
            if request.HasField("audio"):
                await self.may_hear.wait()
                self.audio.append(request.audio)
                self.tell(activity=stt.VoiceActivity(probability=0.5, in_speech=self.in_speech))
            else:
                self.commands.append(request.command)
                await self.may_obey.wait()
                self._obey(request.command)
        await self.may_end.wait()
        self.break_off()

    def _obey(self, command):
        if command == stt.STREAMING_COMMAND_END_UTTERANCE and self.in_speech:
            self.end_speech()
        self.in_speech = False
        self.tell(command_done=command)

    async def responses(self):
        while True:
            response = await self._responses.get()
            if isinstance(response, DomainError):
                raise response
            if response is None:
                return
            yield response

    def tell(self, **event):
        self._responses.put_nowait(stt.StreamingTranscribeResponse(**event))

    def start_speech(self):
        self.in_speech = True
        self.tell(speech_started=stt.SpeechStarted())

    def end_speech(self, *, is_utterance=True):
        self.in_speech = False
        self.tell(speech_ended=stt.SpeechEnded(is_utterance=is_utterance))

    def understand(self, text, language="en", probability=1.0, error_reason=""):
        self.tell(
            utterance=stt.Utterance(
                text=text, language=language, language_probability=probability, error_reason=error_reason
            )
        )

    def hear(self, text):
        """Somebody says something from its start to its end."""
        self.start_speech()
        self.end_speech()
        self.understand(text)

    def break_off(self, error=None):
        """Ends the call: with the error, or as if all were well."""
        self._responses.put_nowait(error)


class TtsService(tts_rpc.TtsServiceServicer):
    """Has three voices and says what it was asked for.

    A stream of texts is spoken as PCM of `RATE_HZ`, one character in `CHARACTER_S`; before each text it waits for
    `may_speak`, and instead of text number `fails_at` comes `failure`. `unspoken` are languages without a voice.
    """

    RATE_HZ = 16_000
    CHARACTER_S = 0.01

    def __init__(self):
        self.names = ["anna", "ben", "cleo"]
        self.listed = 0
        self.requests = []
        self.configs = []
        self.texts = []
        self.unspoken = set()
        self.failure = None
        self.fails_at = 0
        self.asked = asyncio.Event()
        self.may_speak = asyncio.Event()
        self.may_speak.set()
        self.stopped = asyncio.Event()

    async def ListVoices(self, request, context):
        self.listed += 1
        start = int(request.page_token or 0)
        token = str(start + 2) if start + 2 < len(self.names) else ""
        voices = [tts.Voice(name=name, languages=["en"]) for name in self.names[start : start + 2]]
        return tts.ListVoicesResponse(voices=voices, next_page_token=token)

    async def Synthesize(self, request, context):
        self.requests.append(request)
        yield tts.SynthesizeResponse(started=self._started(request))
        yield tts.SynthesizeResponse(audio=b"ID3")
        yield tts.SynthesizeResponse(audio=request.text.encode())
        yield tts.SynthesizeResponse(finished=tts.SynthesisFinished(audio_duration=_duration(1.5)))

    async def StreamingSynthesize(self, requests, context):
        try:
            async for response in self._speak(aiter(requests)):
                yield response
        finally:
            self.stopped.set()

    async def _speak(self, requests):
        config = (await anext(requests)).config
        self.configs.append(config)
        yield tts.StreamingSynthesizeResponse(started=self._started(config))
        spoken_s, index = 0.0, 0
        async for request in requests:
            self.texts.append(request.text)
            self.asked.set()
            await self.may_speak.wait()
            if self.failure and index == self.fails_at:
                raise self.failure
            yield tts.StreamingSynthesizeResponse(audio=self.sound_of(request.text))
            spoken_s += len(request.text) * self.CHARACTER_S
            yield tts.StreamingSynthesizeResponse(spoken=tts.TextSpoken(index=index, end_offset=_duration(spoken_s)))
            index += 1
        yield tts.StreamingSynthesizeResponse(finished=tts.SynthesisFinished(audio_duration=_duration(spoken_s)))

    def sound_of(self, text):
        samples = round(len(text) * self.CHARACTER_S * self.RATE_HZ)
        return bytes([len(text) % 256, 1]) * samples

    def _started(self, asked):
        if asked.language in self.unspoken:
            raise DomainError(Reason.UNSUPPORTED_LANGUAGE, "No voice speaks it.", {})
        return tts.SynthesisStarted(
            format=AudioFormat(
                encoding=asked.encoding or AUDIO_ENCODING_MP3, sample_rate_hz=self.RATE_HZ, channel_count=1
            ),
            voice=asked.voice,
            language=asked.language or "en",
            limitations=[Limitation(subject="all", explanation="It is a script.")],
        )


def _duration(seconds):
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
