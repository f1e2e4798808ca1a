"""Snow as an area and as a line: its error in km², and in metres of altitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from glaciercast.stats.sums import Sums, over_leads, ratio
from glaciercast.stats.tally import SNOW, StratumSums

BAND = 100
"""Height of the elevation bands in m."""
FEWEST = 20
"""Observed pixels below which a band's share of snow says nothing."""


class Bands(NamedTuple):
    """The elevation band of each pixel, int16 (y, x), −1 where the elevation is unknown, and the lower edge of band 0 in m."""

    number: np.ndarray
    lowest: int

    @classmethod
    def of(cls, elevation: np.ndarray) -> Bands:
        """Return the bands of an elevation model (y, x) in m, which may have NaN but not throughout."""
        floor = np.floor(elevation / BAND)
        lowest = int(np.nanmin(floor))
        return cls(np.where(np.isnan(floor), -1, np.nan_to_num(floor) - lowest).astype("int16"), lowest * BAND)


@dataclass(frozen=True)
class SnowSums(Sums):
    """Errors of the snow-covered area and of the snow line's altitude, one each scene, float64 (forecast, lead).

    Attributes
    ----------
    scenes
        1 where any pixel was observed.
    area_absolute, area_signed
        Absolute value and value of snow-covered area in the forecast − in the truth over observed pixels, km².
    lines
        1 where the truth has a snow line.
    line_absolute, line_signed
        Absolute value and value of its altitude in the forecast − in the truth, m.
    """

    scenes: np.ndarray
    area_absolute: np.ndarray
    area_signed: np.ndarray
    lines: np.ndarray
    line_absolute: np.ndarray
    line_signed: np.ndarray

    @classmethod
    def of(
        cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, strata: StratumSums, pixel_km2: float, bands: Bands | None
    ) -> SnowSums:
        """Return the errors of forecasts (forecast, lead, y, x) of NDSI, whose snow masks `strata` has counted.

        Snow lines are those of the same observed pixels. Scenes of which the truth has no line (all snow, or none) are left out; where only
        the forecast has none, its line is the lower, or the upper, end of the terrain. Without elevation `bands` there are no lines.
        """
        more = (strata.false_alarms - strata.misses).sum(axis=2) * pixel_km2
        scenes = ((strata.hits + strata.misses + strata.false_alarms + strata.rejections).sum(axis=2) > 0).astype("float64")
        there, error = np.zeros(truth.shape[:2]), np.zeros(truth.shape[:2])
        if bands is not None:
            for at in np.ndindex(truth.shape[:2]):
                there[at], error[at] = _line_error(forecast[at], truth[at], weight[at], bands)
        return cls(scenes, np.abs(more), more, there, np.abs(error), error)

    def area_error(self, lead: int | None = None) -> np.ndarray:
        """Return the mean absolute error of a scene's snow-covered area, km² (forecast,), at one lead (0-based) or over all."""
        return ratio(over_leads(self.area_absolute, lead), over_leads(self.scenes, lead))

    def area_bias(self, lead: int | None = None) -> np.ndarray:
        """Return the mean error of a scene's snow-covered area, as `area_error`: above 0 for too much snow."""
        return ratio(over_leads(self.area_signed, lead), over_leads(self.scenes, lead))

    def line_error(self, lead: int | None = None) -> np.ndarray:
        """Return the mean absolute error of the snow line's altitude, m, as `area_error`; NaN where no scene has a line."""
        return ratio(over_leads(self.line_absolute, lead), over_leads(self.lines, lead))

    def line_bias(self, lead: int | None = None) -> np.ndarray:
        """Return the mean error of the snow line's altitude, m, as `line_error`: above 0 for a line too high."""
        return ratio(over_leads(self.line_signed, lead), over_leads(self.lines, lead))


def snow_line(seen: np.ndarray, snow: np.ndarray, lowest: float = 0) -> tuple[float, bool]:
    """Return the altitude at which the snow-covered share crosses 0.5 upwards, m, and whether it does.

    Shares are interpolated linearly between the middles of elevation bands, of which those with less than 20 pixels are left out. Of
    several crossings the one with the least snow below and bare ground above counts, and the ends of the terrain (all snow, or none)
    compete with them: where an end wins, there is no crossing and the altitude is that end's.

    Parameters
    ----------
    seen, snow
        Observed pixels, and those with snow, of bands of 100 m from `lowest` upwards, (band,).

    References
    ----------
    Krajčí, Holko, Perdigão & Parajka (2014): estimation of regional snowline elevation from MODIS images, J. Hydrology 519, eq. 1.
    """
    used = np.flatnonzero(seen >= FEWEST)
    if not used.size:
        return float("nan"), False
    covered, share = snow[used], snow[used] / seen[used]
    below = np.concatenate([[0], np.cumsum(covered)])  # snow under each edge between bands, the two ends included
    above = np.concatenate([np.cumsum((seen[used] - covered)[::-1])[::-1], [0]])
    crossed = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5)) + 1
    edges = np.concatenate([crossed, [0, used.size]])
    edge = int(edges[np.argmin((below + above)[edges])])
    if edge in (0, used.size):
        return lowest + BAND * float(used[0] if edge == 0 else used[-1] + 1), False
    low, high = used[edge - 1 : edge + 1]
    part = (0.5 - share[edge - 1]) / (share[edge] - share[edge - 1])
    return lowest + BAND * float(low + 0.5 + part * (high - low)), True


def _line_error(forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, bands: Bands) -> tuple[float, float]:
    """Return 1 and the error of a frame's snow line (y, x), or 0 and 0 where the truth has none."""
    from glaciercast.stats import tally_kernels as kernels

    counts = np.zeros((int(bands.number.max()) + 1, 3))
    kernels.band_counts(forecast, truth, weight, bands.number, SNOW, counts)
    known, crosses = snow_line(counts[:, 0], counts[:, 2], bands.lowest)
    return (1.0, snow_line(counts[:, 0], counts[:, 1], bands.lowest)[0] - known) if crosses else (0.0, 0.0)
