"""What comes of each fault of a server: builds of one site from the same STAC API, each with another fault; writes the table of the docs.

Usage: python benchmarks/faults.py [--until 2019-12-31] [--rate 0.2]

The archive is the scenario `tiny`, simulated for this run; the API, its file server and the faults are those of the tests. First a build
without faults; then one for each fault that passes, with `rate` of the requests failing, and one with all of them, whose arrays must be
those of the first (by the checksums of the manifest); then one for each fault that stays, which must end in one line and, once the fault is
gone and the same command is given again, in the same arrays; at last one that is killed while it surveys and while it writes. Writes
benchmarks/results/faults.json and docs/results/faults.md. Exits with 1 if an outcome is another.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]  # the servers are the tests'

from aiohttp import web  # noqa: E402
from tests.sources.faults import KINDS, Faults, TokenDesk  # noqa: E402
from tests.sources.servers import Api, stac_server  # noqa: E402
from tests.workflow import building  # noqa: E402

from glaciercast import store  # noqa: E402
from glaciercast.simulate import archive as archives  # noqa: E402
from glaciercast.simulate import scenario as scenarios  # noqa: E402

COMMAND = "python benchmarks/faults.py"
SEED = 1
POLICY = {"tries": 6, "backoff": 0.05, "longest_wait": 2.0, "total_timeout": 1.0}
NAMES = {
    "429": "429 with Retry-After (1 s)", "503": "bursts of 503", "reset": "connection reset", "truncated": "body breaks off",
    "slow": "bytes trickle, never all", "403": "token refused before its time", "corrupt": "bytes of a tile flipped",
}  # fmt: skip
BROKEN = "LC08_L2SP_149035_20190316_20200908_02_T1_SR_B4.TIF"


class Shut(TokenDesk):
    """Gives no token for files."""

    def give(self, account: str, container: str) -> dict[str, str]:
        """Refuse tokens for files; those for the search are given."""
        if container == "files":
            raise web.HTTPServiceUnavailable
        return super().give(account, container)


class Useless(TokenDesk):
    """Gives tokens that no file accepts."""

    def accepts(self, signature: str) -> bool:
        """Refuse every token."""
        return False


@dataclass
class Bench:
    """Where builds are made, and what they are compared with."""

    place: Path
    archive: Path
    api: Api
    until: str
    wanted: dict[tuple[str, int], dict[str, str]]
    number: int = 0

    def arguments(self, tokens: bool = False) -> list[Any]:
        """Return the arguments of a build into a folder of its own."""
        self.number += 1
        folder = self.place / str(self.number)
        folder.mkdir()
        keys = {"products": ["dem", "landsat"], "end": self.until, "selection": {"max_cloud": 0.9}}
        source = building.written(folder, self.archive, self.api.url, **keys)
        words = [source, "-o", folder / "run", "--cache", folder / "cache", *building.patiently(POLICY)]
        server = self.api.server
        signed = ["--fetch", f"token_url={server.token_url}", "--fetch", f"token_host=127.0.0.1:{server.port}"]
        return words + (signed if tokens else [])

    def run(self, arguments: list[Any]) -> dict[str, Any]:
        """Give the command; return what came of it, and what the server was asked."""
        log = self.api.server.log
        before, start = len(log), time.perf_counter()
        result = building.command(*arguments, "--json")
        wall, faults = time.perf_counter() - start, self.api.server.faults
        retries = json.loads(result.stdout)["network"]["retries"] if result.returncode == 0 else {}
        return {
            "code": result.returncode, "line": result.error if result.returncode else "", "wall_s": round(wall, 1), "retries": retries,
            "requests": len(log) - before, "faults": dict(faults.committed) if faults else {},
        }  # fmt: skip

    def cube(self) -> Path:
        """Return the cube of the last build."""
        return self.place / str(self.number) / "run" / "cube.zarr"

    def same(self) -> bool:
        """Tell whether the arrays of the last build are those of the build without faults, on disk too."""
        found = building.checksums(self.cube())
        return found == self.wanted and store.verify(self.cube()) == sum(len(sums) for sums in found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--until", default="2019-12-31", help="last day of the scenes")
    parser.add_argument("--rate", type=float, default=0.2, help="share of requests that fail")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        simulated = Path(folder) / "tiny"
        archives.simulate(scenarios.load("tiny"), simulated, SEED, workers=1)
        with stac_server(simulated / "archive") as api:
            bench = Bench(Path(folder), simulated, api, options.until, {})
            quiet = bench.run(bench.arguments())
            bench.wanted = building.checksums(bench.cube())
            rows = [{"fault": "none", **quiet, "same": bench.same()}, *passing(bench, options.rate), *lasting(bench), *killed(bench)]
    result = {"rate": options.rate, "scenes": len(bench.wanted) - 1, "policy": POLICY, "rows": rows}
    (ROOT / "benchmarks" / "results" / "faults.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = table(result)
    (ROOT / "docs" / "results" / "faults.md").write_text(text, encoding="utf-8")
    print(text)
    sys.exit(0 if all(row["same"] for row in rows) else 1)


def passing(bench: Bench, rate: float) -> Iterator[dict[str, Any]]:
    """Build through each fault that passes, and through all of them."""
    for kinds in [*((kind,) for kind in KINDS), KINDS]:
        server, tokens = bench.api.server, "403" in kinds
        server.reset()
        server.tokens = TokenDesk() if tokens else None
        server.faults = Faults(rate=rate, seed=SEED, kinds=kinds, trickle=0.1, retry_after=1)
        found = bench.run(bench.arguments(tokens))
        name = NAMES[kinds[0]] if len(kinds) == 1 else "all of these"
        yield {"fault": name, "lasting": False, **found, "same": found["code"] == 0 and bench.same()}


def lasting(bench: Bench) -> Iterator[dict[str, Any]]:
    """Build against each fault that stays, then again without it."""
    always = {"rate": 1.0, "only": lambda path: path.endswith(BROKEN), "most_in_a_row": 10**9}
    cases: list[tuple[str, Faults, TokenDesk | None]] = [
        ("one file: 503", Faults(broken=lambda path: path.endswith(BROKEN)), None),
        ("one file: 404", Faults(broken=lambda path: path.endswith(BROKEN), broken_how="404"), None),
        ("one file: breaks off", Faults(kinds=("truncated",), **always), None),
        ("one file: trickles", Faults(kinds=("slow",), trickle=0.1, **always), None),
        ("one file: a tile is damaged", Faults(kinds=("corrupt",), **always), None),
        ("no tokens are given", Faults(), Shut()),
        ("tokens are not accepted", Faults(), Useless()),
        ("the server dies on the way", dying(30), None),
        ("the API answers 503", Faults(broken=lambda path: not path.startswith("/files/")), None),
    ]
    for name, faults, desk in cases:
        server = bench.api.server
        server.reset()
        server.faults, server.tokens = faults, desk
        arguments = bench.arguments(desk is not None)
        found = bench.run(arguments)
        server.reset()
        again = bench.run(arguments[: -4 if desk else None])
        one_line = found["code"] == 1 and found["line"].startswith("glaciercast: ")
        yield {
            "fault": name,
            "lasting": True,
            **found,
            "again": again["requests"],
            "same": one_line and again["code"] == 0 and bench.same(),
        }


def dying(after: int) -> Faults:
    """Return faults that reset every connection from some request on."""
    count = iter(range(10**9))
    return Faults(broken=lambda path: next(count) >= after, broken_how="reset")


def killed(bench: Bench) -> Iterator[dict[str, Any]]:
    """Kill a build −9 at some line of the survey's log, and at some line of the manifest; give the command again."""
    for name, file, lines in (
        ("kill −9 in the survey", "survey-landsat.jsonl", 3),
        ("kill −9 while writing", "cube.zarr.manifest.jsonl", 7),
    ):
        server = bench.api.server
        server.reset()
        server.latency = 0.02
        arguments = bench.arguments()
        path, process = bench.cube().parent / file, building.start(*arguments)
        while process.poll() is None and not (path.exists() and path.read_bytes().count(b"\n") >= lines):
            time.sleep(0.005)
        process.kill()
        process.communicate()
        first, asked = len(server.log), blocks(server.log)
        server.log, server.latency = [], 0.0
        again = bench.run(arguments)
        twice = len(blocks(server.log) & asked)
        yield {
            "fault": name, "lasting": True, "code": -9, "line": "", "requests": first, "faults": {}, "retries": {}, "twice": twice,
            "again": again["requests"], "wall_s": again["wall_s"], "same": again["code"] == 0 and bench.same(),
        }  # fmt: skip


