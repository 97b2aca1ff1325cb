"""The vision assistant API for people who cannot see: a picture goes in, speech comes out, at `/api/v1`."""

from quintet_gateway.dialects.sight.routes import Sight, SightOptions

__all__ = ["Sight", "SightOptions"]
