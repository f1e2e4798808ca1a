"""Worker processes that read and judge scenes, by dask.distributed: on this machine, or behind a scheduler that is there already.

A task carries settings and item dictionaries, no secret and no open file; each worker process opens catalogue, cache and outline once.
What goes wrong in a worker comes back as a value, so that it is told in one line, as without workers.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config
from glaciercast.cube.acquire import Work
from glaciercast.cube.settings import Fetching, SiteBuild
from glaciercast.cube.staging import Staging
from glaciercast.cube.survey import Job, Task, Verdict
from glaciercast.cube.workers import Crew, Threads
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.sources.http import Stats

if TYPE_CHECKING:
    from distributed import Client, Future

    from glaciercast.workflow.session import Session

PATIENCE = 30.0
"""Seconds within which a scheduler must answer and have a worker."""
AHEAD = 2
"""Tasks for each worker that are under way or wait: as many results are held at most."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "BLOSC_NTHREADS", "MKL_NUM_THREADS")
_opening = threading.Lock()


@contextmanager
def hired(scheduler: str) -> Iterator[Crew]:
    """Open the crew that `scheduler` names: ``none``, a number of local processes, or the address of a scheduler (``tcp://…``).

    Raises
    ------
    InputError
        If it names none of these, or no scheduler with a worker answers there.
    GlaciercastError
        If the workers or the scheduler are lost.
    """
    if scheduler == "none":
        yield Threads()
        return
    with ExitStack() as stack:
        _quiet()
        client = stack.enter_context(_local(int(scheduler)) if scheduler.isdecimal() else _remote(scheduler))
        yield Cluster(client, _workers(client, scheduler))


