"""Failures for people who hear: what has gone wrong is said aloud, in their language."""

from aiohttp import web

from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.sight.errors import SightProblem, describe, render
from quintet_gateway.dialects.sight.schemas import accepts_only_wav, is_session_id
from quintet_gateway.dialects.sight.sessions import SightSessions
from quintet_gateway.dialects.sight.speech import MP3, WAV, SpokenSentences
from quintet_gateway.dialects.sight.translate import preview
from quintet_observability import get_logger

_log = get_logger(__name__)


class Refusals:
    """Answers requests that failed."""

    def __init__(self, sessions: SightSessions) -> None:
        self._sessions = sessions
        self._sentences = SpokenSentences()

    async def answer(
        self, request: web.Request, session_id: str, error: Exception, *, wav: bool | None = None
    ) -> web.Response:
        """Says what went wrong where the document wants speech; where nothing can be said, it is written.

        `wav` is what the client asked for, None if that was not read yet.
        """
        problem = describe(error)
        if problem.spoken is None:
            return render(error)
        if problem.status == 500:
            # The reason of a service's failure is known; to print how it came through the calls holds up the others.
            known = isinstance(error, DomainError)
            _log.error("analysis_failed", kind=problem.kind, exc_info=None if known else error)
        assistant = request.app[ASSISTANT]
        file = WAV if (accepts_only_wav(request) if wav is None else wav) else MP3
        try:
            named = session_id if is_session_id(session_id) else ""
            language = await self._sessions.language(assistant, named)
            audio = await self._sentences.say(assistant, problem.spoken, language, file)
        except DomainError:
            return render(error)
        headers = {**file.headers, **_told(problem), "X-Detected-Language": language}
        return web.Response(status=problem.status, body=audio, headers=headers)


def _told(problem: SightProblem) -> dict[str, str]:
    headers = dict(problem.headers)
    if problem.status == 500:
        headers |= {"X-Error-Message": preview(problem.detail), "X-Error-Type": problem.kind}
    return headers
