"""Motion in a cube: own velocities of all pairs beside the published ones, and the regular series of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion.inversion import InversionConfig
from glaciercast.motion.pairs_choice import OwnConfig
from glaciercast.motion.surge import SurgeRule
from glaciercast.workflow import motion_told
from glaciercast.workflow.motion_told import PUBLISHED

if TYPE_CHECKING:
    from glaciercast.motion.gnss import Station


class CubeMotionConfig(Config):
    """How the scenes of a cube become series of velocity."""

    own: OwnConfig = OwnConfig()
    inversion: InversionConfig = InversionConfig()
    surge: SurgeRule = SurgeRule()


class _Job(Config):
    """What identifies a run on a cube."""

    cube: str
    until: str
    merge: bool
    gnss: str | None
    settings: CubeMotionConfig


def motion_in_cube(
    cube: str | Path,
    settings: CubeMotionConfig | None = None,
    *,
    until: date | None = None,
    merge: bool = False,
    gnss: str | Path | None = None,
    replace: bool = False,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Track all pairs of one optical product of a cube, and invert them and the ITS_LIVE pairs, if there are any, to regular series.

    Adds ``/velocity/own``, ``/velocity/own_series``, ``/velocity/own_series_fit`` and the same of ``itslive`` to the cube. What a killed
    run left is gone on with.

    Parameters
    ----------
    until
        Take only what could be had by the end of this day.
    merge
        Merge both series by their errors into ``/velocity/merged_series``.
    gnss
        Table of stations to compare with; see `motion.gnss.read`.
    replace
        Remove own velocities of other settings, and all series, first.
    out
        Run folder for figures and results; None: the cube alone is written.

    Returns
    -------
    dict
        ``cube``, ``own`` (`motion.pairs_cube.write_own`), ``series`` (source → `motion.series.write_series`), ``merged``
        (`motion.merging.merge`), ``surges`` (source → those of the median speed of the ice), ``agreement`` (what is compared →
        `motion.comparison.Agreement`: own pairs with ITS_LIVE's, and each series with the stations) and ``figures``.

    Raises
    ------
    InputError
        If no pair counts, the cube was tracked otherwise, or there are no two series to merge.
    """
    settings, path = settings or CubeMotionConfig(), store.locate(cube)
    stations = None if gnss is None else motion_told.stations(path, Path(gnss))
    if out is None:
        return _work(path, settings, until, merge, replace, stations)
    job = _Job(cube=str(path), until=str(until), merge=merge, gnss=None if gnss is None else str(gnss), settings=settings)
    with runs.run_folder(out, "motion", job) as folder:
        summary = _work(path, settings, until, merge, replace, stations)
        summary["figures"] = [str(figure) for figure in motion_told.figures(path, folder / "figures", list(summary["series"]))]
        runs.write_json(folder / "results" / "motion.json", summary)
    return summary


def _work(
    path: Path, settings: CubeMotionConfig, until: date | None, merge: bool, replace: bool, stations: Sequence[Station] | None
) -> dict[str, Any]:
    from glaciercast.motion.pairs_cube import write_own
    from glaciercast.motion.series import write_series

    sources = ["own", *([PUBLISHED] if (path / "velocity" / PUBLISHED).is_dir() else [])]
    if merge and PUBLISHED not in sources:
        raise InputError(f"{path}: expected /velocity/{PUBLISHED} beside the own velocities to merge both, found none")
    own = write_own(path, settings.own, until, replace)
    series = {source: write_series(path, source, settings.inversion, until) for source in sources}
    merged = _merged(path, sources) if merge else None
    return {
        "cube": str(path),
        "own": own,
        "series": series,
        "merged": merged,
        "surges": motion_told.surges(path, settings.surge, sources),
        "agreement": motion_told.agreement(path, sources, [*sources, *(["merged"] if merge else [])], stations),
        "figures": [],
    }


def _merged(path: Path, sources: list[str]) -> dict[str, Any]:
    from glaciercast.motion.merging import merge

    return merge(path, sources)


def read_cube_motion_config(options: Mapping[str, Any], by_search: bool = False) -> CubeMotionConfig:
    """Return the config that options of the command line stand for; those that are None keep their defaults.

    `by_search`: the search is given in pixels, so that no highest speed sets it.
    """
    base: dict[str, Any] = {"own": {"max_speed": None}} if by_search else {}
    return config.parse(CubeMotionConfig, config.merge(base, dict(options)), "options")
