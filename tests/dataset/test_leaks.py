"""Nothing of a test target enters training: no scene, no statistic, no window; and only training windows are varied."""

import numpy as np
import pytest
import zarr
from tests.dataset import made

from glaciercast.dataset import blocks, opening, statistics
from glaciercast.dataset.config import DatasetConfig
from glaciercast.patches import normalise
from glaciercast.patches.splits import PARTS

SETTINGS = DatasetConfig.model_validate({**made.SMALL, "augment": {"copies": 2, "cloud_gaps": 0.5, "rotations": True}})


def opened(home, folder, settings=SETTINGS):
    return opening.open_plan(opening.identify([home]), settings, folder)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Return the plan of a cube, and of the same cube with other values in all steps from the first test target on."""
    folder = tmp_path_factory.mktemp("two")
    first = opened(made.cube(folder / "a"), folder / "cache-a")
    test = first.places[0].split.targets["test"]
    return first, opened(made.cube(folder / "b", changed=slice(test.start, None)), folder / "cache-b")


def scenes(out, part, reach):
    """Return the months whose scenes enter a part's targets: their own, and those that composites and pairs reach back to."""
    months = zarr.open_group(out / "windows.zarr", path=part, mode="r")["target_time"][...].astype("M8[s]").astype("M8[M]")
    return {month - back for month in months.ravel() for back in range(reach + 1)}


def test_no_scene_of_a_training_target_enters_a_test_target(out):
    """Pairs span 32 days, more than one month: two months back; the gap of 3 + 2 − 1 + 1 + 2 months is wider than that."""
    train, validation, test = (scenes(out, part, 2) for part in PARTS)
    assert not train & test and not train & validation and not validation & test
    last, first = (edge(scenes(out, part, 0)) for edge, part in ((max, "train"), (min, "validation")))
    assert first - last - np.timedelta64(1, "M") == np.timedelta64(7, "M")


def test_other_test_frames_leave_statistics_and_training_windows_bit_identical(plans):
    one, other = plans
    assert statistics.fit(one) == statistics.fit(other)
    for part in ("train", "validation"):
        numbers = np.arange(one.count(part))
        found = [blocks.fields(each, part, numbers) for each in plans]
        for name in found[0]:
            assert found[0][name].tobytes() == found[1][name].tobytes(), (part, name)
    test = [blocks.fields(each, "test", np.arange(one.count("test")))["targets"] for each in plans]
    assert (test[0] != test[1]).mean() > 0.9


def test_statistics_are_those_of_the_training_frames_by_value(plans):
    place, found = plans[0].places[0], statistics.fit(plans[0])
    values, observed = place.series.frames(place.split.training_steps)
    expected = normalise.fit(values, observed)
    assert found["mean"] == expected.mean.tolist() and found["std"] == expected.std.tolist()
    seen = np.where(np.isnan(values), 0, observed)
    np.testing.assert_allclose(found["observed_share"], seen.mean((0, 2, 3)), rtol=1e-5)
    there = np.where((observed > 0) & ~np.isnan(values), values, np.nan)
    assert found["minimum"] == np.nanmin(there, (0, 2, 3)).tolist() and found["maximum"] == np.nanmax(there, (0, 2, 3)).tolist()


def test_only_training_windows_are_varied_and_only_after_the_split(plans):
    one = plans[0]
    tables = {part: blocks.tables(one, part) for part in PARTS}
    assert set(tables["train"]["copy"]) == {0, 1, 2}
    assert set(tables["validation"]["copy"]) == set(tables["test"]["copy"]) == {0}
    assert one.count("train") == 3 * sum(len(windows) for _, windows in one.pieces["train"])
    numbers = np.arange(one.count("train"))
    fields = blocks.fields(one, "train", numbers)
    plain = {key: number for number, key in _windows(tables["train"]) if tables["train"]["copy"][number] == 0}
    differing = 0
    for number, key in _windows(tables["train"]):
        first = plain[key]  # the window that this is a copy of is there, in the same part
        assert tables["train"]["target_time"][number].tolist() == tables["train"]["target_time"][first].tolist()
        ours, original = fields["targets"][number, :, 0], fields["targets"][first, :, 0]
        np.testing.assert_array_equal(np.sort(ours, axis=None), np.sort(original, axis=None))  # turned ground, the same values
        differing += not np.array_equal(ours, original, equal_nan=True)
    assert differing > one.count("train") / 2


def _windows(table):
    return [(number, key) for number, key in enumerate(zip(table["issue"], table["row"], table["column"], strict=True))]


def test_varied_copies_leave_the_windows_themselves_as_they_are(plans):
    place = plans[0].places[0]  # its cache is there already
    without = opened(place.path, place.series.cache.path.parent, SETTINGS.model_copy(update={"augment": DatasetConfig().augment}))
    varied = plans[0]
    table = [blocks.tables(each, "train") for each in (varied, without)]
    at = [{key: number for number, key in _windows(one) if one["copy"][number] == 0} for one in table]
    assert at[0].keys() == at[1].keys() and without.count("train") == len(at[1])
    keys = sorted(at[0])
    fields = [
        blocks.fields(each, "train", np.array([where[key] for key in keys])) for each, where in zip((varied, without), at, strict=True)
    ]
    for name in fields[0]:
        np.testing.assert_array_equal(fields[0][name], fields[1][name])


@pytest.mark.slow
@pytest.mark.parametrize("split", ["space", "both"])
def test_parts_apart_in_space_share_no_pixel(split, tmp_path):
    """Training statistics leave out the pixels of the other parts."""
    home = made.cube(tmp_path, shape=(48, 48), variables=("ndsi",), months=28)
    made_plan = opened(home, tmp_path / "cache", DatasetConfig.model_validate({**made.SMALL, "patch": 4, "split": split}))
    seen = {}
    for part in PARTS:
        seen[part] = np.zeros((48, 48), bool)
        table = blocks.tables(made_plan, part)
        for row, column in zip(table["row"], table["column"], strict=True):
            seen[part][row : row + 4, column : column + 4] = True
    assert not (seen["train"] & seen["test"]).any() and not (seen["train"] & seen["validation"]).any()
    place = made_plan.places[0]
    values, observed = place.series.frames(place.split.training_steps)
    mask = place.split.mask("train")
    weight = np.where(np.isnan(values), 0, observed)[..., mask]
    mean = np.nansum(np.nan_to_num(values)[..., mask] * weight) / weight.sum()
    assert statistics.fit(made_plan)["mean"] == pytest.approx([mean], rel=1e-5)
