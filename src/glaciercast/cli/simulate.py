"""``glaciercast simulate``: the archive of a simulated glacier, with its truth."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    scenario: Annotated[str | None, typer.Argument(help="Built-in scenario, or a YAML file of your own.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Run folder: gets archive/ and truth/; an unfinished one is taken up.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="0 or more; seeds from 1000 on are kept for final tables.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes (default: one a CPU). The arrays do not depend on it.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the built-in scenarios and stop.")] = False,
    as_json: common.Json = False,
) -> None:
    """Simulate a glacier and write it as the real products (Landsat, Sentinel-2, ITS_LIVE, MODIS, DEM, outline) beside its truth."""
    from glaciercast import workflow

    if list_ or scenario is None:
        common.run_command(workflow.scenarios, as_json, _listing)
        return
    if out is None:
        common.fail("--out is missing: expected a folder for archive and truth", 2)
    common.run_command(lambda: workflow.simulate(scenario, out, seed, workers), as_json, _text)


def _listing(result: dict[str, Any]) -> str:
    width = max(len(name) for name in result)
    return "\n".join(
        f"{name:<{width}}  {facts['title']}: {facts['start']} to {facts['end']}, {facts['area']}" for name, facts in result.items()
    )


def _text(result: dict[str, Any]) -> str:
    items = "\n".join(f"  {count:>5} {name}" for name, count in result["items"].items())
    return f"{result['title']}, seed {result['seed']}\n{result['note']}\n{items}\n{result['catalog']}\n{result['truth']}"
