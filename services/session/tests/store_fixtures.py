"""What the fixtures `stores` and its clock can do, for the conformance suites of all stores."""

from typing import Protocol

from quintet_session.store import Store


class Clock(Protocol):
    """The clocks of the stores."""

    now_us: int

    def jump(self, seconds: float) -> None:
        """Lets time pass."""

    def step(self, seconds: float) -> None:
        """Sets the wall clock to another time, which the monotonic one does not follow."""


class Stores(Protocol):
    """Opens stores over the same data, one after the other."""

    clock: Clock

    async def open(self) -> Store: ...
