"""Lookups over HTTP with aiohttp: bounded in time and size, never redirected, and silent about what they carry."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Self

import aiohttp

from ivr.domain.actions import Fetch, Fetched

log = logging.getLogger(__name__)

MOST_BYTES = 64_000
"""A larger answer is a mistake, or an attack."""
PAUSE_S = 0.1
"""Before another attempt; the caller hears nothing meanwhile."""
_GONE = (404, 410)
_OVERLOADED = 429


class _Failed(Exception):  # noqa: N818 - what happened to one attempt; it never leaves this module
    """No usable answer. `again`: another attempt may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class HttpLookup:
    """Implements `ivr.engine.ports.Lookup`. `environment` has the values of secret headers by name."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Cookies of one caller's answer must not go out with another's question.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, question: Fetch) -> Fetched:
        """As the port says. Outside the context every question is an error."""
        missing = [name for name in question.secrets.values() if name not in self._environment]
        if missing:
            log.error("a lookup needs an environment variable that is not set", extra={"variable": missing[0]})
            return Fetched("error")
        headers = self._headers(question)
        answer = Fetched("error")
        for attempt in range(1 + question.retries):
            if attempt:
                await asyncio.sleep(PAUSE_S)
            try:
                async with asyncio.timeout(question.within_s):
                    return await self._ask(question, headers)
            except TimeoutError:
                answer, reason, again = Fetched("timeout"), "no answer in time", True
            except _Failed as failed:
                answer, reason, again = Fetched("error"), str(failed), failed.again
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # Only the kind of error: its text may repeat the address or the answer.
                answer, reason, again = Fetched("error"), type(error).__name__, True
            log.warning("a lookup failed", extra={"reason": reason, "attempt": attempt + 1})
            if not again:
                break
        return answer

    def _headers(self, question: Fetch) -> dict[str, str]:
        secret = {header: self._environment[name] for header, name in question.secrets.items()}
        return {"Accept": "application/json", **question.headers, **secret, "Idempotency-Key": question.key}

    async def _ask(self, question: Fetch, headers: Mapping[str, str]) -> Fetched:
        if self._session is None:
            raise _Failed("the lookup adapter is not running", again=False)
        body = dict(question.body) if question.method == "POST" else None
        async with self._session.request(
            question.method,
            question.url,
            params=dict(question.query),
            json=body,
            headers=headers,
            allow_redirects=False,  # personal data goes to the address that the author wrote, and to no other
        ) as response:
            if response.status in _GONE:
                return Fetched("not_found")
            if not 200 <= response.status < 300:
                again = response.status >= 500 or response.status == _OVERLOADED
                raise _Failed(f"status {response.status}", again=again)
            return Fetched("found", await _document(response))


async def _document(response: aiohttp.ClientResponse) -> object:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise _Failed("the answer is too large", again=False)
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise _Failed("the answer is not JSON", again=False) from None
