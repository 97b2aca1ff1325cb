"""Settings of the vision service, from `QUINTET_VISION_*`."""

from typing import Literal

from pydantic import Field

from quintet_rpc import ServiceSettings, service_config


class VisionSettings(ServiceSettings):
    """What can be set."""

    model_config = service_config("vision")

    listen_addr: str = "127.0.0.1:50053"
    engine: Literal["auto", "opencv", "scripted"] = "auto"
    max_pixels: int = Field(default=50_000_000, ge=1)
    """Width times height of the largest picture that is decoded; checked before decoding."""
    slots: int = Field(default=2, ge=1, le=64)
    """Pictures that are analyzed at the same time, and threads that do it."""
    waiting: int = Field(default=16, ge=0)
    """Pictures that wait for a slot; one more is refused at once."""
    upload_memory_mib: int = Field(default=128, ge=32)
    """Memory of all pictures that are uploaded, waiting or analyzed; one that finds none free is refused at once."""
    text_budget_s: float = Field(default=15.0, gt=0)
    """How long the text of one picture may be read; what was read until then is the answer."""
