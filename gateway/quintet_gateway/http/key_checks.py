"""Asks whose API keys are, and spares the service those who show one made-up key after the other."""

from contextlib import suppress

from aiohttp import web
from limits import RateLimitItemPerMinute

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import KeyCheck
from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.entry import CLIENT
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, RateLimiter

# Apart from the allowances of requests: a valid key that is not remembered must get in beside neighbours who have
# spent those, and a request may be refused by them only once it is known whose it is.
_WRONG_KEYS = Allowance("wrong-keys", RateLimitItemPerMinute(120))


class KeyChecks:
    """Checks keys; an address that showed too many wrong ones is asked to wait. Without a limiter nobody is."""

    def __init__(self, limiter: RateLimiter | None) -> None:
        self._limiter = limiter

    async def check(self, request: web.Request, surface: str, secret: str) -> KeyCheck:
        """Finds out whose key it is; one that is not valid is no error.

        Raises:
            RateLimitedError: if only the service could tell, and the address may not ask it now.
            DomainError: the service's own errors.
        """
        identity = request.app[ASSISTANT].identity
        known = identity.known_api_key(surface, secret)
        if known is not None:
            return known
        if self._limiter is None:
            return await identity.verify_api_key(surface, secret)
        address = allowance_key(request[CLIENT])
        await self._limiter.check(_WRONG_KEYS, address)
        found = await identity.verify_api_key(surface, secret)
        if found.key is None:
            with suppress(RateLimitedError):
                await self._limiter.spend((_WRONG_KEYS,), address)
        return found
