"""Requests that leave the gateway for addresses that callers name. Knows nothing of the house but its errors."""

from quintet_gateway.outgoing.posts import GuardedPosts
from quintet_gateway.outgoing.targets import TargetRefused, TargetRule

__all__ = ["GuardedPosts", "TargetRefused", "TargetRule"]
