"""Who reads and judges scenes: threads of this process, or worker processes; the results are the same and come in the same order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from glaciercast.cube import survey
from glaciercast.cube.survey import Job, Task, Verdict
from glaciercast.sources.http import Stats

if TYPE_CHECKING:
    from glaciercast.cube.acquire import Work

MOST_THREADS = 4
"""Scenes that one process works on at the same time: each holds its bands in memory."""


class Crew(Protocol):
    """Does the work of a product's build; ``stats`` counts what workers in other processes asked of servers."""

    stats: Stats

    def map(self, work: Work, task: Task, jobs: Sequence[Job]) -> Iterator[Verdict]:
        """Yield the verdict on each job, in order, with a bounded number under way."""


class Threads:
    """The crew without workers: what is fetched, decoded and packed of neighbouring scenes overlaps.

    Parameters
    ----------
    number
        Scenes at the same time (default: as many as there are cores, `MOST_THREADS` at most).
    """

    def __init__(self, number: int | None = None) -> None:
        self.stats = Stats()
        self.number = number or min(MOST_THREADS, len(os.sched_getaffinity(0)))

    def map(self, work: Work, task: Task, jobs: Sequence[Job]) -> Iterator[Verdict]:
        """Yield the verdict on each job, in order."""
        from glaciercast.cube.acquire import bands_of

        bands = () if task == "glance" else bands_of(work.product)
        overpasses = [overpass for _, overpass in jobs]
        fetched = survey.ahead(work.product, overpasses, bands, work.context)
        numbered = zip((number for number, _ in jobs), fetched, strict=True)
        return work.context.reader.map(lambda job: work.do(task, job), numbered, self.number)
