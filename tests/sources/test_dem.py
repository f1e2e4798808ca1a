"""Terrain by value: tilted planes have their slope and aspect, tiles meet without a seam, the simulated terrain comes back."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.sources import dem, stac
from glaciercast.sources.access import Reader
from glaciercast.sources.fetch import Fetcher
from glaciercast.sources.scene import RawBand

SECOND = 1 / 3600
CENTRAL = GeoBox.from_bbox((499_400, 4_000_000, 500_600, 4_001_200), "EPSG:32643", resolution=30)  # on the central meridian
EAST = GeoBox.from_bbox((699_400, 4_000_000, 700_600, 4_001_200), "EPSG:32643", resolution=30)


def plane(geobox, slope, aspect):
    """Return a plane that descends by `slope` degrees towards `aspect`, degrees clockwise from the grid's north."""
    rows, columns = np.indices(geobox.shape)
    x, y = geobox.affine * (columns + 0.5, rows + 0.5)
    return height(x, y, slope, aspect)


def height(x, y, slope, aspect):
    direction = np.radians(aspect)
    return 4000 - np.tan(np.radians(slope)) * ((x - 500_000) * np.sin(direction) + (y - 4_000_000) * np.cos(direction))


@pytest.mark.parametrize("slope", [0.5, 30.0, 70.0])
@pytest.mark.parametrize("aspect", [0.0, 45.0, 90.0, 180.0, 225.0, 270.0, 359.0])
def test_a_tilted_plane_has_its_slope_and_aspect(slope, aspect):
    found_slope, found_aspect = dem.slope_aspect(plane(CENTRAL, slope, aspect), CENTRAL)
    inner = (slice(1, -1),) * 2
    np.testing.assert_allclose(found_slope[inner], slope, atol=1e-6)
    turned = (found_aspect[inner] - aspect + 180) % 360 - 180
    assert np.abs(turned).max() < 0.005  # 600 m from the central meridian north is 0.004° off
    assert np.isnan(found_slope[0]).all() and np.isnan(found_slope[:, -1]).all()


def test_level_ground_has_no_slope_and_aspect_zero():
    slope, aspect = dem.slope_aspect(np.full(CENTRAL.shape, 2605.0), CENTRAL)
    assert (slope[1:-1, 1:-1] == 0).all() and (aspect[1:-1, 1:-1] == 0).all()


def test_weights_are_those_of_horn():
    z = np.array([[1.0, 2.0, 4.0], [0.0, 9.0, 3.0], [5.0, 1.0, 2.0]])
    box = GeoBox.from_bbox((499_955, 4_000_000, 500_045, 4_000_090), "EPSG:32643", resolution=30, anchor="floating")
    slope, aspect = dem.slope_aspect(z, box)
    east, north = ((4 + 2 * 3 + 2) - (1 + 0 + 5)) / 240, ((1 + 2 * 2 + 4) - (5 + 2 * 1 + 2)) / 240
    assert slope[1, 1] == pytest.approx(np.degrees(np.arctan(np.hypot(east, north))))
    assert aspect[1, 1] == pytest.approx(np.degrees(np.arctan2(-east, -north)) % 360, abs=1e-3)


def test_an_unknown_elevation_makes_its_neighbours_slopes_unknown():
    z = plane(CENTRAL, 10, 90)
    z[10, 10] = np.nan
    slope, _ = dem.slope_aspect(z, CENTRAL)
    unknown = np.isnan(slope[1:-1, 1:-1])
    assert unknown.sum() == 8 and unknown[8:11, 8:11].sum() == 8  # its own slope needs no centre
    assert slope[10, 10] == pytest.approx(10)


@pytest.mark.parametrize(
    ("crs", "box"),
    [
        ("EPSG:32643", (699_400, 4_000_000, 701_400, 4_001_200)),
        ("EPSG:32743", (299_400, 6_000_000, 301_400, 6_001_200)),
        ("EPSG:3413", (-200_000, -2_200_000, -198_000, -2_198_000)),
        ("EPSG:3031", (-1_600_000, 300_000, -1_598_000, 302_000)),
    ],
)
def test_directions_are_from_true_north(crs, box):
    geobox = GeoBox.from_bbox(box, crs, resolution=30)
    angle = dem.convergence(geobox)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    for row, column in ((0, 0), (17, 40), (geobox.shape[0] - 1, geobox.shape[1] - 1)):
        x, y = geobox.affine * (column + 0.5, row + 0.5)
        (lon0, lat0), (lon1, lat1) = to_degrees.transform(x, y), to_degrees.transform(x, y + 10)
        azimuth, _, _ = Geod(ellps="WGS84").inv(lon0, lat0, lon1, lat1)
        assert (angle[row, column] - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=2e-3)
    _, aspect = dem.slope_aspect(plane(geobox, 20, 90), geobox)
    np.testing.assert_allclose(aspect[1:-1, 1:-1], (90 + angle[1:-1, 1:-1]) % 360, atol=1e-3)


