"""Which documents to index, and what to find in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from quintet_gateway.assistant.knowledge import DOCUMENT_ATTRIBUTES, IndexRequest
from quintet_gateway.dialects.aegis.errors import invalid
from quintet_gateway.dialects.aegis.schemas import fields
from quintet_gateway.dialects.aegis.schemas.fields import Fields

LONGEST_NAME = 128
_LONGEST_PATH = 4096
_LONGEST_QUERY = 8000
_LONGEST_PATTERN = 256
_MOST_PATTERNS = 256
_DEFAULT_TOP_K = 5
_LARGEST_TOP_K = 50
_LONGEST_FILTER = 1024


@dataclass(frozen=True)
class SearchQuery:
    """What to find; `attributes` are what a document must have, all of them."""

    query: str
    collection: str
    top_k: int
    attributes: Mapping[str, str]


async def read_index_request(request: web.Request) -> IndexRequest:
    """Reads the body of an index request."""
    given = await fields.read_object(request)
    return IndexRequest(
        path=fields.text(given, "path", _LONGEST_PATH),
        collection=_new_name(given),
        extensions=fields.texts(given, "extensions", _MOST_PATTERNS, _LONGEST_PATTERN),
        exclude_patterns=fields.texts(given, "exclude_patterns", _MOST_PATTERNS, _LONGEST_PATTERN),
    )


def is_name(text: str) -> bool:
    """Tells whether a collection could have this name."""
    return bool(text.strip()) and len(text) <= LONGEST_NAME and not fields.has_control_characters(text)


async def read_search(request: web.Request) -> SearchQuery:
    """Reads the body of a search."""
    given = await fields.read_object(request)
    return SearchQuery(
        fields.text(given, "query", _LONGEST_QUERY),
        fields.label(given, "collection_name", LONGEST_NAME),
        fields.integer(given, "top_k", _DEFAULT_TOP_K, 1, _LARGEST_TOP_K),
        _filters(given),
    )


def _new_name(given: Fields) -> str:
    name = fields.label(given, "collection_name", LONGEST_NAME)
    # Clients resolve these in an address, so that nobody could read or delete such a collection.
    if name in {".", ".."}:
        raise invalid("Field 'collection_name' must be a name")
    return name


def _filters(given: Fields) -> Mapping[str, str]:
    value = given.get("filter_metadata")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("Field 'filter_metadata' must be an object")
    if not value.keys() <= set(DOCUMENT_ATTRIBUTES):
        # Whole documents are chosen; lines and numbers of chunks are told, but choose none.
        raise invalid(f"Field 'filter_metadata' can filter by {', '.join(DOCUMENT_ATTRIBUTES)} only")
    return {name: _filter(value) for name, value in value.items()}


def _filter(value: object) -> str:
    """Returns a value as attributes are kept: as a text, an empty one for null."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise invalid("Field 'filter_metadata' must hold texts, numbers and nulls only")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value)
    if len(text) > _LONGEST_FILTER or fields.has_control_characters(text):
        raise invalid(f"Field 'filter_metadata' must hold lines of at most {_LONGEST_FILTER} characters")
    return text
