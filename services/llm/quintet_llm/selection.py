"""Which engine answers, where it is not a script."""

from quintet_errors import DomainError, Reason
from quintet_llm.engine import ChatEngine
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.engines.provider import ProviderEngine
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.settings import LlmSettings
from quintet_llm.skills.meaning import MeasuresMeaning
from quintet_llm.skills.registry import SkillOptions


def select_engine(settings: LlmSettings, meaning: MeasuresMeaning | None) -> ChatEngine:
    """Returns the engine that the settings name; `auto` is a provider if one is configured.

    Raises:
        DomainError: INVALID_ARGUMENT if a provider is asked for and none is configured.
    """
    skills = SkillOptions(settings.geocoding_url, settings.forecast_url, settings.shares_url, settings.remedy)
    if settings.engine == "grounded" or (settings.engine == "auto" and not settings.has_provider):
        return GroundedEngine(skills, meaning)
    if not settings.has_provider:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            "The engine `provider` needs QUINTET_LLM_PROVIDER_BASE_URL or QUINTET_LLM_PROVIDER_API_KEY.",
            {"field": "QUINTET_LLM_PROVIDER_BASE_URL"},
        )
    return ProviderEngine(_provider_options(settings), skills)


def _provider_options(settings: LlmSettings) -> ProviderOptions:
    return ProviderOptions(
        base_url=settings.provider_base_url,
        key=settings.provider_api_key,
        model=settings.provider_model,
        model_map=settings.provider_model_map,
        kind=settings.provider_kind,
        connect_s=settings.provider_connect_timeout_s,
        read_s=settings.provider_read_timeout_s,
    )