def tile(lon_step, top, left, rows, columns, value):
    """Return a part of a tile with values of a function of longitude and latitude."""
    geobox = GeoBox((rows, columns), Affine(lon_step, 0, left, 0, -SECOND, top), "EPSG:4326")
    lon, lat = np.meshgrid(geobox.coordinates["longitude"].values, geobox.coordinates["latitude"].values)
    return RawBand(value(lon, lat).astype(np.float32), geobox, None, None, None)


def test_tiles_of_one_lattice_are_copied_into_one():
    def value(lon, lat):
        return np.round(lon * 3600) * 7 + np.round(lat * 3600) * 3 - 2_000_000

    north = tile(SECOND, 33 + SECOND / 2, 77 - SECOND / 2, 3600, 5, value)
    upper, lower = north.values[3590:], tile(SECOND, 32 + SECOND / 2, 77 - SECOND / 2, 10, 5, value)
    part = RawBand(upper, north.geobox[3590:], None, None, None)
    for bands in ([part, lower], [lower, part]):
        merged, geobox = dem.mosaic(bands)
        assert geobox.shape == (20, 5)
        np.testing.assert_array_equal(merged, np.concatenate([upper, lower.values]))
        assert geobox.affine.f == pytest.approx(part.geobox.affine.f, abs=1e-12)


def test_tiles_of_two_spacings_meet_without_a_seam():
    def value(lon, lat):
        return 1000 * lon + 500 * (lat - 50)

    north = tile(1.5 * SECOND, 50 + 20 * SECOND + SECOND / 2, 8 - 0.75 * SECOND, 20, 60, value)  # last row's centre: 50° + 1″
    south = tile(SECOND, 50 + SECOND / 2, 8 - SECOND / 2, 20, 90, value)  # first row's centre: 50°
    merged, geobox = dem.mosaic([north, south])
    assert geobox.shape == (40, 91) and geobox.resolution.x == pytest.approx(SECOND)
    lon, lat = np.meshgrid(geobox.coordinates["longitude"].values, geobox.coordinates["latitude"].values)
    assert np.isfinite(merged[:, 1:]).all()  # the first column belongs to the north alone
    np.testing.assert_allclose(merged[:, 2:-2], value(lon, lat)[:, 2:-2], atol=2e-3)
    np.testing.assert_array_equal(merged[20:, 1:], south.values)


def test_no_data_stays_no_data():
    band = tile(SECOND, 32, 77, 4, 4, lambda lon, lat: 0 * lon + 5)
    band.values[1, 1] = -9999
    merged, _ = dem.mosaic([band._replace(nodata=-9999)])
    assert np.isnan(merged[1, 1]) and np.isfinite(merged).sum() == 15
    merged, _ = dem.mosaic([band._replace(scale=0.1, offset=2.0, nodata=-9999)])
    assert merged[0, 0] == pytest.approx(2.5)


def written(folder, name, geobox, slope, aspect):
    """Write a part of a tile as a file, the height being a plane in UTM, and return its STAC item."""
    import pystac

    lon, lat = np.meshgrid(geobox.coordinates["longitude"].values, geobox.coordinates["latitude"].values)
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32643", always_xy=True).transform(lon, lat)
    rows, columns = geobox.shape
    path = folder / f"{name}.tif"
    profile = {"driver": "GTiff", "height": rows, "width": columns, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "tiled": True}
    with rasterio.open(path, "w", transform=geobox.affine, compress="deflate", blockxsize=128, blockysize=128, **profile) as file:
        file.write(height(x, y, slope, aspect).astype(np.float32), 1)
    w, s, e, n = geobox.boundingbox.bbox
    shape = {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": dem.COLLECTION, "bbox": [w, s, e, n], "geometry": shape,
        "properties": {"datetime": "2021-04-22T00:00:00Z"}, "links": [], "assets": {"data": {"href": f"./{name}.tif"}},
    }  # fmt: skip
    return pystac.Item.from_dict(item, href=str(folder / f"{name}.json"), migrate=False)


