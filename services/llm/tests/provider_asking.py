"""Asks an engine at a provider, and says what came of it."""

import asyncio
from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from quintet_errors import DomainError
from quintet_llm.conversation import Role, Turn
from quintet_llm.engine import ChatRequest, Finished
from quintet_llm.engines.provider import ProviderEngine
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.engines.provider_quirks import PROVIDERS
from quintet_llm.skills.registry import SkillOptions

KEY = "sk-test-0123456789abcdef"
KINDS = [quirks.name for quirks in PROVIDERS]
REQUEST = ChatRequest((Turn(Role.USER, "Why do bees dance?"),))


@asynccontextmanager
async def engine_at(provider, kind="other", **options):
    """Gives an engine that was not warmed up."""
    chosen = ProviderOptions(provider.url, SecretStr(KEY), model="m", kind=kind, **options)
    engine = ProviderEngine(chosen, SkillOptions())
    yield engine
    await engine.close()


async def outcome(engine):
    """Returns the text of an answer and what ended it: the `Finished`, or the DomainError."""
    texts, end = [], None
    try:
        async with asyncio.timeout(20), aclosing(engine.answer(REQUEST)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    end = event
                else:
                    texts.append(event.text)
    except DomainError as error:
        end = error
    assert KEY not in repr(end)
    assert getattr(end, "__cause__", None) is None, "a cause may hold what the provider sent"
    return "".join(texts), end
