"""The gateway beside the least bridge from aiohttp to grpc.aio that checks a key, counts a limit and a metric."""
