"""Before anything is scored: the split is checked for leaks, and a look at the sealed test part is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glaciercast import config, runs

if TYPE_CHECKING:
    from glaciercast.patches.splits import Part
    from glaciercast.workflow.workbench import Workbench

SEAL = "seal.json"
"""File of a run folder, or of a site in it, that tells of both."""


def checked(workbench: Workbench, part: Part) -> dict[str, Any]:
    """Check the split for leaks and, if `part` is the sealed test part, open it; return what the results tell of both.

    Where the split is not honest, the validation part has the windows of the test part, and to score it is a look at that. A run that goes
    on after an interruption has opened it before, and is not counted again.

    Raises
    ------
    LeakError
        If a split that should be honest leaks.
    """
    kept = workbench.folder / SEAL
    if kept.is_file():
        return runs.read_json(kept)
    found = workbench.leak_report(part)
    found.require()
    looked_at = part == "test" or not workbench.split.honest
    told = {"leaks": found.to_json(), "opening": _opened(workbench) if looked_at else None}
    runs.write_json(kept, told)
    return told


def _opened(workbench: Workbench) -> dict[str, Any]:
    """Log that the test part is looked at, and return how often it was."""
    from glaciercast.evaluate import cells, sealing

    split = {"parts": {part: [steps.start, steps.stop] for part, steps in workbench.split.targets.items()}, **workbench.split.facts()}
    opening = sealing.open(
        workbench.cube,
        {
            "data": workbench.series.fingerprint,
            "split": split,
            "config": config.digest(config.plain(workbench.settings)),
            "code": cells.code_identity(),
            "models": [spec.label for spec in workbench.specs()],
        },
    )
    return {"count": opening.count, "log": opening.log_path.name, "sentence": opening.sentence}
