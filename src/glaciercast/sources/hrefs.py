"""Where the hrefs of a catalogue lead: resolved against their document, and refused where a catalogue has no business."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from glaciercast.errors import InputError

LONGEST_NAME = 120
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def resolve(href: str, base: str, root: str | None = None) -> str:
    """Return the absolute location of an asset or link, seen from the document that holds it.

    Parameters
    ----------
    href
        As the catalogue has it: absolute or relative, http, https, s3 (public bucket), file or none.
    base
        URL or path of the document; absolute.
    root
        Folder of a local catalogue (or the path of its ``catalog.json``): what lies outside is refused. Default: no such limit.

    Returns
    -------
    str
        http(s) URL or absolute local path. ``s3://bucket/key`` becomes the bucket's public https address.

    Raises
    ------
    InputError
        If the scheme is another one, if a remote document points to a local file or from a public host into a private network,
        or if a local document points outside of `root`.
    """
    if not href or any(ord(character) < 32 for character in href):
        raise InputError(f"{shown(base)}: an empty or unprintable href")
    scheme = _scheme(href)
    if scheme == "s3":
        return _bucket_url(href, base)
    if scheme in ("http", "https"):
        return _remote(href, href, base)
    if scheme not in ("", "file"):
        raise InputError(f"{shown(base)}: href with scheme '{scheme[:20]}'; expected http, https, s3, file or a relative path")
    if is_remote(base):
        if scheme == "file" or re.match(r"/+vsi", href):
            raise InputError(f"{shown(base)}: points to a local file '{shown(href)}', which a remote catalogue must not")
        return _remote(urljoin(base, href), href, base)
    return _local(href, base, root)


def is_remote(location: str) -> bool:
    """Say whether `location` is an http(s) URL."""
    return _scheme(location) in ("http", "https")


def local_path(location: str) -> Path:
    """Return the path of a local location (a path or a file URL of this machine).

    Raises
    ------
    InputError
        If it is of another kind, or one of GDAL's virtual paths.
    """
    scheme = _scheme(location)
    if scheme == "file":
        parts = urlsplit(location)
        if parts.netloc not in ("", "localhost"):
            raise InputError(f"{shown(location)}: a file URL of another machine")
        location = unquote(parts.path)
    elif scheme:
        raise InputError(f"{shown(location)}: expected a path, an http(s) URL or a file URL")
    if re.match(r"/+vsi", location) or "\0" in location:
        raise InputError(f"{shown(location)}: expected a plain path")
    return Path(location)


def is_inside(url: str) -> bool:
    """Say whether a URL's host is this machine or, as a literal address, in a private or link-local network."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global


def safe_name(text: str) -> str:
    """Return `text` as one component of a path: letters, digits and ``._-`` only, no leading dot or dash, at most 120 characters.

    Different texts give different names: what is changed or cut is replaced by a part of the text's SHA-256.
    """
    clean = re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".-")
    if clean == text and 0 < len(text) <= LONGEST_NAME:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{clean[: LONGEST_NAME - 17]}-{mark}" if clean else mark


def redact(url: str) -> str:
    """Return `url` without user, password, query and fragment: what may be shown, logged and stored."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return "(unreadable URL)"


def shown(location: str) -> str:
    """Return a location for an error message: printable, not long, without query or user."""
    text = redact(location) if _scheme(location) else location
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _scheme(location: str) -> str:
    if WINDOWS_DRIVE.match(location):
        return ""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", location)
    return match[1].lower() if match else ""


def is_url(text: str) -> bool:
    """Return whether a text is a URL of http or https with a host, and a port that exists where one is given."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _remote(url: str, href: str, base: str) -> str:
    if not is_url(url):
        raise InputError(f"{shown(base)}: href '{shown(href)}' is no usable URL")
    if is_inside(url) and is_remote(base) and not is_inside(base):
        raise InputError(f"{shown(base)}: points into a private network ('{shown(href)}'), which a public catalogue must not")
    return url


def _bucket_url(href: str, base: str) -> str:
    """Virtual-hosted address of an object; buckets with dots take the path form, because no certificate fits their name."""
    bucket, _, key = href[len("s3://") :].partition("/")
    if not BUCKET.fullmatch(bucket) or ".." in bucket or not key:
        raise InputError(f"{shown(base)}: href '{shown(href)}' names no bucket and key")
    path = quote(key, safe="/~!$&'()*+,;=:@")
    return f"https://s3.amazonaws.com/{bucket}/{path}" if "." in bucket else f"https://{bucket}.s3.amazonaws.com/{path}"


def _local(href: str, base: str, root: str | None) -> str:
    document = local_path(base)
    target = (document.parent / local_path(href)).resolve()  # follows links, so that none leads outside
    if root is not None:
        folder = local_path(root)
        folder = (folder.parent if folder.suffix == ".json" else folder).resolve()
        if not target.is_relative_to(folder):
            raise InputError(f"{shown(base)}: points outside of its catalogue ('{shown(href)}'); expected a path below {folder}")
    return str(target)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a literal address, also in the short and octal forms that system resolvers accept (127.1, 0x7f000001)."""
    import socket

    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fA-Fx.]+", host) or not re.match(r"[0-9]", host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
