"""The one way to a server: whole bodies and exact ranges of bytes, with every passing failure retried and counted."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from glaciercast import __version__
from glaciercast.config import Config
from glaciercast.errors import InputError, SourceError
from glaciercast.sources import answers, bodies, hrefs
from glaciercast.sources.answers import Passing
from glaciercast.sources.bodies import Span

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

    from glaciercast.sources.signing import Signer

MOST_REDIRECTS = 5
redact = hrefs.redact


class FetchPolicy(Config):
    """How patiently a server is asked.

    Attributes
    ----------
    tries
        Requests for one answer, the first among them.
    backoff
        Longest pause before the second try, seconds; it doubles with each further try, and each pause is drawn evenly
        from zero to it ("full jitter"), so that many clients do not come back at once.
    longest_wait
        No pause is longer, seconds, whatever ``Retry-After`` says.
    connect_timeout, read_timeout
        Seconds without a connection, or without a byte, that end a try.
    total_timeout
        Seconds for a whole body: a trickle of bytes ends in another try.
    """

    tries: PositiveInt = 6
    backoff: NonNegativeFloat = 0.5
    longest_wait: NonNegativeFloat = 60
    connect_timeout: PositiveFloat = 10
    read_timeout: PositiveFloat = 30
    total_timeout: PositiveFloat = 300


@dataclass
class Stats:
    """What a client asked of its servers so far: requests, bytes of bodies, and retries by reason."""

    requests: int = 0
    bytes: int = 0
    retries: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Stats, (self.requests, self.bytes, dict(self.retries))  # a lock stays in its process

    def count(self, requests: int = 0, bytes: int = 0, retry: str = "") -> None:
        """Add to the counts; safe from any thread."""
        with self._lock:
            self.requests += requests
            self.bytes += bytes
            if retry:
                self.retries[retry] = self.retries.get(retry, 0) + 1

    def add(self, other: Stats) -> None:
        """Add what another client counted."""
        with self._lock:
            self.requests += other.requests
            self.bytes += other.bytes
            for reason, number in other.retries.items():
                self.retries[reason] = self.retries.get(reason, 0) + number


class Client:
    """Asks servers over HTTP; safe to use from many threads.

    Proxies are those of the environment (``https_proxy``, ``no_proxy``); this machine is always asked directly.

    Parameters
    ----------
    policy
        Tries, pauses and timeouts.
    connections
        Open connections to one server, at most.
    signer
        Signs a URL at the moment of each try, and is asked for a new token when one is refused.
    sleep
        Called with the seconds to wait (default: a wait that `close` ends).
    seed
        Of the jitter; None draws anew in each process.
    bearer
        Host → token sent as ``Authorization: Bearer`` to that host alone, over https or to this machine; a redirect to another host
        does not take it along.
    """

    def __init__(
        self,
        policy: FetchPolicy | None = None,
        connections: int = 16,
        signer: Signer | None = None,
        sleep: Callable[[float], None] | None = None,
        seed: int | None = None,
        bearer: Mapping[str, str] | None = None,
    ) -> None:
        self.policy = policy or FetchPolicy()
        self.stats = Stats()
        self._connections, self._signer, self._sleep, self._bearer = connections, signer, sleep, dict(bearer or {})
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._pools: dict[str, PoolManager] = {}

    def get(self, url: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Return the body, or exactly its bytes [start, stop); of a range that reaches past the end, what there is.

        Raises
        ------
        InputError
            If `url` is no http(s) URL.
        SourceError
            If the server refuses, has no such file, ends before `start`, ignores ranges of a large file, or fails on every try.
        """
        if start is None and stop is None:
            return self._ask("GET", url, None, None)
        first = start or 0
        if first < 0 or (stop is not None and stop < first):
            raise ValueError(f"bytes [{start}, {stop}): expected 0 <= start <= stop")
        return b"" if stop == first else self._ask("GET", url, None, (first, stop))

    def post(self, url: str, body: dict[str, Any]) -> bytes:
        """Send `body` as JSON and return the answer's body; errors as with `get`."""
        return self._ask("POST", url, json.dumps(body).encode(), None)

    def close(self) -> None:
        """Close idle connections, and let requests under way fail instead of being tried again; later ones begin anew."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
            closed, self._closed = self._closed, threading.Event()
        closed.set()
        for pool in pools:
            pool.clear()

    def _ask(self, method: str, url: str, body: bytes | None, span: Span | None) -> bytes:
        _check(url)
        closed, number = self._closed, 1
        while True:
            signed = self._signer.sign(url) if self._signer else url
            try:
                return self._once(method, signed, body, span)
            except Passing as failure:
                if number == self.policy.tries or closed.is_set():
                    raise SourceError(f"{redact(url)}: {failure.reason} (try {number} of {self.policy.tries})") from None
                self.stats.count(retry=failure.reason)
                if not (failure.refused and number == 1):
                    (self._sleep or closed.wait)(self._pause(number, failure.retry_after))
            number += 1

    def _once(self, method: str, url: str, body: bytes | None, span: Span | None) -> bytes:
        deadline = time.monotonic() + self.policy.total_timeout
        response = self._follow(method, url, body, span)
        try:
            self._judge(response, url)
            data = bodies.receive(response, url, span, deadline, lambda size: self.stats.count(bytes=size))
        except BaseException:
            _drop(response)
            raise
        response.release_conn()
        return data

    def _follow(self, method: str, url: str, body: bytes | None, span: Span | None) -> BaseHTTPResponse:
        """Send the request and follow redirects; the body is not read yet."""
        first = url
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(method, url, body, span)
            if response.status not in answers.REDIRECTS:
                return response
            _drop(response)
            url = answers.redirected(response, first, url, method)
        raise SourceError(f"{redact(first)}: more than {MOST_REDIRECTS} redirects")

    def _send(self, method: str, url: str, body: bytes | None, span: Span | None) -> BaseHTTPResponse:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, LocationValueError, SSLError

        self.stats.count(requests=1)
        timeout = Timeout(connect=self.policy.connect_timeout, read=self.policy.read_timeout)
        try:
            return self._pool(url).request(
                method, url, body=body, headers=self._headers(url, body, span), timeout=timeout,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
        except SSLError as error:
            if not answers.untrusted(error):  # such as a server that hangs up during the handshake
                raise Passing(answers.reason(error)) from None
            raise SourceError(f"{redact(url)}: no trusted connection ({answers.reason(error)})") from None
        except (LocationValueError, UnicodeError):
            raise InputError(f"{redact(url)}: not a usable URL") from None
        except (HTTPError, OSError) as error:
            raise Passing(answers.reason(error)) from None

    def _headers(self, url: str, body: bytes | None, span: Span | None) -> dict[str, str]:
        headers = {"User-Agent": f"glaciercast/{__version__}", "Accept-Encoding": "gzip" if span is None else "identity"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Accept": "application/geo+json, application/json"}
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{'' if span[1] is None else span[1] - 1}"
        parts = urlsplit(url)
        token = self._bearer.get(parts.hostname or "")
        if token and (parts.scheme == "https" or hrefs.is_inside(url)):
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _judge(self, response: BaseHTTPResponse, url: str) -> None:
        """Let a useful answer pass; raise what any other means."""
        status = response.status
        if status in (200, 206, 416):
            return
        if status in answers.PASSING:
            raise Passing(answers.words(status), answers.retry_after(response.headers.get("Retry-After")))
        if status in (401, 403):
            if self._signer and self._signer.refresh(url):
                raise Passing(f"{status}, access refused", refused=True)
            raise SourceError(f"{redact(url)}: {status}, access refused")
        if status in (404, 410):
            raise SourceError(f"{redact(url)}: {status}, not found")
        raise SourceError(f"{redact(url)}: {answers.words(status)}")

    def _pause(self, number: int, asked: float | None) -> float:
        """Seconds before the try after `number`: what the server asks for, and on top of it the jittered, doubling backoff."""
        with self._lock:
            jitter = self._random.uniform(0, self.policy.backoff * 2 ** (number - 1))
        return min((asked or 0) + jitter, self.policy.longest_wait)

    def _pool(self, url: str) -> PoolManager:
        from urllib3 import PoolManager, ProxyManager

        parts = urlsplit(url)
        direct = hrefs.is_inside(url) or proxy_bypass(parts.hostname or "")
        proxy = "" if direct else getproxies().get(parts.scheme, "")
        with self._lock:
            if proxy not in self._pools:
                size = self._connections
                pool = ProxyManager(proxy, maxsize=size, block=True) if proxy else PoolManager(num_pools=64, maxsize=size, block=True)
                self._pools[proxy] = pool
            return self._pools[proxy]


def _check(url: str) -> None:
    if not hrefs.is_url(url):
        raise InputError(f"{hrefs.shown(url)}: expected an http or https URL")


def _drop(response: BaseHTTPResponse) -> None:
    """Close a connection whose body is not wanted, lest its rest be taken for the next answer, and free its place in the pool."""
    response.close()
    response.release_conn()
