"""Sessions of a key: few, with their terms, and told of where they begin and end."""

from quintet.chat.v1.chat_service_pb2 import StreamChatRequest
from quintet.session.v1.session_service_pb2 import Session
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Ask, Assistant, Owner, SessionBounds
from quintet_gateway.dialects.omni.access import SURFACE
from quintet_gateway.dialects.omni.events import end_connections, session_created, session_ended
from quintet_gateway.dialects.omni.options import Generation
from quintet_gateway.dialects.omni.terms import Terms, terms_of


async def create_session(assistant: Assistant, owner: Owner, terms: Terms, most: int) -> Session:
    """Creates a session; of more than `most` the least recently updated end, and their connections with them."""
    bounds = SessionBounds(most=most, evicted=session_ended("evicted"))
    created = await assistant.sessions.create_within(
        owner, bounds, attributes=terms.attributes(), event=session_created()
    )
    for session_id in created.evicted_ids:
        await end_connections(assistant.events, session_id)
    return created.session


async def find_session(assistant: Assistant, owner: Owner, session_id: str | None) -> Session | None:
    """Returns a session, None if there is none with this id."""
    if session_id is None:
        return None
    try:
        return await assistant.sessions.get(owner, session_id)
    except DomainError as error:
        if error.reason is Reason.SESSION_NOT_FOUND:
            return None
        raise


async def delete_session(assistant: Assistant, owner: Owner, session_id: str) -> None:
    """Deletes a session and ends its connections.

    Raises:
        DomainError: SESSION_NOT_FOUND.
    """
    await assistant.sessions.delete(owner, session_id, event=session_ended("deleted"))
    await end_connections(assistant.events, session_id)


def question(owner: Owner, session: Session, generation: Generation, text: str, language: str) -> Ask:
    """Returns what the assistant is asked when somebody has said `text`."""
    terms = terms_of(session)
    return Ask(
        owner,
        text,
        action=f"{SURFACE}_voice",
        session_id=session.session_id,
        language=language,
        system_prompt=terms.system_prompt,
        context_messages=terms.max_messages,
        style=StreamChatRequest.STYLE_SPOKEN,
        max_output_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        kept_by_caller=True,
    )
