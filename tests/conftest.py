"""What all tests share: no display, no clock in property tests, and the way to real data."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import matplotlib
import pytest

matplotlib.use("Agg")
hypothesis.settings.register_profile("glaciercast", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("glaciercast")

pytest_plugins = ["tests.made", "tests.served"]
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data: ``GLACIERCAST_DATA``, or ``shared/data`` beside the checkout; it may be absent."""
    return Path(os.environ.get("GLACIERCAST_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def real_data(shared_data: Path) -> Callable[[str], Path]:
    """Return a function that gives the path of a piece of real data and skips the test where it is absent."""

    def locate(name: str) -> Path:
        path = shared_data / name
        if not path.exists():
            pytest.skip(f"real data '{name}' is not in {shared_data} (set GLACIERCAST_DATA)")
        return path

    return locate


@pytest.fixture(scope="session")
def carpathians(shared_data: Path) -> Path:
    """Return the real Sentinel-2 cube, from the shared data or from the Python package nrt; skips where there is neither."""
    name = "sentinel2_cube_subset_romania_20m.nc"
    places = [shared_data / "sentinel2_romania" / name]
    if (found := importlib.util.find_spec("nrt")) and found.submodule_search_locations:
        places.append(Path(found.submodule_search_locations[0]) / "data" / name)
    for place in places:
        if place.is_file():
            return place
    pytest.skip(f"the Sentinel-2 cube is neither at {places[0]} nor installed with nrt 0.2.1")
