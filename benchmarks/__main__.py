"""Runs the benchmarks that are named, or all of them."""

import sys

from benchmarks import first_byte, memory
from benchmarks.gateway import compare

BENCHMARKS = {"gateway": compare.main, "first-byte": first_byte.main, "memory": memory.main}

if __name__ == "__main__":
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        sys.exit(f"no benchmark is called {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"== {name}")
        BENCHMARKS[name]()
