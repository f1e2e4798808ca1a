"""A build that lays scenes onto the relief and frames of the first years: against the simulated truth, and a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from tests.workflow import building

from glaciercast import store, workflow
from glaciercast.cube import placing, registration
from glaciercast.cube.coregister_move import Match
from glaciercast.cube.references import References

WIDE = [74.581, 36.403, 74.619, 36.437]
"""The whole area of `tiny`: 115×127 pixels, where summers show too little to say where they lie."""
KEYS = {"products": ["dem", "landsat", "sentinel2"], "selection": {"max_cloud": 0.95}, "site": {"box": WIDE}}
REGISTRATION = {"enabled": True, "least": 4, "min_valid": 0.02}
GROUPS = ("/optical/landsat", "/optical/sentinel2")
PIXEL = 30.0
TOLERANCE = 0.1 * PIXEL
"""m along the ground, for the worst; 0.65 pixels before there was a gate on the expected error."""


class Killed(BaseException):
    """Ends a build as a kill does: nothing of it cleans up."""


def build(archive: Path, folder: Path, **keys) -> Path:
    """Build the whole area of `tiny`; return the cube."""
    folder.mkdir(exist_ok=True)
    source = building.written(folder, archive, str(archive / "archive" / "catalog.json"), **KEYS, **keys)
    workflow.build(source, folder / "run", building.fetching(folder / "raw"))
    return folder / "run" / "cube.zarr"


@pytest.fixture(scope="module")
def registered(archive, tmp_path_factory):
    return build(archive, tmp_path_factory.mktemp("registered"), registration=REGISTRATION)


@pytest.fixture(scope="module")
def delivered(archive, tmp_path_factory):
    return build(archive, tmp_path_factory.mktemp("delivered"))


def lines(cube: Path, group: str) -> list[tuple[dict, Match]]:
    """Return each scene's line in the manifest and its match as kept."""
    text = (cube.parent / f"places-{group.rpartition('/')[2]}.jsonl").read_text()
    kept = {entry["scene_id"]: entry for entry in map(json.loads, text.splitlines())}
    return [(region, match_of(kept[region["scene_id"]])) for region in building.regions(cube, group)]


def match_of(entry: dict) -> Match:
    numbers = {name: np.nan if entry[name] is None else entry[name] for name in placing.NUMBERS}
    return Match(**numbers, matrix=np.array(entry["matrix"]), accepted=entry["accepted"], reason=entry["reason"])


def arrays(cube: Path, group: str, step: int) -> dict[str, np.ndarray]:
    opened = zarr.open_group(cube, mode="r")[group.strip("/")]
    return {name: np.asarray(opened[name][step]) for name in ("green", "red", "nir", "swir16", "clear")}


def test_accepted_scenes_are_moved_back_by_what_they_were_off(archive, registered):
    truth = pd.read_csv(archive / "truth" / "scenes.csv").set_index("item")
    residuals = []
    for group in GROUPS:
        dataset = zarr.open_group(registered, mode="r")[group.strip("/")]
        for region in building.regions(registered, group):
            told, step = region["registration"], region["step"]
            assert bool(dataset["registered"][step]) is told["registered"]
            shift = np.array([dataset["shift_x"][step], dataset["shift_y"][step]])
            if not told["registered"]:
                assert np.isnan(shift).all() and told["reason"]
                continue
            np.testing.assert_allclose(shift, (told["shift_x"], told["shift_y"]), rtol=1e-5)
            off = truth.loc[sorted({fact["item"] for fact in region["items"]}), ["shift_x", "shift_y"]].mean().to_numpy()
            residuals.append(np.hypot(*(shift + off)))  # moved back: the shift undoes the error
            assert told["error"] <= registration.Registration().max_error
    assert len(residuals) >= 8
    assert max(residuals) < TOLERANCE and np.median(residuals) < 0.05 * PIXEL


def test_scenes_whose_place_is_not_known_are_refused_and_left_bit_for_bit(registered, delivered):
    refused = [(group, region, match) for group in GROUPS for region, match in lines(registered, group) if not match.accepted]
    assert len(refused) >= 3
    assert any(match.reason.startswith("expected error of ") for _, _, match in refused)
    for group, region, _ in refused:
        before = {one["scene_id"]: one for one in building.regions(delivered, group)}[region["scene_id"]]
        assert region["xxh128"] == before["xxh128"] and region["clear_fraction"] == before["clear_fraction"]


def test_an_accepted_scene_is_the_delivered_one_moved(registered, delivered):
    compared = 0
    for region, match in lines(registered, GROUPS[0]):
        if not match.accepted:
            continue
        moved, found = (
            registration.apply(arrays(delivered, GROUPS[0], region["step"]), match),
            arrays(registered, GROUPS[0], region["step"]),
        )
        assert not (found["clear"] & ~np.isfinite(found["green"])).any()
        moved["clear"] &= np.isfinite(moved["green"]) & np.isfinite(moved["swir16"])
        for name, values in found.items():
            np.testing.assert_array_equal(values, moved[name])
        compared += 1
    assert compared >= 8


def test_the_second_product_is_laid_onto_the_first_ones_frames(registered):
    frames = zarr.open_group(registered.parent / "cube.reference.zarr", mode="r")["times"][:].astype("datetime64[ns]")
    landsat = store.open_cube(registered)[GROUPS[0]]["time"].to_numpy().astype("datetime64[D]")
    assert len(frames) >= REGISTRATION["least"]
    assert np.isin(frames.astype("datetime64[D]"), landsat).all()
    assert len(list(registered.parent.glob("cube.reference.zarr*"))) == 1


def test_a_build_that_is_killed_goes_on_and_ends_in_the_same_cube(archive, registered, tmp_path, monkeypatch):
    """Killed in the middle of a line of places, then in the middle of writing; neither reference nor places are made again."""
    places = tmp_path / "run" / "places-landsat.jsonl"
    dying(monkeypatch, placing, "_append", 3)
    with pytest.raises(Killed):
        build(archive, tmp_path, registration=REGISTRATION)
    monkeypatch.undo()
    whole = places.read_text()
    places.write_text(whole + whole.splitlines()[0][:40])

    monkeypatch.setattr(References, "build", lambda *_: pytest.fail("the reference is kept"))
    dying(monkeypatch, store.RegionWriter, "write", 2)
    with pytest.raises(Killed):
        build(archive, tmp_path, registration=REGISTRATION)
    assert places.read_text().startswith(whole)
    count = len(building.regions(registered, GROUPS[0]))
    assert len({json.loads(line)["scene_id"] for line in places.read_text().splitlines()}) == count == len(places.read_text().splitlines())
    monkeypatch.undo()

    placed, place = [], References.place
    monkeypatch.setattr(References, "place", lambda self, scene: placed.append(scene.time) or place(self, scene))
    cube = build(archive, tmp_path, registration=REGISTRATION)
    assert len(placed) == len(building.regions(cube, GROUPS[1]))
    for group in GROUPS:
        assert store.fingerprint(cube, group) == store.fingerprint(registered, group)


def dying(monkeypatch, owner, name: str, after: int) -> None:
    """Let `owner.name` work so many times, then kill."""
    work, calls = getattr(owner, name), []

    def once(*arguments, **keys):
        if len(calls) == after:
            raise Killed
        calls.append(1)
        return work(*arguments, **keys)

    monkeypatch.setattr(owner, name, once)
