"""Real servers on loopback: a file server with ranges, and a STAC API over a simulated archive; both can be told to fail."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession, web
from tests.sources.faults import Faults, Request, TokenDesk, flipped, spoil

FILES = "/files"
START_TIMEOUT = 30.0


class Server:
    """An HTTP/1.1 server in a thread of its own: files with ranges, tokens, and all else passed on to a server behind it.

    Attributes
    ----------
    folder
        What ``/files/`` shows.
    latency
        Seconds added before each answer.
    faults, tokens
        What goes wrong, and who may read files; None: nothing, anyone. Both may be changed while it runs.
    upstream
        Address of the server behind it, or an empty string.
    log
        Every request, in order.
    """

    def __init__(self, folder: Path, latency: float = 0.0) -> None:
        self.folder, self.latency = Path(folder), latency
        self.faults: Faults | None = None
        self.tokens: TokenDesk | None = None
        self.upstream = ""
        self.log: list[Request] = []
        self._peers: set[Any] = set()
        self._loop = asyncio.new_event_loop()
        self._started: Future[int] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="test-server", daemon=True)
        self._thread.start()
        self.port = self._started.result(START_TIMEOUT)
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> str:
        """Address of the folder, with a slash at its end."""
        return f"{self.url}{FILES}/"

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return f"{self.url}/token"

    @property
    def requests(self) -> int:
        """Requests so far."""
        return len(self.log)

    @property
    def bytes(self) -> int:
        """Bytes of bodies sent so far."""
        return sum(entry.bytes for entry in self.log)

    @property
    def outcomes(self) -> Counter[str]:
        """How many requests ended how."""
        return Counter(entry.outcome for entry in self.log)

    @property
    def connections(self) -> int:
        """Connections that were opened so far."""
        return len(self._peers)

    def url_of(self, path: Path | str) -> str:
        """Return the address of a file of the folder, absolute or relative to it."""
        return self.files + (self.folder / path).relative_to(self.folder).as_posix()

    def reset(self) -> None:
        """Forget the log, and work without faults, tokens and latency from now on."""
        self.faults = self.tokens = None
        self.latency, self.log, self._peers = 0.0, [], set()

    def close(self) -> None:
        """End the server."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with ClientSession() as self._session:
            runner = web.ServerRunner(web.Server(self._handle, access_log=None, keepalive_timeout=30), shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._started.set_result(runner.addresses[0][1])
            await self._stop.wait()
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            self._peers.add(request.transport.get_extra_info("peername"))
        if self.latency:
            await asyncio.sleep(self.latency)
        faults, span = self.faults, request.headers.get("Range", "")
        signature = request.query.get("sig", "")
        kind = faults.choose(request.path, span, bool(signature) and self.tokens is not None) if faults else ""
        if faults is not None and kind == "reset":
            self._record(request, kind)
            if request.transport is not None:
                _reset(request.transport)
            return web.Response()
        if kind == "403" and self.tokens is not None:
            self.tokens.revoke(signature)
        if faults is not None and kind.isdigit() and kind != "403":
            self._record(request, kind)
            return faults.refusal(kind)
        answer = await self._answer(request)
        body = answer.body if isinstance(answer.body, bytes) else b""
        if faults is not None and kind in ("truncated", "slow"):
            self._record(request, kind, len(body) // 2)
            return await spoil(request, answer, kind, faults.trickle)
        if kind == "corrupt":
            answer = web.Response(status=answer.status, headers=answer.headers, body=flipped(body))
        self._record(request, kind if kind == "corrupt" else str(answer.status), len(body))
        return answer

    def _record(self, request: web.BaseRequest, outcome: str, size: int = 0) -> None:
        self.log.append(Request(request.method, request.path, request.headers.get("Range", ""), outcome, size))

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path.startswith("/token/") and self.tokens is not None:
            account, _, container = request.path.removeprefix("/token/").partition("/")
            return web.json_response(self.tokens.give(account, container))
        if request.path.startswith(f"{FILES}/"):
            if self.tokens is not None and not self.tokens.accepts(request.query.get("sig", "")):
                return web.Response(status=403, text="Signature not valid in the specified time frame")
            return _file(self.folder, request)
        return await self._passed_on(request)

    async def _passed_on(self, request: web.BaseRequest) -> web.Response:
        if not self.upstream:
            return web.Response(status=404)
        body, kind = await request.read(), {"Content-Type": request.headers.get("Content-Type", "application/json")}
        async with self._session.request(request.method, self.upstream + request.path_qs, data=body, headers=kind) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), headers={"Content-Type": answer.headers.get("Content-Type", "")}
            )


