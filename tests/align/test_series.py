"""The aligned series is regular, says what was observed and never looks ahead."""

import numpy as np
import pytest
import zarr

from glaciercast import store
from glaciercast.align.series import AlignConfig, align
from glaciercast.cube.build import build_optical
from glaciercast.errors import GlaciercastError, InputError
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
    assert align(path, AlignConfig(fill_radius=None))["steps_with_data"] == 2
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
    assert aligned(path).attrs["cadence"] == "QS" and store.verify(path) == 6 * 3 + 2 * 2


def test_pixels_never_seen_stay_nan_until_they_are(scenes, cube):
    hidden = np.ones(scenes.shape, "uint16")
    hidden[:, 8:] = 0
    scenes.add("20200105", 0.2, hidden)
    scenes.add("20200205", 0.4)
    path = cube()
    align(path, AlignConfig(fill_radius=2))
    values = aligned(path).ndsi.values
    assert np.isnan(values[0, 0, 15]) and values[0, 0, 8] == pytest.approx(0.2, abs=1e-4) and np.isfinite(values[1]).all()


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
    for date, mask in (("20201015", 1), ("20210315", half), ("20210415", 1)):
        scenes.add(date, 0.4, mask, crs="EPSG:32622", origin=(500000.0, 7670000.0))  # Jakobshavn, 69 N
    path = cube()
    assert align(path, AlignConfig(fill_radius=0))["dark_steps"] == 4
    made = aligned(path)
    np.testing.assert_allclose(made.ndsi.values[[0, -1]], 0.4, atol=1e-4)
    assert np.isnan(made.ndsi.values[1:5]).all()  # November to February
    assert np.isnan(made.ndsi.values[5, :, 8:]).all() and not np.isnan(made.ndsi.values[5, :, :8]).any()  # October is not March's past


def test_one_of_several_products_has_to_be_named(scenes, cube):
    scenes.add("20200105", 0.2)
    path = cube()
    build_optical(recipe.read(scenes.save(product="other")), path)
    with pytest.raises(InputError, match="has several products under /optical; name one with --product: other, rasters"):
        align(path, AlignConfig())
    with pytest.raises(InputError, match=r"unknown product 'othr' \(did you mean 'other'\?\)"):
        align(path, AlignConfig(product="othr"))
    assert align(path, AlignConfig(product="other"))["product"] == "other"
