"""What image matching finds in the simulated scenes: the velocity of the ice, rest beside it, and the geolocation error."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from tests.simulate.views import over, sampled, shift, visit

from glaciercast.simulate import render
from glaciercast.simulate.scene import Cover
from glaciercast.simulate.world import World


def red(world: World, when: str, **changes: object) -> np.ndarray:
    """Return the 10 m red band of a clear Sentinel-2 scene over the area."""
    seen = visit(when, product="sentinel2", platform="Sentinel-2A", tile="43SDA", **changes)
    return render.scene(world, seen, over(world.site, 20), over(world.site, 10)).bands["red"]


def detail(image: np.ndarray) -> np.ndarray:
    """Return what is finer than 60 m, relative to the brightness around it."""
    return np.log(image) - ndimage.gaussian_filter(np.log(image), 6)


def windows(size: int, step: int, keep: np.ndarray) -> list[tuple[slice, slice]]:
    """Return the windows that lie wholly in `keep`, 40 pixels from the edge."""
    rows, columns = (range(40, side - size - 40, step) for side in keep.shape)
    every = [(slice(row, row + size), slice(column, column + size)) for row in rows for column in columns]
    return [window for window in every if keep[window].all()]


def tracked(world: World, first: str, second: str, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return found and true displacement of windows on the ice, pixels of 10 m, (window, 2) east and north."""
    fine = over(world.site, 10)
    before, after = detail(red(world, first)), detail(red(world, second))
    moved = world.flow.origins(pd.Timestamp(first), pd.Timestamp(second), world.ice)
    moved = [sampled(part, world, fine) / 10 for part in moved]
    weight = np.outer(np.hanning(size), np.hanning(size))
    found, truth = [], []
    for window in windows(size, 6, sampled(world.glacier.margin, world, fine) > 0.02):
        real = [float((part[window] * weight).sum() / weight.sum()) for part in moved]
        east, north = round(real[0]), round(real[1])  # a tracker would find the whole pixels by a search
        there = after[window[0].start - north : window[0].stop - north, window[1].start + east : window[1].stop + east]
        rest = shift(before[window], there)
        found.append((east + rest[0], north + rest[1]))
        truth.append(real)
    return np.array(found), np.array(truth)


@pytest.mark.parametrize(
    ("first", "second", "most", "least"),
    [("2019-06-01T05:12", "2019-07-15T05:12", 0.10, 0.8), ("2019-01-10T05:12", "2020-01-10T05:12", 0.15, 6.0)],
    ids=["six weeks", "a year"],
)
def test_phase_correlation_recovers_the_motion_of_the_ice(bare, first, second, most, least):
    found, truth = tracked(bare, first, second)
    error = np.hypot(*(found - truth).T)
    assert len(error) > 40
    assert np.median(np.hypot(*truth.T)) > least
    assert np.median(error) < most
    np.testing.assert_allclose(np.median(found - truth, axis=0), 0, atol=0.08)


def test_the_ground_beside_the_ice_rests(bare, silent):
    before, after = (detail(red(bare, when)) for when in ("2019-06-01T05:12", "2019-07-15T05:12"))
    off = sampled(bare.glacier.margin, bare, over(bare.site, 10)) < -0.2
    shifts = np.array([np.hypot(*shift(before[window], after[window])) for window in windows(64, 32, off)])
    assert len(shifts) > 10
    assert np.median(shifts) < 0.02
    assert shifts.max() < 0.05


@pytest.mark.parametrize(("x", "y"), [(12.0, -7.0), (-4.0, 9.0)])
def test_a_geolocation_error_moves_the_whole_image(bare, silent, x, y):
    when = "2019-06-01T05:12"
    found = np.array(shift(detail(red(bare, when)), detail(red(bare, when, shift_x=x, shift_y=y))))
    np.testing.assert_allclose(found * 10, (x, y), atol=0.3)


def test_a_geolocation_error_of_whole_pixels_is_the_same_image_elsewhere(bare, silent):
    see = functools.partial(render.scene, bare, grid=bare.site, fine=None)
    right, moved = (see(overpass=visit("2019-08-01T05:12", shift_x=x, shift_y=y)) for x, y in ((0.0, 0.0), (90.0, -60.0)))
    for name, band in moved.bands.items():  # three columns to the east and two rows to the south
        np.testing.assert_allclose(band[2:, 3:], right.bands[name][:-2, :-3], atol=2e-4)
    np.testing.assert_array_equal(moved.cover[2:, 3:], right.cover[:-2, :-3])


def test_the_texture_of_the_ice_does_not_blur_in_years(bare, silent):
    inside = sampled(bare.glacier.margin, bare, over(bare.site, 10)) > 0.1
    power = [np.var(ndimage.laplace(np.log(red(bare, when)))[inside]) for when in ("2019-01-02T05:12", "2021-06-25T05:12")]
    assert power[1] > 0.9 * power[0]


def test_the_finest_texture_belongs_to_the_ice_it_came_with(bare, silent):
    fine, (first, second) = over(bare.site, 10), ("2019-06-01T05:12", "2019-10-01T05:12")
    logs = [np.log(red(bare, when)) for when in (first, second)]
    before, after = (image - ndimage.gaussian_filter(image, 1.5) for image in logs)
    offsets = bare.flow.origins(pd.Timestamp(second), pd.Timestamp(first), bare.ice)
    east, north = (sampled(part, bare, fine) / 10 for part in offsets)
    rows, columns = np.indices(fine.shape)
    carried = ndimage.map_coordinates(before, [rows - north, columns + east], order=3)
    inside = sampled(bare.glacier.margin, bare, fine) > 0.3
    assert np.corrcoef(carried[inside], after[inside])[0, 1] > 0.85
    assert np.corrcoef(before[inside], after[inside])[0, 1] < 0.65  # moraines stay where they are


def test_a_surge_carries_the_front_forward(bare, silent):
    """Where ice that was inside the quiet outline has arrived, there must be ice or debris to see."""
    when = pd.Timestamp("2020-09-01T05:12")
    east, north = bare.origins(when)
    rows, columns = np.indices(bare.ice.shape)
    margin = ndimage.map_coordinates(bare.glacier.margin.astype(float), [rows - north / 30, columns + east / 30], order=1)
    arrived = ((margin > 0.2) & (np.hypot(east, north) > 60) & (bare.plan.trunk.along > bare.plan.terminus))[bare.inner]
    assert arrived.sum() > 10
    cover = render.scene(bare, visit(when), bare.site, None).cover[arrived]
    assert np.isin(cover, (Cover.ICE, Cover.DEBRIS)).mean() > 0.9
