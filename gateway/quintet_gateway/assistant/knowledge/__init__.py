"""What the assistant knows from documents."""

from quintet_gateway.assistant.knowledge.knowledge import MAX_FILES, Knowledge
from quintet_gateway.assistant.knowledge.records import IndexProgress, IndexReport, IndexRequest, KnowledgeState
from quintet_gateway.assistant.knowledge.source_files import DOCUMENT_ATTRIBUTES
from quintet_gateway.assistant.knowledge.walk import Skipped

__all__ = [
    "DOCUMENT_ATTRIBUTES",
    "MAX_FILES",
    "IndexProgress",
    "IndexReport",
    "IndexRequest",
    "Knowledge",
    "KnowledgeState",
    "Skipped",
]