class Cluster:
    """The crew of a scheduler: tasks go out in order, a bounded number at a time, and verdicts come back in that order.

    Parameters
    ----------
    client
        Connected to the scheduler.
    workers
        Addresses of the workers that it has.
    """

    def __init__(self, client: Client, workers: Sequence[str]) -> None:
        self.client, self.workers, self.number, self.stats = client, workers, len(workers), Stats()
        self._session: dict[str, Any] = {}

    def join(self, session: Session, cube: Path) -> None:
        """Tell the workers of which build the tasks are; `cube` must lie where they see it."""
        share = max(1, session.fetching.connections // self.number)
        fetching = config.plain(session.fetching) | {"connections": share, "scheduler": "none"}
        self._session = {"settings": config.plain(session.settings), "fetching": fetching, "cube": str(cube.resolve())}
        told = json.dumps([self._session["settings"], fetching])  # opened while this process builds what comes before scenes
        self._warming = [self.client.submit(_warm, told, workers=[place], pure=False) for place in self.workers]

    def map(self, work: Work, task: Task, jobs: Sequence[Job]) -> Iterator[Verdict]:
        """Yield the verdict on each job, in order.

        Raises
        ------
        InputError
            If addresses came signed: a signature is a secret and stays in this process.
        GlaciercastError
            If a task fails as it would here, or the workers or the scheduler are lost.
        """
        from glaciercast.workflow.session import is_signed

        staging = {"folder": str(work.staging.folder.resolve()), "shape": work.staging.shape, "variables": work.staging.variables}
        spec = json.dumps({**self._session, "product": work.product.name, "learnt": work.product.learnt, "staging": staging})
        if any(is_signed(asset.href) for _, overpass in jobs for item in overpass.items for asset in item.assets.values()):
            raise InputError(
                f"{work.product.name}: the catalogue gave signed addresses, which are not sent to workers; use --scheduler none"
            )
        waiting: deque[Future[Any]] = deque()
        try:
            for number, overpass in jobs:
                items = [item.to_dict(transform_hrefs=False) for item in overpass.items]
                waiting.append(self._submit(spec, task, number, items))
                if len(waiting) >= AHEAD * self.number:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()  # type: ignore[no-untyped-call]

    def _submit(self, *arguments: Any) -> Future[Any]:
        return self.client.submit(work_on, *arguments, pure=False)

    def _result(self, future: Future[Any]) -> Verdict:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        try:
            verdict, new = future.result()
        except KilledWorker:
            raise GlaciercastError("a worker was lost again and again (out of memory?); the same command goes on from here") from None
        except (FutureCancelledError, CommClosedError, OSError):
            raise GlaciercastError("the scheduler was lost; the same command goes on from here") from None
        self.stats.add(new)
        if isinstance(verdict, Exception):
            raise verdict
        assert isinstance(verdict, Verdict)
        return verdict


def work_on(spec: str, task: Task, number: int, items: list[dict[str, Any]]) -> tuple[Verdict | Exception, Stats]:
    """Do one task in a worker; return the verdict, or what was raised, and what was asked of servers since the last report."""
    verdict: Verdict | Exception
    counted = _Counted()
    try:
        with _opening:  # a worker may have several threads
            work, counted, _ = _opened(spec)
        verdict = work.do(task, (number, _overpass(work, items)))
    except Exception as error:  # told by the parent in one line: a worker's log would show the arguments
        verdict = error
    return verdict, counted.report()


class _Counted:
    """What a reader asked of servers and has not been reported yet: several threads may share it."""

    def __init__(self, stats: Stats | None = None) -> None:
        self._stats, self._told, self._lock = stats or Stats(), Stats(), threading.Lock()

    def report(self) -> Stats:
        """Return what is new, and take it for told."""
        with self._lock:
            now, told = self._stats, self._told
            retries = dict(now.retries)
            self._told = Stats(now.requests, now.bytes, retries)
            new = {
                reason: number - told.retries.get(reason, 0) for reason, number in retries.items() if number > told.retries.get(reason, 0)
            }
            return Stats(self._told.requests - told.requests, self._told.bytes - told.bytes, new)


def _overpass(work: Work, items: list[dict[str, Any]]) -> Any:
    import pystac

    (overpass,) = work.product.overpasses([pystac.Item.from_dict(item, migrate=False) for item in items])
    return overpass


@functools.lru_cache(maxsize=2)
def _opened(spec: str) -> tuple[Work, _Counted, ExitStack]:
    """Return the work that a spec describes, what counts its requests, and what keeps its connections open as long as it is held."""
    from glaciercast.cube import terrain
    from glaciercast.workflow import parts

    told = json.loads(spec)
    cube, folder = Path(told["cube"]), Path(told["staging"]["folder"])
    if not (cube / "zarr.json").exists():
        raise InputError(f"{cube}: a worker does not see it; workers need the run folder under the same path")
    session, stack = _session(json.dumps([told["settings"], told["fetching"]]))
    product = parts.optical_product(told["product"], session.settings, told["learnt"])
    staging = Staging(folder, tuple(told["staging"]["shape"]), told["staging"]["variables"])
    return Work(product, parts.context(session), session.settings, terrain.read(cube), staging), _Counted(session.reader.stats), stack


def _warm(told: str) -> None:
    """Open a worker's session; what goes wrong is told by the first task."""
    with _opening, suppress(GlaciercastError):
        _session(told)


@functools.lru_cache(maxsize=1)
def _session(told: str) -> tuple[Session, ExitStack]:
    """Open catalogue, cache and outline once in this process; they close when what is returned second is dropped."""
    from glaciercast.workflow.session import Session

    settings, fetching = json.loads(told)
    stack = ExitStack()
    opened = Session.open(SiteBuild.model_validate(settings), Fetching.model_validate(fetching))
    return stack.enter_context(opened), stack


@contextmanager
def _local(number: int) -> Iterator[Client]:
    """Start processes on this machine, each with one thread, on loopback and without a dashboard; more memory is theirs to ask for."""
    import dask
    from distributed import Client, LocalCluster

    if number < 1:
        raise InputError(f"--scheduler {number}: expected 1 worker or more")
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": dict.fromkeys(ONE_THREAD, "1")}),
        LocalCluster(
            n_workers=number, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            worker_dashboard_address=None, memory_limit=0, silence_logs=logging.CRITICAL, local_directory=_scratch(),
        ) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):  # fmt: skip
        yield client


@contextmanager
def _remote(address: str) -> Iterator[Client]:
    from distributed import Client

    if not re.fullmatch(r"(tcp|tls)://[^/@?]+:\d+", address):
        raise InputError(f"--scheduler {address:.60}: expected none, a number of workers, or an address such as tcp://127.0.0.1:8786")
    try:
        client = Client(address, timeout=PATIENCE)  # type: ignore[no-untyped-call]
    except OSError:
        raise InputError(f"--scheduler {address}: no scheduler answers there within {PATIENCE:g} s") from None
    with client:
        yield client


def _workers(client: Client, scheduler: str) -> list[str]:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise InputError(f"--scheduler {scheduler}: it has no workers") from None
    return list(client.scheduler_info(n_workers=-1)["workers"])


def _scratch() -> str:
    import tempfile

    return os.environ.get("DASK_TEMPORARY_DIRECTORY") or tempfile.gettempdir()


def _quiet() -> None:
    """Let dask say nothing: what matters is one line of ours, and its log shows the arguments of tasks."""
    for name in ("distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
