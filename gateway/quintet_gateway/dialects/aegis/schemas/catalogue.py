"""Which models of the catalogue to list."""

from dataclasses import dataclass

from aiohttp import web

from quintet_gateway.dialects.aegis.schemas import fields

_DEFAULT_LIMIT = 50
_LARGEST_LIMIT = 200
_LONGEST = 200


@dataclass(frozen=True)
class ModelQuery:
    """What models must have; an empty text asks for nothing."""

    pattern: str
    vendor: str
    modality: str
    limit: int
    include_disabled: bool


def read_model_query(request: web.Request) -> ModelQuery:
    """Reads the query; blank filters are none."""
    return ModelQuery(
        fields.optional_text(request.query, "pattern", _LONGEST) or "",
        fields.optional_text(request.query, "vendor", _LONGEST) or "",
        fields.optional_text(request.query, "modality", _LONGEST) or "",
        fields.query_integer(request, "limit", _DEFAULT_LIMIT, 1, _LARGEST_LIMIT),
        fields.query_truth(request, "include_disabled"),
    )
