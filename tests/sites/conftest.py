"""Sites are tested without what a developer keeps in their own folder."""

import pytest


@pytest.fixture(autouse=True)
def own_sites(tmp_path, monkeypatch):
    """Return the folder of the user's own sites, empty."""
    folder = tmp_path / "own-sites"
    monkeypatch.setenv("GLACIERCAST_SITES", str(folder))
    return folder
