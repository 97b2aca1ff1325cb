"""Threads that read, each on a connection of its own, so that no reader waits for the writer."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from quintet_session.stores.sqlite.connection import DatabaseOptions, open_reader
from quintet_session.stores.sqlite.failures import closed

ResultT = TypeVar("ResultT")

_MOST_QUEUED = 256


class Readers:
    """Runs reading operations, each on one snapshot of the database."""

    def __init__(self, options: DatabaseOptions, threads: int) -> None:
        self._options = options
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-reader")
        self._places = asyncio.Semaphore(_MOST_QUEUED)
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False

    async def run(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Runs `operation` in a thread and returns its result.

        Raises:
            sqlite3.Error: if the database failed.
        """
        async with self._places:
            if self._closed:
                raise closed()
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._read, operation)

    async def close(self) -> None:
        """Waits for what is being read and closes the connections."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
        while self._connections:
            self._connections.pop().close()

    def _read(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            return operation(connection)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = open_reader(self._options)
            self._connections.append(connection)
        return connection
