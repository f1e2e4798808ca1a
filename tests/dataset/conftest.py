"""One small cube, and one data set of it with varied copies; to be read only."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dataset import made


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with an aligned cube of three variables."""
    return made.cube(tmp_path_factory.mktemp("cubes"))


@pytest.fixture(scope="session")
def out(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data set of that cube, each training window with one varied copy."""
    folder = tmp_path_factory.mktemp("sets") / "set"
    made.exported(home, folder, targets=("ndsi", "vx"), augment={"copies": 1, "rotations": False})
    return folder
