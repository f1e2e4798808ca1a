"""The aligned series is regular, says what was observed and never looks ahead."""

import numpy as np
import pytest
import rasterio
import zarr

from glaciercast import store
from glaciercast.align.series import align
from glaciercast.align.settings import AlignConfig
from glaciercast.cube.build import build_optical
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.patches import series
from glaciercast.sources import recipe


@pytest.fixture
def cube(scenes, tmp_path):
    def make(name="cube.zarr"):
        build_optical(recipe.read(scenes.save()), tmp_path / name)
        return tmp_path / name

    return make


def aligned(path):
    return store.open_cube(path)["aligned"].to_dataset().load()


def test_monthly_means_with_a_month_that_no_scene_saw(scenes, cube):
    half = np.ones(scenes.shape, "uint16")
    half[:, 8:] = 0
    for date, value, mask in (("20200105", 0.2, 1), ("20200125", 0.4, half), ("20200310", 0.6, 1)):
        scenes.add(date, value, mask)
    path = cube()
    assert align(path, AlignConfig())["steps_with_data"] == 2
    made = aligned(path)
    assert [str(time)[:10] for time in made.time.values] == ["2020-01-01", "2020-02-01", "2020-03-01"]
    np.testing.assert_allclose(made.ndsi.values[:, 0, [0, 15]], [[0.3, 0.2], [0.3, 0.2], [0.6, 0.6]], atol=1e-4)
    np.testing.assert_array_equal(made.ndsi_observed.values[:, 0, 0], [1, 0, 1])
    assert [str(time)[:10] for time in made.available_at.values] == ["2020-02-01", "2020-03-01", "2020-04-01"]
    assert made.attrs["steps_per_year"] == 12


def test_a_step_is_there_when_its_last_scene_is(scenes, cube):
    scenes.keys["latency"] = "16D"
    scenes.add("20200105")
    scenes.add("20200125")
    path = cube()
    align(path, AlignConfig())
    assert str(aligned(path).available_at.values[0])[:10] == "2020-02-10"


def test_a_step_that_carries_another_forward_is_not_there_before_it(scenes, cube):
    scenes.keys["latency"] = "75D"
    scenes.add("20200105")
    scenes.add("20200310")
    path = cube()
    align(path, AlignConfig())
    available = aligned(path).available_at.values
    assert str(available[0])[:10] == "2020-03-20" and available[1] == available[0] and (np.diff(available) >= np.timedelta64(0)).all()


def test_a_chunk_that_is_lost_is_found_and_not_read_as_nan(scenes, cube):
    scenes.add_months(3)
    path = cube()
    chunk = path / "optical" / "rasters" / "swir16" / "c" / "1" / "0" / "0"
    chunk.unlink()
    with pytest.raises(GlaciercastError, match=r"/optical/rasters/swir16: step 1 differs"):
        align(path, AlignConfig())


def test_replacing_an_alignment(scenes, cube):
    scenes.add_months(6)
    path = cube()
    align(path, AlignConfig())
    assert align(path, AlignConfig(cadence="QS"), replace=True)["steps"] == 2
    assert aligned(path).attrs["cadence"] == "QS" and store.verify(path) == 6 * 3 + 2 * 3