@dataclass(frozen=True)
class Api:
    """A STAC API and the server of its files, behind one address: faults and log are those of `server`."""

    url: str
    server: Server


@contextmanager
def serve(folder: Path | str, latency: float = 0.0) -> Iterator[Server]:
    """Serve the files of a folder with ranges, on a free port of loopback."""
    server = Server(Path(folder), latency)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def stac_server(archive: Path | str, latency: float = 0.0) -> Iterator[Api]:
    """Serve a static archive as a STAC API (rustac) and its files, with absolute hrefs, behind one address."""
    with serve(archive, latency) as server, TemporaryDirectory() as scratch:
        documents = _documents(Path(archive), server, Path(scratch))
        port = _free_port()
        program = Path(sys.executable).parent / "rustac"
        command = [str(program), "serve", *documents, "-a", f"{server.url}/", "-b", f"127.0.0.1:{port}"]
        with (Path(scratch) / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=scratch, env=dict(os.environ))
        try:
            _wait(process, f"http://127.0.0.1:{port}/conformance", Path(scratch) / "log")
            server.upstream = f"http://127.0.0.1:{port}"
            yield Api(f"{server.url}/", server)
        finally:
            process.kill()
            process.wait()


def _documents(archive: Path, server: Server, scratch: Path) -> list[str]:
    """Write collections and items as an API holds them: no links, absolute addresses of assets."""
    written = []
    for path in sorted(archive.glob("*/collection.json")):
        collection = json.loads(path.read_text())
        items = [_item(found, server) for found in sorted(path.parent.glob("*/*.json")) if found.stem == found.parent.name]
        features = {"type": "FeatureCollection", "features": items}
        for name, content in ((path.parent.name, {**collection, "links": []}), (f"{path.parent.name}-items", features)):
            (scratch / f"{name}.json").write_text(json.dumps(content))
            written.append(str(scratch / f"{name}.json"))
    if not written:
        raise FileNotFoundError(f"{archive}: no collection.json one folder down")
    return written


def _item(path: Path, server: Server) -> dict[str, Any]:
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        if ":" not in asset["href"].partition("/")[0]:
            asset["href"] = server.url_of(path.parent / asset["href"])
    return {**item, "links": []}


def _file(folder: Path, request: web.BaseRequest) -> web.Response:
    """Answer with a file or one range of it (RFC 9110, section 14); aiohttp's own answer hides how much it sends."""
    path = (folder / request.path.removeprefix(f"{FILES}/")).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return web.Response(status=404)
    size, span = path.stat().st_size, request.headers.get("Range", "")
    head = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if not span:
        return web.Response(body=path.read_bytes(), headers=head)
    first, _, last = span.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(size, int(last) + 1 if last else size)
    if start >= size:
        return web.Response(status=416, headers={**head, "Content-Range": f"bytes */{size}"})
    with path.open("rb") as file:
        file.seek(start)
        body = file.read(stop - start)
    return web.Response(status=206, body=body, headers={**head, "Content-Range": f"bytes {start}-{stop - 1}/{size}"})


def _reset(transport: asyncio.Transport | asyncio.BaseTransport) -> None:
    """End a connection with a TCP reset instead of a polite close."""
    import struct

    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()  # type: ignore[attr-defined]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the STAC server ended at once: {log.read_text()[-500:]}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the STAC server did not answer within {START_TIMEOUT} s: {log.read_text()[-500:]}")
