"""What every way to ``/optical/<product>`` shares: coordinates, and writing scene by scene so that a killed build goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid, store
from glaciercast.errors import InputError
from glaciercast.progress import note, track
from glaciercast.sources.scene import SceneRef, Sun

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def coordinates(
    refs: Sequence[SceneRef],
    sensors: Sequence[str],
    geobox: GeoBox,
    latency: str | pd.Timedelta,
    attributes: Mapping[str, Any],
    suns: Sequence[Sun | None] = (),
) -> xr.Dataset:
    """Return coordinates, 1-D variables and attributes of an optical group; `latency` is the time until a user can have a scene."""
    times = pd.DatetimeIndex([ref.time for ref in refs]).ceil("s").to_numpy("datetime64[ns]")  # cubes keep seconds
    unknown_shift = np.full(times.size, np.nan, "float32")
    dataset = xr.Dataset(
        {
            "scene_id": ("time", np.array([ref.scene_id for ref in refs], dtype=object)),
            "sensor": ("time", np.array(sensors, dtype=object)),
            "shift_x": ("time", unknown_shift),
            "shift_y": ("time", unknown_shift),
            "available_at": ("time", times + pd.Timedelta(latency).to_timedelta64()),
        },
        coords={**grid.coordinates(geobox), "time": ("time", times, {"standard_name": "time", "axis": "T"})},
        attrs=dict(attributes),
    )
    if any(suns):
        for name in ("elevation", "azimuth"):
            angles = [np.nan if sun is None else getattr(sun, name) for sun in suns]
            dataset[f"sun_{name}"] = ("time", np.array(angles, "float32"))
    return dataset


def write(
    writer: store.RegionWriter, coords: xr.Dataset, variables: Mapping[str, Any], refs: Sequence[Any], put: Callable[[int, Any], None]
) -> tuple[list[dict[str, Any]], int]:
    """Write every scene that is not there yet: ``put(step, ref)`` writes one, and its line with ``clear_fraction`` to the manifest.

    Returns
    -------
    entries, resumed_at
        The manifest's entries in order of the scenes, and how many an earlier run had written.

    Raises
    ------
    InputError
        If no scene has a clear pixel.
    """
    resumed_at = len(writer.done)
    if resumed_at and not writer.complete:
        note(f"{writer.path}: {resumed_at} of {len(refs)} scenes of {writer.group} are there; going on")
    writer.begin(coords, variables)
    for step, ref in enumerate(track(refs, f"Writing {writer.group}")):
        if step not in writer.done:
            put(step, ref)
    if not any(entry["clear_fraction"] for entry in writer.done.values()):
        raise InputError(f"{writer.group}: none of the {len(refs)} scenes has a clear pixel under the mask")
    writer.end()
    return [writer.done[step] for step in range(len(refs))], resumed_at
