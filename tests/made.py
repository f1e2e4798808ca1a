"""Made scenes: small files with known reflectance, as a user would have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def write_tiff(
    path: Path, values: np.ndarray, *, crs: str | None = "EPSG:32643", origin=(500000.0, 4000000.0), pixel=30.0, nodata=None
) -> Path:
    """Write one or more bands (band, y, x) or (y, x) as a GeoTIFF."""
    import rasterio
    from rasterio.transform import from_origin

    bands = values if values.ndim == 3 else values[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
        crs=crs, transform=from_origin(*origin, pixel, pixel), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


class SceneFolder:
    """A folder of three-band scenes (green, swir16, mask) with known reflectance, and its recipe."""

    def __init__(self, folder: Path, shape: tuple[int, int] = (16, 16)) -> None:
        self.folder, self.shape = folder, shape
        self.recipe = folder / "scenes.yml"
        self.keys = {
            "name": "made", "title": "Made scenes", "files": "scene_{date:%Y%m%d}.tif", "bands": {"green": 1, "swir16": 2},
            "scale": 0.0001, "nodata": 0, "mask": {"band": 3, "clear": [1]},
        }  # fmt: skip

    def add(self, date: str, ndsi: float | np.ndarray = 0.5, mask: np.ndarray | int = 1, **tiff) -> Path:
        """Add a scene of constant or given NDSI: green + swir16 is 1."""
        values = np.broadcast_to(np.asarray(ndsi, "float64"), self.shape)
        green = np.rint(5000 * (1 + values))
        bands = np.stack([green, 10000 - green, np.broadcast_to(mask, self.shape)]).astype("uint16")
        return write_tiff(self.folder / f"scene_{date}.tif", bands, **tiff)

    def add_months(self, n_months: int, first: str = "2014-01") -> None:
        """Add one scene in the middle of each of `n_months` months."""
        import pandas as pd

        for number, month in enumerate(pd.period_range(first, periods=n_months, freq="M")):
            self.add(f"{month.year}{month.month:02d}15", seasonal_ndsi(number, self.shape))

    def save(self, **changes) -> Path:
        """Write the recipe."""
        import yaml

        self.recipe.write_text(yaml.safe_dump({**self.keys, **changes}), encoding="utf-8")
        return self.recipe


def seasonal_ndsi(month: int, shape=(16, 16)) -> np.ndarray:
    """Return a snow season: high in winter, low in summer, with a fixed pattern and a little weather."""
    rng = np.random.default_rng(month)
    rows = np.linspace(-0.1, 0.1, shape[0])[:, None]
    return np.clip(0.2 + 0.4 * np.cos(2 * np.pi * month / 12) + rows + 0.05 * rng.normal() + 0.02 * rng.normal(size=shape), -0.9, 0.9)


@pytest.fixture
def scenes(tmp_path: Path) -> SceneFolder:
    """Return an empty folder of made scenes."""
    return SceneFolder(tmp_path)
