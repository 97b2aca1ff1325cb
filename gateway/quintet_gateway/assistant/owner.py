"""Whose data a request is about."""

from dataclasses import dataclass

from quintet.session.v1.session_service_pb2 import Scope


@dataclass(frozen=True)
class Owner:
    """An owner within a public surface; different owners never see each other's data."""

    surface: str
    owner: str

    def scope(self) -> Scope:
        """Returns the scope that the services know."""
        return Scope(surface=self.surface, owner=self.owner)
