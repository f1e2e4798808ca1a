"""A build that lays scenes onto the relief and frames of the first years: by what is known from the simulation, and a kill changes nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.workflow.building import written

from glaciercast import store, workflow
from glaciercast.cube import placing, staging

KEYS = {"products": ["dem", "landsat", "sentinel2"], "selection": {"max_cloud": 0.95}}
REGISTRATION = {"enabled": True, "least": 4, "min_valid": 0.02}


def build(archive: Path, folder: Path, **keys) -> Path:
    """Build the whole area of `tiny` with co-registration; return the cube."""
    folder.mkdir(exist_ok=True)
    catalogue = str(archive / "archive" / "catalog.json")
    site = {"box": [74.581, 36.403, 74.619, 36.437]}
    source = written(folder, archive, catalogue, site=site, **{**KEYS, "registration": REGISTRATION, **keys})
    workflow.build(source, folder / "run", workflow.read_fetching({"cache": str(folder / "raw")}))
    return folder / "run" / "cube.zarr"


@pytest.fixture(scope="module")
def registered(archive, tmp_path_factory):
    return build(archive, tmp_path_factory.mktemp("registered"))


def off_by(archive: Path, entry: dict) -> np.ndarray:
    """Return by how many metres eastward and northward a scene lies off: the mean of its items."""
    truth = pd.read_csv(archive / "truth" / "scenes.csv").set_index("item")
    items = {fact["item"] for fact in entry["items"]}
    return (
        truth.loc[[name for name in truth.index if any(name in item or item in name for item in items)], ["shift_x", "shift_y"]]
        .mean()
        .to_numpy()
    )


def test_scenes_are_moved_back_by_what_they_were_off(archive, registered):
    entries = [entry for entry in store.read_manifest(registered) if entry["kind"] == "region" and entry["group"].startswith("/optical")]
    for e in entries:
        print(e["group"], e["scene_id"], e["registration"], off_by(archive, e), {f["item"] for f in e["items"]})
    assert 0
