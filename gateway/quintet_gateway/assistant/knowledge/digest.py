"""The digest under which a document's chunks are known."""

import hashlib

from quintet_gateway.documents.formats import Format
from quintet_gateway.documents.pieces import CHUNKER_VERSION, sizes_of


def digest(data: bytes, form: Format, embedding_model: str) -> str:
    """Returns a digest of all that the chunks and vectors of a file depend on."""
    sizes = sizes_of(form)
    content = hashlib.sha256(data).hexdigest()
    parts = (content, form, CHUNKER_VERSION, str(sizes.chunk), str(sizes.overlap), embedding_model)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
