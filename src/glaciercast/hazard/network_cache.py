"""What networks read of samples, worked out once for each lake and day of issue of the same records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.hazard import network_views, windows
from glaciercast.hazard.network_views import Views
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples


@dataclass(frozen=True)
class Seen:
    """What was available of samples: windows of their series, the views of all images, and what is read off those that had come in."""

    windows: windows.Windows
    views: Views
    readings: np.ndarray
    names: tuple[str, ...] = network_views.READINGS

    def take(self, rows: np.ndarray) -> Seen:
        """Return some samples by number, int64 (row,)."""
        own = self.windows
        return Seen(windows.Windows(own.series[rows], own.images[rows], own.image_age[rows]), self.views, self.readings[rows])

    def with_more(self, more: Seen) -> Seen:
        """Return both."""
        own, other = self.windows, more.windows
        series, images = np.concatenate([own.series, other.series]), np.concatenate([own.images, other.images])
        made = windows.Windows(series, images, np.concatenate([own.image_age, other.image_age]))
        return Seen(made, self.views, np.concatenate([self.readings, more.readings]))


class Cache:
    """Keeps what was made of the records that were read last: what a sample holds does not depend on the samples beside it."""

    def __init__(self, steps: int, days: int) -> None:
        self._steps, self._days = steps, days
        self._records: Records | None = None
        self._made: Seen | None = None
        self._places: dict[tuple[str, int], int] = {}

    def of(self, records: Records, samples: Samples, sees: bool = True) -> Seen:
        """Return what the samples read; without images if it does not see, as if there were none."""
        if self._made is None or self._records is not records:
            self._records, self._places = records, {}
            self._made = self._make(records, samples.take(np.zeros(0, int)), sees)
        keys = list(zip(samples.lake.astype(str).tolist(), samples.issue.astype("int64").tolist(), strict=True))
        new = {key: row for row, key in enumerate(keys) if key not in self._places}
        if new:
            self._made = self._made.with_more(self._make(records, samples.take(np.array(list(new.values()))), sees, self._made.views))
            self._places.update(zip(new, range(len(self._places), len(self._places) + len(new)), strict=True))
        return self._made.take(np.array([self._places[key] for key in keys], dtype="int64"))

    def _make(self, records: Records, samples: Samples, sees: bool, views: Views | None = None) -> Seen:
        made = windows.of(records, samples, self._steps, self._days)
        if not sees:
            made, views = network_views.blind(made)
        views = network_views.of(records) if views is None else views
        return Seen(made, views, views.readings(samples))
