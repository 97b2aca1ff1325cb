"""Runs the benchmarks that are named, or all of them."""

import sys

from benchmarks import accounts, first_byte, knowledge_index, knowledge_search, looks, memory, sockets, voice_turn
from benchmarks.gateway import compare

BENCHMARKS = {
    "gateway": compare.main,
    "first-byte": first_byte.main,
    "memory": memory.main,
    "knowledge-index": knowledge_index.main,
    "knowledge-search": knowledge_search.main,
    "chats": accounts.chats,
    "logins": accounts.logins,
    "voice-turn": voice_turn.main,
    "sockets": sockets.main,
    "looks": looks.main,
}

if __name__ == "__main__":
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        sys.exit(f"no benchmark is called {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"== {name}")
        BENCHMARKS[name]()