def test_what_no_scene_saw_is_filled_from_beside_and_from_the_past_and_says_so(scenes, cube):
    hidden = np.ones(scenes.shape, "uint16")
    hidden[:, 8:] = 0
    scenes.add("20200105", 0.2, hidden)
    scenes.add("20200205", np.where(np.arange(16) < 8, 0.2, 0.6))
    scenes.add("20200405", 0.2)
    path = cube()
    align(path, AlignConfig())
    made = aligned(path)
    np.testing.assert_allclose(made.ndsi.values[0], 0.2, atol=1e-4)  # nothing is known of the right half yet
    np.testing.assert_allclose(made.ndsi.values[2, 8, [0, 15]], [0.2, 0.6], atol=1e-4)  # March remembers February
    np.testing.assert_array_equal(made.ndsi_observed.values[:, 8, [0, 15]], [[1, 0], [1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(made.clear_count.values[:, 8, [0, 15]], [[1, 0], [1, 1], [0, 0], [1, 1]])


def test_gaps_may_stay(scenes, cube):
    half = np.ones(scenes.shape, "uint16")
    half[:, 8:] = 0
    scenes.add("20200105", 0.2, half)
    scenes.add("20200305", 0.4)
    path = cube()
    align(path, AlignConfig(fill=False))
    values = aligned(path).ndsi.values
    assert np.isnan(values[0, :, 8:]).all() and np.isnan(values[1]).all() and np.isfinite(values[2]).all()


def test_two_sided_filling_is_linear_in_time_and_no_model_takes_it(scenes, cube, tmp_path):
    half = np.ones(scenes.shape, "uint16")
    half[:, 8:] = 0
    for date, value, mask in (("20200105", 0.0, 1), ("20200205", 0.3, half), ("20200401", 0.6, 1)):
        scenes.add(date, value, mask)
    path = cube()
    align(path, AlignConfig(sides="two_sided"))
    made = aligned(path)
    share = np.array([31, 60]) / 91  # days of the beginning of February and March, of those to April
    np.testing.assert_allclose(made.ndsi.values[1:3, 0, 15], 0.6 * share, atol=1e-4)
    np.testing.assert_allclose(made.ndsi.values[1:3, 0, 0], [0.3, 0.3 + 0.3 * 29 / 60], atol=1e-4)
    np.testing.assert_array_equal(made.ndsi_observed.values[:, 0, 15], [1, 0, 0, 1])
    assert made.attrs["looks_ahead"] == 1 and (made.available_at.values == np.datetime64("2020-05-01")).all()
    with pytest.raises(InputError, match=r"/aligned was made from later steps"):
        series.load(path, tmp_path / "cache")


@pytest.mark.parametrize(("length", "expected"), [(2, [0.15, 0.8 / 3, 0.65, 0.85]), (3, [0.15, 0.8 / 3, 0.4, 2.2 / 3])])
def test_means_over_several_months_are_those_of_all_their_scenes(scenes, cube, length, expected):
    for date, value in (("20200105", 0.1), ("20200120", 0.2), ("20200205", 0.5), ("20200310", 0.8), ("20200401", 0.9)):
        scenes.add(date, value)
    path = cube()
    align(path, AlignConfig(length=length))
    made = aligned(path)
    np.testing.assert_allclose(made.ndsi.values[:, 0, 0], expected, atol=1e-4)
    assert made.attrs["composite_length"] == length
    running = ((0.15 + 0.5) / 2 + 0.8) / 2  # of January to March as published: (average + next)/2
    assert running == pytest.approx(0.5625)


def test_medians_and_weights_by_clear_share(scenes, cube):
    quarter = np.zeros(scenes.shape, "uint16")
    quarter[:8, :8] = 1
    for date, value, mask in (("20200105", 0.1, 1), ("20200115", 0.2, 1), ("20200125", 0.9, quarter)):
        scenes.add(date, value, mask)
    median, weighted = cube("median.zarr"), cube("weighted.zarr")
    align(median, AlignConfig(composite="median"))
    align(weighted, AlignConfig(weights="clear"))
    np.testing.assert_allclose(aligned(median).ndsi.values[0, [0, 15], [0, 15]], [0.2, 0.15], atol=1e-4)
    np.testing.assert_allclose(aligned(weighted).ndsi.values[0, 0, 0], (0.1 + 0.2 + 0.9 / 4) / 2.25, atol=1e-4)


def two_sensors(scenes, path, **changes):
    """Build Landsat scenes of NDSI 0.2 and Sentinel-2A ones of 0.4 in January and March."""
    for product, sensor, value in (("landsat", "Landsat 8 OLI/TIRS", 0.2), ("sentinel2", "Sentinel-2A MSI", 0.4)):
        for date in ("20200105", "20200305"):
            scenes.add(date, value, **(changes if product == "sentinel2" else {}))
        build_optical(recipe.read(scenes.save(product=product, sensor=sensor)), path)
    return path


def test_sentinel_2_is_brought_to_landsat_and_both_count(scenes, tmp_path):
    path = two_sensors(scenes, tmp_path / "cube.zarr")
    assert align(path, AlignConfig())["products"] == ["/optical/landsat", "/optical/sentinel2"]
    green, swir = 0.7 * 1.0053 - 0.0009, 0.3 * 0.9987 - 0.0011  # HLS v2.0 for Sentinel-2A
    made = aligned(path)
    np.testing.assert_allclose(made.ndsi.values[0], (0.2 + (green - swir) / (green + swir)) / 2, atol=1e-4)
    assert "Claverie et al. 2018" in made.attrs["comment"] and (made.clear_count.values[0] == 2).all()
    align(path, AlignConfig(bandpass=False), replace=True)
    np.testing.assert_allclose(aligned(path).ndsi.values[0], 0.3, atol=1e-4)
    align(path, AlignConfig(products=("sentinel2",)), replace=True)
    np.testing.assert_allclose(aligned(path).ndsi.values[0], 0.4, atol=1e-4)  # alone, it stays as it is


def test_a_medoid_is_the_index_of_an_observed_spectrum(scenes, tmp_path):
    path = two_sensors(scenes, tmp_path / "cube.zarr")
    align(path, AlignConfig(composite="medoid", bandpass=False))
    assert set(np.round(np.unique(aligned(path).ndsi.values[0]), 3)) == {np.float32(0.2)}  # equally near: the earlier, then by name


def test_an_observed_spectrum_without_an_index_is_not_observed(scenes, cube):
    values = np.full(scenes.shape, 0.2)
    values[0, 0] = -1.04  # green −0.02
    scenes.keys |= {"scale": 0.0001, "offset": -0.1}
    path = scenes.add("20200105", values)
    with rasterio.open(path, "r+") as file:
        bands = file.read()
        bands[:2] += 1000
        file.write(bands)
    made = cube()
    for how in ("mean", "median", "medoid"):
        align(made, AlignConfig(composite=how), replace=True)
        assert aligned(made).ndsi_observed.values[0, 0, 0] == 0 and aligned(made).ndsi_observed.values[0].sum() == 255


def test_a_window_is_dark_where_all_its_steps_are(scenes, cube):
    for date in ("20201015", "20210315"):
        scenes.add(date, 0.4, crs="EPSG:32622", origin=(500000.0, 7670000.0))  # Jakobshavn, 69 N
    path = cube()
    assert align(path, AlignConfig(length=3))["dark_steps"] == 2
    values = aligned(path).ndsi.values[:, 0, 0]
    np.testing.assert_allclose(values[[0, 1, 2, 5]], 0.4, atol=1e-4)  # November and December show October's scene, in their windows
    assert np.isnan(values[[3, 4]]).all()


def test_products_on_different_grids_are_refused(scenes, tmp_path):
    path = two_sensors(scenes, tmp_path / "cube.zarr", pixel=20.0)
    with pytest.raises(InputError, match=r"/optical/landsat is on .*30 m.*, /optical/sentinel2 on .*20 m.*; choose one with --product"):
        align(path, AlignConfig())
    with pytest.raises(InputError, match=r"unknown product 'landst' \(did you mean 'landsat'\?\)"):
        align(path, AlignConfig(products=("landst",)))
    assert align(path, AlignConfig(products=("landsat",)))["products"] == ["/optical/landsat"]


def test_corrupting_the_future_leaves_every_earlier_step_bit_for_bit(scenes, cube, tmp_path):
    scenes.add_months(8)
    before = cube("before.zarr")
    align(before, AlignConfig())
    for month in (6, 7, 8):
        scenes.add(f"2014{month:02d}15", -0.77, np.random.default_rng(month).integers(0, 2, scenes.shape))
    after = cube("after.zarr")
    align(after, AlignConfig())
    one, other = aligned(before), aligned(after)
    for name in ("ndsi", "ndsi_observed", "season_sin", "available_at"):
        np.testing.assert_array_equal(one[name].values[:5], other[name].values[:5])
    assert not np.array_equal(one.ndsi.values[5:], other.ndsi.values[5:])


def test_an_interrupted_alignment_goes_on_with_the_same_values(scenes, cube, monkeypatch):
    scenes.add_months(6)
    straight, broken = cube("straight.zarr"), cube("broken.zarr")
    align(straight, AlignConfig())
    write = store.RegionWriter.write

    def fails(self, step, *arguments, **facts):
        if step == 3:
            raise KeyboardInterrupt
        write(self, step, *arguments, **facts)

    monkeypatch.setattr(store.RegionWriter, "write", fails)
    with pytest.raises(KeyboardInterrupt):
        align(broken, AlignConfig())
    monkeypatch.undo()
    align(broken, AlignConfig())
    assert store.fingerprint(broken, "/aligned") == store.fingerprint(straight, "/aligned")


def test_aligning_again_with_other_settings_is_refused_and_changes_nothing(scenes, cube):
    scenes.add_months(3)
    path = cube()
    align(path, AlignConfig())
    kept = store.fingerprint(path, "/aligned")
    with pytest.raises(InputError, match="begun from other input or settings"):
        align(path, AlignConfig(cadence="QS"))
    assert store.fingerprint(path, "/aligned") == kept
    assert zarr.open_group(path, path="aligned")["ndsi"].shape[0] == 3


def test_polar_winter_stays_missing_and_nothing_is_carried_over_it(scenes, cube):
    half = np.ones(scenes.shape, "uint16")
    half[:, 8:] = 0
    for date, value, mask in (("20201015", 0.1, 1), ("20210315", 0.6, half), ("20210415", 0.6, 1)):
        scenes.add(date, value, mask, crs="EPSG:32622", origin=(500000.0, 7670000.0))  # Jakobshavn, 69 N
    path = cube()
    assert align(path, AlignConfig())["dark_steps"] == 4
    made = aligned(path)
    assert np.isnan(made.ndsi.values[1:5]).all()  # November to February
    np.testing.assert_allclose(made.ndsi.values[5], 0.6, atol=1e-4)  # its right half comes from its left; October is not March's past
    align(path, AlignConfig(sides="two_sided"), replace=True)
    values = aligned(path).ndsi.values
    assert np.isnan(values[1:5]).all() and np.isnan(values[5, :, 8:]).all()
