"""One quiet build of a whole site from the STAC API, with what its dry run said and what the server was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.sources.faults import Request
from tests.sources.servers import Api
from tests.workflow import building

from glaciercast import workflow
from glaciercast.sources import tiff


@dataclass(frozen=True)
class Built:
    """A build: run folder, cache, what `plan` and `build` returned, and the server's log of each."""

    folder: Path
    cache: Path
    planned: dict[str, Any]
    result: dict[str, Any]
    plan_log: list[Request]
    log: list[Request]
    left: list[str]
    """Paths below the working folder after the dry run, other than the cache."""

    @property
    def cube(self) -> Path:
        return self.folder / "cube.zarr"


@pytest.fixture(scope="session")
def whole(archive: Path, _api: Api, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the build of all five products, planned and fetched from an empty cache; to be read only."""
    place = tmp_path_factory.mktemp("whole")
    settings = building.settings(place, archive, _api.url, selection={"max_cloud": 0.6})
    fetching = building.fetching(place / "cache", {"tries": 2})  # the usual patience: a slow machine must not ask twice
    tiff.forget()  # smaller files of the same names, of tests that ran before, would let headers be asked for in parts
    _api.server.reset()
    planned = workflow.plan(settings, fetching)
    plan_log, left = list(_api.server.log), sorted(path.name for path in place.iterdir() if path.name != "cache")
    _api.server.reset()
    result = workflow.build(settings, place / "run", fetching)
    log = list(_api.server.log)
    _api.server.reset()
    return Built(place / "run", place / "cache", planned, result, plan_log, log, left)


@pytest.fixture(scope="session")
def calm(archive: Path, _api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a build of `building.FEW` without faults, in ``run``; to be read only."""
    place = tmp_path_factory.mktemp("calm")
    workflow.build(building.settings(place, archive, _api.url, **building.FEW), place / "run", building.fetching(place / "cache"))
    return place