@pytest.mark.parametrize("aspect", [200.0, 20.0])
def test_a_plane_over_two_tiles_is_a_plane(tmp_path, aspect):
    target = GeoBox.from_bbox((500_015, 3_539_000, 503_000, 3_542_000), "EPSG:32643", resolution=30, anchor="centre")  # 32° N is inside
    south = GeoBox((300, 500), Affine(SECOND, 0, 75 - 100.5 * SECOND, 0, -SECOND, 32 + SECOND / 2), "EPSG:4326")
    north = GeoBox((300, 500), Affine(SECOND, 0, 75 - 100.5 * SECOND, 0, -SECOND, 32 + 300 * SECOND + SECOND / 2), "EPSG:4326")
    items = [written(tmp_path, name, box, 25, aspect) for name, box in (("south", south), ("north", north))]
    far = GeoBox((10, 10), Affine(SECOND, 0, 80, 0, -SECOND, 40), "EPSG:4326")
    items.append(written(tmp_path, "far", far, 25, aspect))
    with Reader() as reader:
        arrays, facts = dem.read(items, target, Fetcher(reader))
        assert dem.terrain(items, target, Fetcher(reader)).keys() == arrays.keys() == {"elevation", "slope", "aspect"}
    assert {fact["item"] for fact in facts} == {"south", "north"} and all(len(fact["xxh128"]) == 32 for fact in facts)
    assert all(array.shape == tuple(target.shape) and array.dtype == np.float32 for array in arrays.values())
    np.testing.assert_allclose(arrays["elevation"], plane(target, 25, aspect), atol=0.3)  # GDAL: 0.01 pixels of 30 m at 25° are 0.14 m
    np.testing.assert_allclose(arrays["slope"], 25, atol=0.25)  # to the very edge of the grid, and across the seam
    assert np.abs(arrays["slope"] - 25).mean() < 0.03
    turned = (arrays["aspect"] - aspect - dem.convergence(target) + 180) % 360 - 180
    assert np.abs(turned).max() < 0.5


def test_no_tile_is_an_error(tmp_path):
    far = GeoBox((10, 10), Affine(SECOND, 0, 80, 0, -SECOND, 40), "EPSG:4326")
    with Reader() as reader, pytest.raises(InputError, match="expected tiles that meet the grid, found none among 1"):
        dem.read([written(tmp_path, "far", far, 5, 0)], CENTRAL, Fetcher(reader))


def test_the_simulated_terrain_comes_back(archive):
    import xarray as xr

    with xr.open_dataset(archive / "truth" / "world.nc", decode_coords="all") as world:
        truth, whole = world["elevation"].values, grid.of(world, "world")
    inner = (slice(16, -16),) * 2
    target = grid.with_code(whole)[inner]
    with Reader() as reader:
        items = dem.find(stac.Catalogue(str(archive / "archive"), reader), target)
        arrays, facts = dem.read(items, target, Fetcher(reader))
    assert [fact["item"] for fact in facts] == ["Copernicus_DSM_COG_10_N36_00_E074_00_DEM"]
    error = arrays["elevation"] - truth[inner]
    assert np.median(np.abs(error)) < 2.5 and np.sqrt(np.mean(error**2)) < 4  # the product's own error: 2 m; ridges are cut twice
    north, east = (part[inner] / 30 for part in np.gradient(truth, axis=(0, 1)))
    shift = np.linalg.lstsq(np.stack([np.ones(error.size), east.ravel(), -north.ravel()], axis=1), error.ravel(), rcond=None)[0]
    assert np.abs(shift[1:]).max() < 2.0  # metres: a wrong half pixel would be 15
    slope, aspect = (values[inner] for values in dem.slope_aspect(truth, whole))
    assert np.median(np.abs(arrays["slope"] - slope)) < 1.5  # 1.2 m of noise at 30 m are about 1°
    steep = slope > 15
    turned = (arrays["aspect"] - aspect + 180) % 360 - 180
    assert np.median(np.abs(turned[steep])) < 3
