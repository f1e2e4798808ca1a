"""Faults that a test server commits on purpose: which, how often, on what, and a record of every request it got."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

KINDS = ("429", "503", "reset", "truncated", "slow", "403", "corrupt")
"""429 with Retry-After, a burst of 503, a reset connection, a body that breaks off, a trickle, a revoked token, flipped bytes."""


@dataclass(frozen=True)
class Request:
    """One request: method, path, Range header, what came of it ("200", "206", … or the fault), and bytes of body sent."""

    method: str
    path: str
    range: str
    outcome: str
    bytes: int = 0


@dataclass
class Faults:
    """Which requests fail, and how.

    Attributes
    ----------
    rate
        Share of requests that fail, drawn by `seed` from the order of requests of one path: the same however threads interleave.
    kinds
        What happens to them, drawn evenly; see `KINDS`. "corrupt" flips bytes of ranges of files whose path `corruptible` accepts,
        and "403" revokes the request's token (without a token desk it is left out).
    only
        Accepts the paths that may fail (default: all but tokens).
    broken
        Accepts the paths that always fail, with `broken_how`.
    retry_after
        Seconds that a 429 asks for; `as_date` sends a date instead.
    burst
        Further requests of any path that a 503 takes with it.
    trickle
        Seconds between the pieces of a slow body; it is never completed.
    most_in_a_row
        Faults of one path and range in a row, at most, so that a patient client always gets through.
    """

    rate: float = 0.0
    seed: int = 0
    kinds: tuple[str, ...] = ("429", "503", "reset", "truncated")
    only: Callable[[str], bool] = lambda path: True
    corruptible: Callable[[str], bool] = lambda path: path.lower().endswith((".tif", ".tiff"))
    broken: Callable[[str], bool] = lambda path: False
    broken_how: str = "503"
    retry_after: float = 0.0
    as_date: bool = False
    burst: int = 2
    trickle: float = 0.2
    most_in_a_row: int = 3
    committed: Counter[str] = field(default_factory=Counter)
    _count: Counter[str] = field(default_factory=Counter)
    _row: Counter[str] = field(default_factory=Counter)
    _burst: int = 0

    def choose(self, path: str, span: str, has_token: bool) -> str:
        """Return the fault of a request, or an empty string; called in the server's one thread."""
        if path.startswith("/token/"):
            return ""
        if self.broken(path):
            return self._commit(self.broken_how)
        if not self.only(path):
            return ""
        key = f"{path} {span}"
        self._count[key] += 1
        if self._row[key] >= self.most_in_a_row:
            self._row[key] = 0
            return ""
        if self._burst:
            self._burst -= 1
            self._row[key] += 1
            return self._commit("503")
        draw = random.Random(f"{self.seed} {key} {self._count[key]}")
        if draw.random() >= self.rate:
            self._row[key] = 0
            return ""
        damaged = bool(span) and self.corruptible(path)
        possible = [kind for kind in self.kinds if (kind != "403" or has_token) and (kind != "corrupt" or damaged)]
        if not possible:
            return ""
        self._row[key] += 1
        kind = draw.choice(possible)
        self._burst = self.burst if kind == "503" else 0
        return self._commit(kind)

    def _commit(self, kind: str) -> str:
        self.committed[kind] += 1
        return kind

    def refusal(self, kind: str) -> web.Response:
        """Return the answer of a fault that is only a status."""
        if kind != "429":
            return web.Response(status=int(kind), text=f"{kind}, on purpose")
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=self.retry_after), usegmt=True)
        return web.Response(status=429, headers={"Retry-After": when if self.as_date else f"{self.retry_after:.0f}"})


class TokenDesk:
    """Gives out tokens for ``/token/<account>/<container>`` and tells whether one is good.

    Parameters
    ----------
    life
        Seconds that a token is good for.
    announced
        Seconds that it claims to be (default: `life`); more than `life` means that clients meet a 403.
    clock
        Seconds since 1970, UTC.
    """

    def __init__(self, life: float = 3600, announced: float | None = None, clock: Callable[[], float] = time.time) -> None:
        self.life, self.announced, self.clock = life, life if announced is None else announced, clock
        self.given = 0
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def give(self, account: str, container: str) -> dict[str, str]:
        """Return a new token as the real endpoint words it."""
        with self._lock:
            self.given += 1
            signature = hashlib.sha256(f"{account}/{container}/{self.given}".encode()).hexdigest()[:24]
            self._ends[signature] = self.clock() + self.life
        expiry = datetime.fromtimestamp(self.clock() + self.announced, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"msft:expiry": expiry, "token": f"se={expiry}&sp=rl&sv=2024-05-04&sr=c&sig={signature}%3D"}

    def accepts(self, signature: str) -> bool:
        """Say whether the token with this signature is one of ours and still good."""
        with self._lock:
            return self._ends.get(signature.removesuffix("="), 0.0) > self.clock()

    def revoke(self, signature: str) -> None:
        """Let a token end now."""
        with self._lock:
            self._ends.pop(signature.removesuffix("="), None)


def flipped(body: bytes) -> bytes:
    """Return a body with sixteen bytes in its middle changed: of the right length, and wrong."""
    middle = len(body) // 2
    return body[:middle] + bytes(byte ^ 0xA5 for byte in body[middle : middle + 16]) + body[middle + 16 :]


async def spoil(request: web.Request, answer: web.Response, kind: str, pause: float) -> web.StreamResponse:
    """Send `answer` so that it breaks off, or trickles and then breaks off."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    stream = web.StreamResponse(status=answer.status, headers={**answer.headers, "Content-Length": str(len(body))})
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if kind == "slow":
        for byte in body[len(body) // 2 : -1]:
            await asyncio.sleep(pause)
            if request.transport is None or request.transport.is_closing():
                break
            await stream.write(bytes([byte]))
    if request.transport is not None:
        request.transport.close()
    return stream
