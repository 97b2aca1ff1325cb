"""The catalogue of models, in the words of the document."""

from collections.abc import Mapping, Sequence

from quintet.media.v1.engine_pb2 import Engine
from quintet_gateway.assistant.catalogue import CatalogueEntry, CatalogueStatus, ModalityCount, VendorCount
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.translate.chat import model_of, provider_of

# What the document shows; engines here choose for themselves.
_TEMPERATURE = 0.7
_MAX_TOKENS = 1000


def status(of: CatalogueStatus) -> Mapping[str, Json]:
    """Returns the sizes of the catalogue."""
    return {
        "vendor_count": of.vendor_count,
        "model_count": of.model_count,
        "deployment_count": of.deployment_count,
        "price_count": of.price_count,
        "top_vendors": vendors(of.top_vendors),
    }


def vendors(counts: Sequence[VendorCount]) -> list[Mapping[str, Json]]:
    """Returns vendors with the number of their models."""
    return [{"name": one.name, "model_count": one.model_count} for one in counts]


def modalities(counts: Sequence[ModalityCount]) -> list[Mapping[str, Json]]:
    """Returns modalities with the number of models that know them."""
    return [{"modality": one.modality, "model_count": one.model_count} for one in counts]


def model(entry: CatalogueEntry) -> Mapping[str, Json]:
    """Returns a model as it stands in the list; prices are US dollars for a million tokens."""
    return {
        "model_id": entry.model_id,
        "vendor": entry.vendor,
        "context_window": entry.context_window,
        "input_price": entry.input_price,
        "output_price": entry.output_price,
        "released_on": entry.released_on.isoformat() if entry.released_on else None,
    }


def current(engine: Engine, entry: CatalogueEntry | None) -> Mapping[str, Json]:
    """Returns the live model, with what the catalogue knows of it."""
    return {
        "provider": provider_of(engine),
        "model": model_of(engine),
        "temperature": _TEMPERATURE,
        "max_tokens": _MAX_TOKENS,
        "context_window": entry.context_window if entry else None,
        "input_price": entry.input_price if entry else None,
        "output_price": entry.output_price if entry else None,
        "modalities": list(entry.modalities) if entry else None,
    }
