"""A Whisper model in memory: load, unload, and the words of one window. Everything here blocks.

Most of the cost of a short utterance is the encoder's fixed 30 s window. The encoder works on shorter ones too, and
the words stay the same down to about 10 s; below that, and on some recordings, the decoder loops. So a window is as
long as it must be, and what looks wrong is done again the library's way over 30 s.
"""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens

from quintet_audio.decode import Samples
from quintet_errors import DomainError, Reason
from quintet_stt.engine import Heard, LanguageHints, Segment, TranscribeOptions, Word
from quintet_stt.language import spoken_language, tag_of_whisper_code
from quintet_stt.windows import RATE_HZ, Window

LONGEST_WINDOW_S = 14.0
"""Longer windows are no more accurate, and every other recording waits for the end of the window at work."""
_SHORTEST_ENCODER_S = 10.0
_LONGEST_ENCODER_S = 30.0
_QUIET_TAIL_S = 2.0
# The thresholds of the Whisper paper.
_LOOPING_RATIO = 2.4
_UNSURE_LOG_PROBABILITY = -1.0
_NO_SPEECH_PROBABILITY = 0.6
# English by any voice was found with 0.24 or more, speech in other languages taken for English with 0.12 or less and a
# confidence under a half. Other languages are not found surely enough to contradict who names them.
_CHECKED_LANGUAGE = "en"
_DOUBTFUL_CONFIDENCE = 0.6
_CONTRADICTED_PROBABILITY = 0.15
_TRUSTED_PROBABILITY = 0.8
# No language needs more text pieces for a second of speech; a loop would go on to the model's limit of 448.
_TOKENS_PER_SECOND = 30
_LONGEST_TEXT_TOKENS = 440
_SPACED_PUNCTUATION = ("\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")
_UNLOAD_POLL_S = 0.005
_UNLOAD_ATTEMPTS = 400


@dataclass(frozen=True)
class _Decoded:
    """What the decoder made of a window; times in seconds from the window's start."""

    text: str
    log_probability: float
    no_speech_probability: float
    words: tuple[Word, ...] = ()
    cut: bool = False

    @property
    def is_plausible(self) -> bool:
        sure = self.log_probability >= _UNSURE_LOG_PROBABILITY
        # A text that was still growing at its limit is a loop that the compression has not noticed.
        return bool(self.text) and not self.loops and not self.cut and sure

    @property
    def loops(self) -> bool:
        ratio: float = get_compression_ratio(self.text)
        return ratio > _LOOPING_RATIO

    @property
    def is_noise(self) -> bool:
        unsure = self.log_probability < _UNSURE_LOG_PROBABILITY
        return not self.text or self.loops or (unsure and self.no_speech_probability > _NO_SPEECH_PROBABILITY)


