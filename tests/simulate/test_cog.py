"""Cloud-optimised GeoTIFFs: what is written is read back, with the layout that the name promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from glaciercast.simulate.products import cog, packing


def grid(size: int, crs: str = "EPSG:32643", resolution: float = 30.0) -> GeoBox:
    return GeoBox.from_bbox((0, -size * resolution, size * resolution, 0), crs=crs, resolution=resolution)


@pytest.mark.parametrize(
    ("dtype", "nodata", "predictor"), [("uint16", 0, "2"), ("int16", -9999, "2"), ("uint8", 0, "2"), ("float32", None, "3")]
)
def test_values_grid_and_layout_survive(tmp_path: Path, dtype: str, nodata: int | None, predictor: str) -> None:
    values = np.random.default_rng(1).integers(0, 120, (600, 600)).astype(dtype)
    cog.write_cog(tmp_path / "band.tif", values, grid(600), nodata=nodata)
    with rasterio.open(tmp_path / "band.tif") as file:
        assert np.array_equal(file.read(1), values)
        assert file.dtypes == (dtype,) and file.nodata == nodata
        assert file.crs.to_epsg() == 32643 and file.transform == grid(600).affine
        assert file.overviews(1) == [2] and file.block_shapes == [(512, 512)]
        assert file.tags(ns="IMAGE_STRUCTURE") == {"LAYOUT": "COG", "COMPRESSION": "DEFLATE", "INTERLEAVE": "BAND", "PREDICTOR": predictor}
        assert file.scales == (1.0,) and file.offsets == (0.0,)
    assert [path.name for path in tmp_path.iterdir()] == ["band.tif"]


def test_overviews_average_values_and_sample_classes(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(1, 60_000, (600, 600)).astype(np.uint16)
    cog.write_cog(tmp_path / "values.tif", values, grid(600))
    cog.write_cog(tmp_path / "classes.tif", values, grid(600), categorical=True)
    with rasterio.open(tmp_path / "values.tif", overview_level=0) as file:
        assert np.abs(file.read(1) - values.reshape(300, 2, 300, 2).mean(axis=(1, 3))).max() <= 0.5
    with rasterio.open(tmp_path / "classes.tif", overview_level=0) as file:
        assert np.array_equal(file.read(1), values[::2, ::2])


def test_scale_and_offset_are_declared_when_given(tmp_path: Path) -> None:
    cog.write_cog(tmp_path / "lst.tif", np.ones((20, 20), np.uint16), grid(20), nodata=0, scale=0.02, offset=-3.0)
    with rasterio.open(tmp_path / "lst.tif") as file:
        assert file.scales == (0.02,) and file.offsets == (-3.0,) and file.nodata == 0


def test_a_sinusoidal_grid_keeps_its_crs(tmp_path: Path) -> None:
    sinusoidal = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
    cog.write_cog(tmp_path / "lst.tif", np.ones((20, 20), np.uint8), grid(20, sinusoidal, 926.625433))
    with rasterio.open(tmp_path / "lst.tif") as file:
        assert file.crs.to_dict()["proj"] == "sinu" and file.transform.a == pytest.approx(926.625433)


def test_a_wrong_shape_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shape"):
        cog.write_cog(tmp_path / "band.tif", np.ones((20, 21), np.uint8), grid(20))
    assert not list(tmp_path.iterdir())


def test_pack_rounds_clips_and_marks_what_is_missing() -> None:
    values = np.array([-0.3, -0.2, 0.0, 0.5, 1.7, np.nan], np.float32)
    packed = packing.pack(values, 2.75e-5, -0.2, dtype=np.uint16, nodata=0, limits=(1, 65535))
    assert packed.tolist() == [1, 1, 7273, 25455, 65535, 0]
    assert np.isnan(values[-1])
