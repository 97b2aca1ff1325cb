"""What a worker process does: one file in, its chunks out."""

from quintet_gateway.documents.formats import Format
from quintet_gateway.documents.pieces import Piece, sizes_of
from quintet_gateway.documents.unreadable import UnreadableError


def read_document(form: Format, data: bytes) -> list[Piece]:
    """Returns the chunks of a file, at least one.

    Raises:
        UnreadableError: whatever went wrong.
    """
    # The gateway imports this function to name it, and must not load what only workers use.
    from quintet_gateway.documents.chunking import cut  # noqa: PLC0415
    from quintet_gateway.documents.extraction import extract  # noqa: PLC0415

    try:
        return cut(extract(form, data), sizes_of(form))
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError("needs more memory than it may have") from None
    except RecursionError:
        raise UnreadableError("is nested too deeply") from None
    except BaseException:  # noqa: BLE001 - parsers of strangers' files fail in any way, also with Rust's panics
        raise UnreadableError(f"cannot be read as {form}") from None
