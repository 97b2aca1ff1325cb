"""What a provider's failures mean to the caller. No text that a provider sent gets into them: it may hold the key."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai

from quintet_errors import DomainError, Reason
from quintet_llm.engines.provider_options import ProviderOptions

_DEFAULT_WAIT_S = 5
_LONGEST_WAIT_S = 3600
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_BAD_KEY = re.compile(r"api key not valid|api_key_invalid|invalid api key|incorrect api key")
_NO_MODEL_WORDS = {"model_not_found", "invalid_model", "model_decommissioned", "model_not_available"}
_NO_MODEL = re.compile(
    r"\bmodels?\b.{0,200}\b(?:not found|not exist|not loaded|unknown|decommissioned|no longer)|invalid model|"
    r"^model: \S+$|no such model|no models? loaded",
    re.DOTALL,
)
_TOO_LONG_WORDS = {"context_length_exceeded", "string_above_max_length", "exceed_context_size_error"}
_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum context|prompt is too long|too many tokens|input token count|"
    r"request too large|too large for model"
)
_REFUSED_WORDS = {"content_policy_violation", "content_filter", "invalid_prompt", "moderation_blocked"}
_OVERLOADED_WORDS = {"overloaded_error", "overloaded", "unavailable", "service_unavailable"}
_BUSY_WORDS = {"rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "too_many_requests"}
_WORD = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class _Complaint:
    """What a provider says of a failure: `words` are its codes and kinds, `message` its sentence, all lower-case."""

    words: frozenset[str]
    message: str

    def says(self, words: Iterable[str], pattern: re.Pattern[str] | None = None) -> bool:
        return bool(self.words & set(words)) or bool(pattern and pattern.search(self.message))


@dataclass(frozen=True)
class Failures:
    """Words the failures of one provider; `model` is the name that was sent to it."""

    options: ProviderOptions
    model: str = ""

    def of(self, error: Exception) -> DomainError:
        """Returns what an exception of the SDK means."""
        if isinstance(error, DomainError):
            return error
        if isinstance(error, openai.APIStatusError):
            return self._of_status(error)
        if isinstance(error, openai.APITimeoutError):
            return self._of_time_out(error)
        if isinstance(error, openai.APIConnectionError):
            return self.unreachable()
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
            return self._of_event(_complaint(error.body))
        return self.unreadable("sent something that is no chat completion")

    def unreachable(self) -> DomainError:
        """Returns the failure of a provider that takes no connection."""
        return self._error(
            Reason.SERVICE_UNAVAILABLE,
            f"The language model at {self.options.host} cannot be reached. Check that it runs, and the address in "
            "QUINTET_LLM_PROVIDER_BASE_URL or OPENAI_BASE_URL.",
        )

    def broken_off(self) -> DomainError:
        """Returns the failure of an answer that ended before it was complete."""
        return self._error(Reason.ENGINE_FAILED, f"{self.options.host} broke the answer off.")

    def unreadable(self, what: str) -> DomainError:
        """Returns the failure of a provider that does not speak the protocol; `what` completes the sentence."""
        return self._error(
            Reason.ENGINE_FAILED,
            f"{self.options.host} {what}. Check that QUINTET_LLM_PROVIDER_BASE_URL or OPENAI_BASE_URL is the address "
            "of an OpenAI-compatible API; it mostly ends in /v1.",
        )

    def withheld(self) -> DomainError:
        """Returns the failure of an answer that the provider's own filter stopped."""
        return self._error(Reason.ENGINE_FAILED, f"{self.options.host} withheld the rest of the answer.")

    def no_model(self) -> DomainError:
        """Returns the failure of a name that the provider does not serve."""
        return self._error(
            Reason.MODEL_NOT_FOUND,
            f"{self.options.host} has no model {self.model[:100]!r}. QUINTET_LLM_PROVIDER_MODEL and "
            "QUINTET_LLM_PROVIDER_MODEL_MAP name the models that are asked for.",
            model=self.model[:100],
        )

    def _of_time_out(self, error: openai.APITimeoutError) -> DomainError:
        if isinstance(error.__cause__, httpx2.ConnectTimeout):
            return self.unreachable()
        return self._error(Reason.DEADLINE_EXCEEDED, f"{self.options.host} said nothing for {self.options.read_s:g} s.")

    def _of_status(self, error: openai.APIStatusError) -> DomainError:  # noqa: PLR0911 - one line a kind of failure
        status, complaint = error.status_code, _complaint(error.body)
        wait_s = _wait_s(error.response.headers)
        if status in {401, 403} or (status == 400 and complaint.says((), _BAD_KEY)):
            return self._refused_key()
        if status == 402 or complaint.says(_NO_CREDIT):
            return self._error(Reason.SERVICE_UNAVAILABLE, f"The account at {self.options.host} has no credit left.")
        if status == 429:
            return self._busy(wait_s or _DEFAULT_WAIT_S)
        if status >= 500:
            return self._of_server_error(status, complaint, wait_s)
        if status in {404, 400, 422} and complaint.says(_NO_MODEL_WORDS, _NO_MODEL):
            return self.no_model()
        if status == 408:
            return self._error(Reason.DEADLINE_EXCEEDED, f"{self.options.host} took too long.")
        if status == 413 or complaint.says(_TOO_LONG_WORDS, _TOO_LONG):
            return self._too_long()
        if complaint.says(_REFUSED_WORDS):
            return self._refused_text()
        return self._of_refusal(status)

    def _of_server_error(self, status: int, complaint: _Complaint, wait_s: int) -> DomainError:
        if status == 500 and complaint.says(_NO_MODEL_WORDS, _NO_MODEL):
            return self.no_model()
        if status in {500, 501}:
            return self._error(Reason.ENGINE_FAILED, f"{self.options.host} failed (status {status}).", status=status)
        more = {"retryAfterSeconds": str(wait_s)} if wait_s else {}
        return self._error(
            Reason.SERVICE_UNAVAILABLE,
            f"{self.options.host} cannot answer at the moment (status {status}). Try again in a moment.",
            status=status,
            **more,
        )

    def _of_refusal(self, status: int) -> DomainError:
        if status in {404, 405} or status < 400:
            return self.unreadable(f"has no chat completions there (status {status})")
        return self._error(
            Reason.ENGINE_FAILED,
            f"{self.options.host} refused the request (status {status}). QUINTET_LLM_PROVIDER_KIND tells which "
            "provider's habits to follow.",
            status=status,
        )

    def _of_event(self, complaint: _Complaint) -> DomainError:
        """Returns what an error inside of a stream means, where there is no status."""
        if complaint.says(_BUSY_WORDS):
            return self._busy(_DEFAULT_WAIT_S)
        if complaint.says(_OVERLOADED_WORDS):
            return self._error(Reason.SERVICE_UNAVAILABLE, f"{self.options.host} is overloaded. Try again in a moment.")
        if complaint.says(_TOO_LONG_WORDS, _TOO_LONG):
            return self._too_long()
        return self._error(Reason.ENGINE_FAILED, f"{self.options.host} failed while it answered.")

    def _refused_key(self) -> DomainError:
        return self._error(
            Reason.SERVICE_UNAVAILABLE,
            f"{self.options.host} does not accept the key. The operator sets it with QUINTET_LLM_PROVIDER_API_KEY or "
            "OPENAI_API_KEY.",
        )

    def _busy(self, wait_s: int) -> DomainError:
        return self._error(
            Reason.ENGINE_BUSY,
            f"{self.options.host} takes no more requests for now. Try again in {wait_s} s.",
            retryAfterSeconds=str(wait_s),
        )

    def _too_long(self) -> DomainError:
        sentence = "The conversation is longer than the model can read. Shorten it or begin a new one."
        return DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": "messages"})

    def _refused_text(self) -> DomainError:
        sentence = f"The rules of {self.options.host} do not allow an answer to this conversation."
        return DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": "messages", "provider": self.options.host})

    def _error(self, reason: Reason, sentence: str, **metadata: str | int) -> DomainError:
        return DomainError(
            reason, sentence, {"provider": self.options.host} | {key: str(value) for key, value in metadata.items()}
        )


def _complaint(body: object) -> _Complaint:
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if not isinstance(body, dict):
        return _Complaint(frozenset(), str(body or "")[:4000].lower())
    words = (str(body.get(key) or "").lower() for key in ("code", "type", "status"))
    message = body.get("message") or body.get("error") or ""
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return _Complaint(frozenset(word for word in words if _WORD.fullmatch(word)), text[:4000].lower())


def _wait_s(headers: httpx2.Headers) -> int:
    """Returns what Retry-After says in whole seconds from 1 to 3600, 0 if it says nothing that makes sense."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    if not math.isfinite(seconds) or seconds <= 0:
        return 0
    return min(math.ceil(seconds), _LONGEST_WAIT_S)


def _seconds_until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return 0.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