def blocks(log: list[Any]) -> set[str]:
    """Return the files of whose content something was asked for."""
    return {one.path for one in log if one.path.lower().endswith(".tif") and not one.range.startswith("bytes=0-")}


def table(result: dict[str, Any]) -> str:
    """Return the page."""
    policy = result["policy"]
    lines = [
        f"Made by `{COMMAND}`: simulated scenes ({result['scenes']} Landsat scenes and a terrain tile) from a STAC API on loopback.",
        f"At most {policy['tries']} tries; pauses up to {policy['backoff']} s, doubling; a body that takes longer than",
        f"{policy['total_timeout']} s counts as failed (the defaults are more patient).",
        "",
        f"Faults that pass, {result['rate']:.0%} of all requests:",
        "",
        "| fault | requests | of these failed | tried again | arrays |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    same = {True: "identical", False: "**differ**"}
    for row in result["rows"]:
        if not row.get("lasting"):
            retries, faults = sum(row["retries"].values()), sum(row["faults"].values())
            lines.append(f"| {row['fault']} | {row['requests']} | {faults} | {retries} | {same[row['same']]} |")
    lines += [
        "",
        "Faults that stay, the line in which the command ends (exit code 1), and the same command once the fault is gone:",
        "",
        "| fault | requests | the line | requests of the second run | arrays |",
        "| --- | ---: | --- | ---: | --- |",
    ]
    for row in result["rows"]:
        if row.get("lasting"):
            line = f"`{short(row['line'])}`" if row["line"] else f"killed; files read twice: {row['twice']}"
            lines.append(f"| {row['fault']} | {row['requests']} | {line} | {row['again']} | {same[row['same']]} |")
    return "\n".join(lines) + "\n"


def short(line: str) -> str:
    """Return an error's line without the program's name and the folders of an address."""
    kept = line.removeprefix("glaciercast: ").replace("http://", "")
    return re.sub(r"127\.0\.0\.1:\d+", "…", re.sub(r"/files/\S+/", "/…/", kept))


if __name__ == "__main__":
    main()
