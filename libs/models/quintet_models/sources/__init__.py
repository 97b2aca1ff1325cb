"""Where the bytes of models come from; one module per kind of source."""

from quintet_models.sources.source import Source, create_source

__all__ = ["Source", "create_source"]
