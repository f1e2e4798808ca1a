"""Short-lived tokens for storage that wants them: fetched when needed, renewed when refused, never shown."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from glaciercast.errors import SourceError
from glaciercast.sources import hrefs

if TYPE_CHECKING:
    from glaciercast.sources.http import Client

PLANETARY_COMPUTER = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
AZURE_BLOBS = ".blob.core.windows.net"
MARGIN = 60.0
"""A token is renewed this long before it ends, seconds, so that none ends on its way to the server."""
SAS_KEYS = frozenset(
    [
        *("se", "sig", "sp", "sv", "sr", "st", "spr", "sip", "si", "ss", "srt", "sdd", "ses", "scid"),
        *("skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid"),  # of user delegation
    ]
)
"""Query keys of a shared access signature (Azure Storage, "Create a service SAS" and "Create a user delegation SAS")."""


class Signer(Protocol):
    """Makes a URL acceptable to its server."""

    def sign(self, url: str) -> str:
        """Return `url` with a valid token, or `url` itself where it needs none."""

    def refresh(self, url: str) -> bool:
        """Get a new token in place of that of the refused, signed `url`; False: there is nothing to renew."""


@dataclass(frozen=True)
class _Token:
    query: str
    until: float


class SasSigner:
    """Signs the addresses of one storage service with shared access signatures, as the Planetary Computer gives them to anyone.

    Parameters
    ----------
    token_url
        Answers ``{token_url}/{account}/{container}`` with ``{"msft:expiry": …, "token": …}``.
    suffix
        End of the host (with its port) of all addresses that need a token; what stands before it is the account, and the first part
        of the path is the container. A whole host is its own account: ``127.0.0.1:8000`` plays the part in tests.
    client
        Asks for tokens (default: one of its own); it must not sign.
    clock
        Seconds since 1970, UTC.
    """

    def __init__(
        self,
        token_url: str = PLANETARY_COMPUTER,
        suffix: str = AZURE_BLOBS,
        client: Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token_url, self._suffix, self._client, self._clock = token_url.rstrip("/"), suffix.lower(), client, clock
        self._tokens: dict[tuple[str, str], _Token] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def sign(self, url: str) -> str:
        """Return `url` with a token of its container; one that came signed keeps its token until that ends or is refused.

        Raises
        ------
        SourceError
            If no token is given.
        """
        place = self._place(url)
        if place is None:
            return url
        if place not in self._tokens and _signature(url) and _end(url) > self._clock() + MARGIN:
            return url
        return _with(url, self._token(place))

    def refresh(self, url: str) -> bool:
        """Get a new token of the container of `url`, whose token was refused; False where no other token is to be had.

        When many threads are refused at once, the first asks for a token and the others get the same.
        """
        place = self._place(url)
        if place is None:
            return False
        with self._lock_of(place):
            token = self._tokens.get(place)
            if token is None or _signature("?" + token.query) == _signature(url):
                token = self._tokens[place] = self._fetch(place)
            return _signature("?" + token.query) != _signature(url)

    def _place(self, url: str) -> tuple[str, str] | None:
        """Return account and container of an address; None where it belongs to others, or a token would travel in the open."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
        container = parts.path.lstrip("/").partition("/")[0]
        if not host.endswith(self._suffix) or not container or (parts.scheme != "https" and not hrefs.is_inside(url)):
            return None
        account = host if host == self._suffix else host[: -len(self._suffix)]
        return (account, container) if re.fullmatch(r"[a-z0-9][a-z0-9.:-]*", account) else None

    def _lock_of(self, place: tuple[str, str]) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(place, threading.Lock())

    def _token(self, place: tuple[str, str]) -> str:
        with self._lock_of(place):
            token = self._tokens.get(place)
            if token is None or token.until <= self._clock():
                token = self._tokens[place] = self._fetch(place)
            return token.query

    def _fetch(self, place: tuple[str, str]) -> _Token:
        from glaciercast.sources.http import Client

        with self._lock:
            self._client = client = self._client or Client(connections=2)
        url = f"{self._token_url}/{'/'.join(quote(part, safe=':') for part in place)}"
        try:
            answer = json.loads(client.get(url))
            query, expiry = str(answer["token"]).removeprefix("?"), _seconds(str(answer["msft:expiry"]))
        except (ValueError, KeyError, TypeError):
            raise SourceError(f"{hrefs.redact(url)}: expected JSON with 'token' and 'msft:expiry', found something else") from None
        if not _signature("?" + query) or not query.isprintable():
            raise SourceError(f"{hrefs.redact(url)}: the token carries no signature")
        now = self._clock()
        return _Token(query, expiry - min(MARGIN, max(0.0, expiry - now) / 2))


def _with(url: str, token: str) -> str:
    """Replace a signature in the query of `url`, keeping other keys as they are written."""
    parts = urlsplit(url)
    kept = [piece for piece in parts.query.split("&") if piece and piece.partition("=")[0] not in SAS_KEYS]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join([*kept, token]), ""))


def _signature(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("sig", [""])[0]


def _end(url: str) -> float:
    """Return when the signature of `url` ends, seconds since 1970; minus infinity where it does not say so."""
    try:
        return _seconds(parse_qs(urlsplit(url).query)["se"][0])
    except (KeyError, ValueError):
        return float("-inf")


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