def languages_of(model_dir: Path) -> tuple[str, ...]:
    """Reads from its tokenizer which languages a model knows, as primary tags, without loading it.

    Raises:
        DomainError: ENGINE_FAILED if the file cannot be read.
    """
    try:
        tokens = json.loads((model_dir / "tokenizer.json").read_text("utf-8"))["added_tokens"]
        codes = [match[1] for token in tokens if (match := re.fullmatch(r"<\|([a-z]{2,3})\|>", token["content"]))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(model_dir, error) from error
    return tuple(sorted(tag_of_whisper_code(code) for code in codes)) or ("en",)


class Whisper:
    """One model. All methods but `is_loaded` must run on one thread."""

    def __init__(self, model_dir: Path, cpu_threads: int, compute_type: str) -> None:
        self._dir = model_dir
        self._cpu_threads = cpu_threads
        self._compute_type = compute_type
        self._model: WhisperModel | None = None
        self._tokenizers: dict[str, tuple[Tokenizer, list[int]]] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        if self._model is None:
            return False
        loaded: bool = self._model.model.model_is_loaded
        return loaded

    def load(self) -> WhisperModel:
        """Brings the weights into memory, unless they are there.

        Raises:
            DomainError: ENGINE_FAILED if the files are missing or damaged.
        """
        try:
            if self._model is None:
                self._model = self._read()
            elif not self._model.model.model_is_loaded:
                self._model.model.load_model()
        except Exception as error:  # the tokenizer library raises bare exceptions
            raise _unusable(self._dir, error) from error
        return self._model

    def unload(self) -> None:
        """Gives the memory of the weights back."""
        model = self._model
        # CTranslate2 does nothing, and says nothing, while it still counts the last request as active.
        for _ in range(_UNLOAD_ATTEMPTS):
            if model is None or not model.model.model_is_loaded:
                return
            model.model.unload_model()
            time.sleep(_UNLOAD_POLL_S)

    def recognise(self, window: Window, options: TranscribeOptions, *, stopped: Callable[[], bool]) -> Heard:
        """Returns what is said in a window; without a language in `options` it is found first.

        The languages of `options` are Whisper's codes that the model knows. `stopped` is asked between the steps; where
        it says yes, nothing is returned as heard.

        Raises:
            DomainError: UNSUPPORTED_LANGUAGE for speech that does not sound like the language that was named, unless
                it keeps that.
        """
        model = self.load()
        seconds = len(window.samples) / RATE_HZ
        encoded = _encode(model, window.samples)
        language, probability = options.language, 1.0
        if not language:
            language, probability = _detect(model, encoded, options.hints)
        if stopped():
            return Heard()
        decoded = self._decode(encoded, language, seconds, word_times=options.word_times)
        if not decoded.is_plausible and not stopped():
            decoded = _decode_long(model, window.samples, language, word_times=options.word_times)
        if decoded.is_noise:
            return Heard()
        is_checked = bool(options.language) and not options.keeps_language and window.start_s < seconds
        if is_checked and self._is_other_language(encoded, language, decoded):
            language, probability = _detect(model, encoded, LanguageHints(among=options.hints.among))
            if probability < _TRUSTED_PROBABILITY:
                raise _not_spoken(_CHECKED_LANGUAGE)
            decoded = self._decode(encoded, language, seconds, word_times=options.word_times)
        return Heard((_segment(decoded, window),), tag_of_whisper_code(language), probability)

    def _is_other_language(self, encoded: Any, language: str, decoded: _Decoded) -> bool:
        """Tells whether words came out of speech in a language that the caller did not name."""
        if language != _CHECKED_LANGUAGE or exp(decoded.log_probability) >= _DOUBTFUL_CONFIDENCE:
            return False
        model = self.load()
        if not model.model.is_multilingual:
            return False
        return _probabilities(model, encoded).get(language, 0.0) < _CONTRADICTED_PROBABILITY

    def _read(self) -> WhisperModel:
        for name in ("model.bin", "config.json", "tokenizer.json"):
            if not (self._dir / name).is_file():
                raise FileNotFoundError(f"{name} is missing")
        return WhisperModel(
            str(self._dir),
            device="cpu",
            compute_type=self._compute_type,
            cpu_threads=self._cpu_threads or _cores(),
            num_workers=1,
            local_files_only=True,
        )

    def _decode(self, encoded: Any, language: str, seconds: float, *, word_times: bool) -> _Decoded:
        model = self.load()
        tokenizer, suppressed = self._tokenizer(model, language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        most = min(_LONGEST_TEXT_TOKENS, round(40 + _TOKENS_PER_SECOND * seconds))
        result = model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=suppressed,
        )[0]
        tokens = result.sequences_ids[0]
        # The score is the mean without the end mark; Whisper's thresholds count it.
        log_probability = result.scores[0] * len(tokens) / (len(tokens) + 1)
        words = _align(model, tokenizer, encoded, tokens, seconds) if word_times and tokens else ()
        text = tokenizer.decode(tokens).strip()
        return _Decoded(text, log_probability, result.no_speech_prob, words, cut=len(tokens) >= most)

    def _tokenizer(self, model: WhisperModel, language: str) -> tuple[Tokenizer, list[int]]:
        if language not in self._tokenizers:
            tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
            self._tokenizers[language] = tokenizer, list(get_suppressed_tokens(tokenizer, [-1]))
        return self._tokenizers[language]


def _encode(model: WhisperModel, samples: Samples) -> Any:
    seconds = min(_LONGEST_ENCODER_S, max(_SHORTEST_ENCODER_S, len(samples) / RATE_HZ + _QUIET_TAIL_S))
    padded = np.pad(samples, (0, max(0, round(seconds * RATE_HZ) - len(samples))))
    return model.encode(model.feature_extractor(padded, padding=0))


def _cores() -> int:
    # A container's share shows in the affinity, which not every system has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _detect(model: WhisperModel, encoded: Any, hints: LanguageHints) -> tuple[str, float]:
    if not model.model.is_multilingual:
        return "en", 1.0
    return spoken_language(_probabilities(model, encoded), hints.among, hints.likely)


def _probabilities(model: WhisperModel, encoded: Any) -> dict[str, float]:
    return {token[2:-2]: float(probability) for token, probability in model.model.detect_language(encoded)[0]}


def _align(
    model: WhisperModel, tokenizer: Tokenizer, encoded: Any, tokens: list[int], seconds: float
) -> tuple[Word, ...]:
    frames = round(seconds * model.frames_per_second)
    segment: dict[str, Any] = {"seek": 0, "start": 0.0, "end": seconds, "tokens": tokens}
    model.add_word_timestamps([[segment]], tokenizer, encoded, frames, *_SPACED_PUNCTUATION, last_speech_timestamp=0.0)
    return tuple(
        Word(word["word"].strip(), float(word["start"]), float(word["end"]), _within_1(float(word["probability"])))
        for word in segment["words"]
        if word["word"].strip()
    )


def _decode_long(model: WhisperModel, samples: Samples, language: str, *, word_times: bool) -> _Decoded:
    """Decodes over 30 s with the library's beam search and its ways out of loops."""
    segments, _ = model.transcribe(
        samples,
        language=language,
        beam_size=5,
        temperature=[0.0, 0.4],
        condition_on_previous_text=False,
        without_timestamps=True,
        word_timestamps=word_times,
    )
    found = [segment for segment in segments if segment.start < len(samples) / RATE_HZ]
    if not found:
        return _Decoded("", 0.0, 1.0)
    words = [
        Word(word.word.strip(), float(word.start), float(word.end), _within_1(float(word.probability)))
        for segment in found
        for word in segment.words or ()
    ]
    return _Decoded(
        "".join(segment.text for segment in found).strip(),
        sum(segment.avg_logprob for segment in found) / len(found),
        max(segment.no_speech_prob for segment in found),
        tuple(words),
    )


def _segment(decoded: _Decoded, window: Window) -> Segment:
    words = tuple(
        Word(word.text, window.start_s + word.start_s, min(window.start_s + word.end_s, window.end_s), word.confidence)
        for word in decoded.words
    )
    return Segment(decoded.text, window.start_s, window.end_s, _within_1(exp(decoded.log_probability)), words)


def _within_1(value: float) -> float:
    return min(1.0, max(0.0, value))


def _not_spoken(language: str) -> DomainError:
    return DomainError(
        Reason.UNSUPPORTED_LANGUAGE,
        "The speech does not sound like English. Say in which language it is.",
        {"language": language, "engine": "faster-whisper"},
    )


def _unusable(model_dir: Path, error: Exception) -> DomainError:
    name, kind = model_dir.name, type(error).__name__
    sentence = f"The speech model {name} cannot be loaded ({kind}). Run `quintet models verify {name}`."
    return DomainError(Reason.ENGINE_FAILED, sentence, {"model": name})
