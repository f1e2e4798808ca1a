"""What an answer over HTTP means: success, a failure that may pass, or one that does not (RFC 9110)."""

from __future__ import annotations

import http
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from glaciercast.errors import SourceError
from glaciercast.sources import hrefs

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})
"""Statuses that another try may change."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Passing(Exception):
    """A failure that another try may mend.

    Attributes
    ----------
    reason
        A few words, without addresses.
    retry_after
        Seconds that the server asks for; None where it does not.
    refused
        The token was refused and a new one is at hand.
    """

    def __init__(self, reason: str, retry_after: float | None = None, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.retry_after, self.refused = reason, retry_after, refused


def words(status: int) -> str:
    """Return a status with its standard phrase; what the server itself writes there is not repeated."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def reason(error: BaseException) -> str:
    """Return a failed connection in a few plain words, without addresses or queries."""
    from http.client import IncompleteRead

    from urllib3 import exceptions

    if isinstance(error, exceptions.ProtocolError) and error.args and isinstance(error.args[-1], IncompleteRead):
        error = error.args[-1]  # what broke the connection
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (exceptions.NameResolutionError, "name of the host not resolved"),
        (exceptions.NewConnectionError, "no connection"),  # before its parent, a timeout
        (exceptions.ConnectTimeoutError, "no connection in time"),
        (exceptions.ProxyError, "the proxy refuses"),
        (exceptions.ReadTimeoutError, "no answer in time"),
        (IncompleteRead, "truncated body"),
        (exceptions.SSLError, "certificate or protocol not accepted"),
        (exceptions.ProtocolError, "connection lost"),
        (OSError, "connection lost"),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), type(error).__name__)


def untrusted(error: BaseException) -> bool:
    """Tell whether a TLS connection failed because of the certificate, which no other try changes."""
    from ssl import SSLCertVerificationError

    from urllib3.util.ssl_match_hostname import CertificateError

    return any(isinstance(each, SSLCertVerificationError | CertificateError) for each in (error, *error.args))


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Return seconds from ``Retry-After`` (seconds or a date; section 10.2.3); None where absent or unreadable."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def redirected(response: BaseHTTPResponse, first: str, url: str, method: str) -> str:
    """Return where a redirect leads.

    Parameters
    ----------
    response
        The redirect.
    first
        What was asked for, for the error's line.
    url
        What answered with the redirect.
    method
        GET or POST.

    Raises
    ------
    SourceError
        If it leads to another scheme than http(s), from https to http, or from a public host into a private network; if it would turn
        a POST into a GET.
    """
    target = urljoin(url, response.headers.get("Location", ""))
    old, new = urlsplit(url), urlsplit(target)
    if not response.headers.get("Location") or new.scheme not in ("http", "https") or not new.hostname:
        raise SourceError(f"{hrefs.redact(first)}: redirected to '{hrefs.shown(target)}', expected an http or https URL")
    if (old.scheme, new.scheme) == ("https", "http"):
        raise SourceError(f"{hrefs.redact(first)}: redirected from https to http, which is refused")
    if hrefs.is_inside(target) and not hrefs.is_inside(url):
        raise SourceError(f"{hrefs.redact(first)}: redirected into a private network, which is refused")
    if method != "GET" and response.status not in (307, 308):
        raise SourceError(f"{hrefs.redact(first)}: {words(response.status)} in answer to {method}, expected 307 or 308")
    return target
