"""The scenes themselves, in false colour: what the satellite saw through the seasons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glaciercast import grid, store
from glaciercast.errors import InputError
from glaciercast.report import style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

COMPOSITE = ("swir16", "nir", "green")  # shown as red, green, blue
SHOWN = 6
GAMMA = 0.7
"""Below 1: rock and forest, which reflect a fifth of what snow does, stay apart from each other."""
LARGEST_SIDE = 700
"""Pixels along the longer side of a map; more would not be seen in print."""
GROUNDS = {
    "snow": (0.07, 0.70, 0.85),
    "bare ice": (0.04, 0.25, 0.42),
    "cloud": (0.70, 0.75, 0.75),
    "rock": (0.30, 0.22, 0.15),
    "vegetation": (0.16, 0.35, 0.06),
}
"""Typical reflectances of the composite's bands, for the legend."""
DIM = 0.6
"""Reflectance that is never shown at full brightness: a scene without snow would look overexposed."""


def of_cube(path: Path) -> tuple[Figure, str] | None:
    """Return figure and caption of a cube's optical scenes; None where no product has all bands of the composite."""
    cube = store.open_cube(path)
    for name, product in store.optical_products(cube):
        if all(band in product for band in COMPOSITE):
            clear = _clear_fractions(store.locate(path), f"/optical/{name}")
            return season_scenes(product, clear), _caption(product, clear)
    return None


@style.styled
def season_scenes(product: xr.Dataset, clear: ArrayLike) -> Figure:
    """Draw the best-observed scenes of a year's seasons in false colour, all under one stretch.

    Parameters
    ----------
    product
        A group of ``/optical``: reflectance ``swir16``, ``nir`` and ``green`` (time, y, x) with its CRS; NaN is hatched.
    clear
        Share of each scene's pixels that is clear, (time,), 0..1.

    Raises
    ------
    InputError
        If the product holds no scene, or `clear` does not have one value a scene.
    """
    shares = np.asarray(clear, dtype=np.float64)
    chosen = choose(product.time.values, shares)
    step = max(1, -(-max(product.sizes["y"], product.sizes["x"]) // LARGEST_SIDE))
    extent = _extent_km(product, step)
    thinned = product[list(COMPOSITE)].isel(time=chosen, y=slice(None, None, step), x=slice(None, None, step))
    reflectance = np.stack([np.asarray(thinned[band].values, dtype=np.float64) for band in COMPOSITE], axis=-1)
    brightest = white_point(reflectance)
    images = false_colour(reflectance, brightest)

    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    height = float(np.clip(2.7 * (extent[3] - extent[2]) / (extent[1] - extent[0]), 1.4, 4.0))
    figure = style.new_figure(2.9 * columns + 0.7, (height + 0.5) * rows + 1.0, layout="compressed")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(chosen) :]:
        axis.set_visible(False)
    for axis, image, index in zip(axes.flat, images, chosen, strict=False):
        style.hatch_background(axis)
        axis.imshow(image, extent=extent, interpolation="nearest", origin="upper")
        axis.set_xlim(*extent[:2])
        axis.set_ylim(*extent[2:])
        axis.set_title(f"{_date(product, index)}\n{100 * shares[index]:.0f} % clear", fontsize=9)
        axis.locator_params(nbins=3)
        axis.tick_params(labelsize=7, length=2)
    for axis in axes[-1]:
        axis.set_xlabel("Easting (km)", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("Northing (km)", fontsize=8)
    figure.suptitle("What the satellite saw through the seasons (false colour)", fontsize=11, x=0.01, ha="left")
    figure.legend(handles=_keys(brightest), loc="outside lower left", ncols=6, handlelength=1.2, columnspacing=1.4)
    return figure


def choose(time: NDArray[np.datetime64], clear: NDArray[np.float64], count: int = SHOWN) -> list[int]:
    """Return the indices of `count` scenes in the order of the calendar: the clearest of each of `count` equal parts of the year.

    Where a part of the year has no scene, the clearest of the others steps in.

    Raises
    ------
    InputError
        If there is no scene, or `clear` does not have one value a scene.
    """
    if time.size == 0 or clear.shape != time.shape:
        raise InputError(f"scenes: expected one clear share a scene and at least one scene, found {clear.size} for {time.size}")
    month = time.astype("datetime64[M]").astype("int64") % 12
    clearest = [int(index) for index in np.argsort(-clear, kind="stable")]
    chosen = [next((index for index in clearest if month[index] * count // 12 == part), None) for part in range(count)]
    picked = [index for index in chosen if index is not None]
    picked += [index for index in clearest if index not in picked][: count - len(picked)]
    day = (time - time.astype("datetime64[Y]")).astype("timedelta64[D]").astype("int64")
    return sorted(picked, key=lambda index: (day[index], index))


def white_point(reflectance: NDArray[np.float64]) -> float:
    """Return the reflectance shown as full brightness: what 2 % of all finite values exceed, but `DIM` at least."""
    finite = reflectance[np.isfinite(reflectance)]
    return max(DIM, float(np.percentile(finite, 98))) if finite.size else DIM


def false_colour(reflectance: NDArray[np.float64], brightest: float) -> NDArray[np.float64]:
    """Return colours (…, 4) of reflectances (…, 3), 0 to `brightest` on a scale bent by `GAMMA`; transparent where a band is missing."""
    seen = np.isfinite(reflectance).all(axis=-1, keepdims=True)
    colours = np.clip(np.where(seen, reflectance, 0.0) / brightest, 0, 1) ** GAMMA
    return np.concatenate([colours, seen], axis=-1)


def _caption(product: xr.Dataset, clear: Sequence[float]) -> str:
    sensor = str(product.sensor.values[0])
    return (
        f"Scenes of {sensor}: of the {len(clear)} there are, the clearest of every two months of the year, whichever the year. Shortwave "
        "infrared, near infrared and green are shown as red, green and blue, all scenes on one scale: snow is turquoise, bare ice a deeper "
        "blue, clouds white, rock brown, vegetation green, shadows and water dark. Clear is the share of pixels that the product's own "
        "mask keeps; what it drops is drawn all the same. Hatched pixels hold no data."
    )


def _clear_fractions(cube: Path, group: str) -> list[float]:
    """Return the clear share of each scene in order, as noted when the cube was built."""
    kept = {
        int(entry["step"]): float(entry["clear_fraction"])
        for entry in store.read_manifest(cube)
        if entry["group"] == group and entry["kind"] == "region"
    }
    return [kept[step] for step in sorted(kept)]


def _extent_km(product: xr.Dataset, step: int) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of the map, whose every pixel stands for `step` × `step` of the scene's."""
    geobox = grid.of(product, "scenes")
    rows, columns = (-(-size // step) * step for size in geobox.shape)
    left, top = geobox.boundingbox.left, geobox.boundingbox.top
    right, bottom = left + columns * abs(geobox.resolution.x), top - rows * abs(geobox.resolution.y)
    return left / 1000, right / 1000, bottom / 1000, top / 1000


def _date(product: xr.Dataset, index: int) -> str:
    import pandas as pd

    moment = pd.Timestamp(product.time.values[index])
    return f"{moment.day} {moment:%B %Y}"


def _keys(brightest: float) -> list[Any]:
    from matplotlib.patches import Patch

    patches = []
    for words, reflectance in GROUNDS.items():
        red, green, blue, _ = (float(part) for part in false_colour(np.array(reflectance), brightest))
        patches.append(Patch(facecolor=(red, green, blue), edgecolor="black", linewidth=0.5, label=words))
    return [*patches, style.hatch_key("no data")]
