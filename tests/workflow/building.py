"""What the tests of acquisition share: a site on the simulated archive, patient fetching, commands as a user gives them, and checksums."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.sources.faults import Request
from typer.testing import CliRunner

from glaciercast import progress, store, workflow
from glaciercast.cube.settings import Fetching, SiteBuild

BOX = (74.585, 36.409, 74.615, 36.431)
"""Inside the area of the scenario `tiny`, across its glacier."""
SITE = {"name": "tiny", "title": "Tiny simulated glacier", "box": list(BOX), "crs": "EPSG:32643", "buffer": 300.0}
FEW = {"products": ["dem", "landsat"], "end": "2019-03-31", "selection": {"max_cloud": 0.9}}
"""Three overpasses, one of them of two scenes."""
PATIENT = {"tries": 12, "backoff": 0.02, "longest_wait": 2.0, "read_timeout": 5.0, "total_timeout": 1.0}
"""Gets through any number of passing faults in little time."""
HASTY = {"tries": 2, "backoff": 0.01, "longest_wait": 0.1}
"""Gives up soon."""


@dataclass(frozen=True)
class Result:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The last line on standard error."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


def outline(archive: Path) -> str:
    """Return the file of the glacier's outline in a simulated archive."""
    return str(next((archive / "archive" / "outlines").glob("*.shp")))


def written(folder: Path, archive: Path, catalogue: str, **keys: Any) -> Path:
    """Write the YAML file of a build and return its path."""
    site = {**SITE, "outline": outline(archive), **keys.pop("site", {})}
    content = {"site": site, "start": "2019-01-01", "end": "2021-06-30", "catalogue": catalogue, **keys}
    path = folder / "site.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def settings(folder: Path, archive: Path, catalogue: str, **keys: Any) -> SiteBuild:
    """Return what to build, read from its YAML file."""
    found = workflow.read_source(written(folder, archive, catalogue, **keys))
    assert isinstance(found, SiteBuild)
    return found


def fetching(cache: Path, policy: dict[str, Any] | None = None, **keys: Any) -> Fetching:
    """Return how to fetch."""
    return workflow.read_fetching({"cache": str(cache), "policy": policy or PATIENT, **keys})


def patiently(policy: dict[str, Any] | None = None) -> list[str]:
    """Return the same as options of the command."""
    return [word for key, value in (policy or PATIENT).items() for word in ("--fetch", f"policy.{key}={value}")]


def command(*arguments: Any) -> Result:
    """Run ``glaciercast build`` in this process."""
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, ["build", *map(str, arguments)], env={"COLUMNS": "200"})
    progress.show(False)
    return Result(result.exit_code, result.stdout, result.stderr)


def start(*arguments: Any, prepare: str = "") -> subprocess.Popen[str]:
    """Start ``glaciercast build`` as a process of its own; `prepare` is Python that runs first in it."""
    script = f"{prepare}\nfrom glaciercast.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-c", script, "build", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def process(*arguments: Any, prepare: str = "") -> Result:
    """Run ``glaciercast build`` as a process of its own, to its end."""
    running = start(*arguments, prepare=prepare)
    stdout, stderr = running.communicate(timeout=240)
    return Result(running.returncode, stdout, stderr)


def refused(result: Result, code: int, *words: str) -> None:
    """Check that a command ended in one line that says all of `words`, and nothing of a traceback or a token."""
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    own = [line for line in result.stderr.splitlines() if line.startswith("glaciercast: ")]
    assert own == [result.error], result.stderr
    assert all(word in own[0] for word in words), own[0]
    assert "Traceback" not in result.stderr and "internal error" not in own[0] and "sig=" not in result.stderr


def checksums(cube: Path) -> dict[tuple[str, int], dict[str, str]]:
    """Return group and number of each region → checksums of its arrays, as the manifest has them."""
    regions = [entry for entry in store.read_manifest(cube) if entry["kind"] == "region"]
    return {(entry["group"], entry["step"]): entry["xxh128"] for entry in regions}


def regions(cube: Path, group: str) -> list[dict[str, Any]]:
    """Return the manifest's lines of a group in order."""
    found = [entry for entry in store.read_manifest(cube) if entry["kind"] == "region" and entry["group"] == group]
    return sorted(found, key=lambda entry: entry["step"])


def collection_of(request: Request) -> str:
    """Return the collection whose file was asked for, or ``search`` for all else."""
    return request.path.split("/")[2] if request.path.startswith("/files/") else "search"


def sent(log: Iterable[Request]) -> Counter[str]:
    """Return the bytes of bodies that a server sent, by collection."""
    found: Counter[str] = Counter()
    for request in log:
        found[collection_of(request)] += request.bytes
    return found


def asked(log: Iterable[Request]) -> set[str]:
    """Return the paths of files that were asked for."""
    return {request.path for request in log if request.path.startswith("/files/")}


def secrets(folder: Path, *words: bytes) -> list[str]:
    """Return the files below a folder that hold one of `words`."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and any(word in path.read_bytes() for word in words)]


def verdicts(folder: Path, product: str) -> list[dict[str, Any]]:
    """Return the lines of a survey's log."""
    path = folder / f"survey-{product}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
