"""A simulated archive, served: what the tests of sources, cube and workflow read from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sources.servers import Api, Server, serve, stac_server

SEED = 1


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of the scenario `tiny`, with ``archive/`` and ``truth/``; to be read only."""
    from glaciercast.simulate import archive as archives
    from glaciercast.simulate import scenario

    folder = tmp_path_factory.mktemp("simulated") / "tiny"
    archives.simulate(scenario.load("tiny"), folder, SEED, workers=1)
    return folder


@pytest.fixture(scope="session")
def _server(archive: Path) -> Iterator[Server]:
    with serve(archive / "archive") as server:
        yield server


@pytest.fixture(scope="session")
def _api(archive: Path) -> Iterator[Api]:
    with stac_server(archive / "archive") as api:
        yield api


@pytest.fixture
def files(_server: Server) -> Iterator[Server]:
    """Return the server of the archive's files, with an empty log and without faults."""
    _server.reset()
    yield _server
    _server.reset()


@pytest.fixture
def api(_api: Api) -> Iterator[Api]:
    """Return the STAC API over the archive, with an empty log and without faults."""
    _api.server.reset()
    yield _api
    _api.server.reset()
