"""What concerns all tests."""

import gc


def pytest_collection_finish() -> None:
    """Takes the thousands of collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()
