"""``glaciercast hazard simulate``: many simulated lakes with floods whose hazard is known."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    out: common.Out,
    lakes: Annotated[int | None, typer.Option(help="Number of lakes (default 24).")] = None,
    years: Annotated[int | None, typer.Option(help="Years that end with 2023 (default 8).")] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="lake (the default): the hazard grows with the filled share; season: it depends on the day of the year alone; "
            "shuffled: floods are moved among lakes and years, so that lakes tell nothing."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="0 or more; seeds from 1000 on are kept for final tables.")] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Such as hazard.base=0.05 or seen.images=0; can be repeated.")] = None,
    as_json: common.Json = False,
) -> None:
    """Simulate lakes with floods of known hazard, as the tables that an outlook reads, beside the known chances."""

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        spec = workflow.read_outburst_spec({**common.overrides(set_), "lakes": lakes, "mode": mode}, years)
        return workflow.simulate_outbursts(spec, out, seed)

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    records = ", ".join(f"{number} {name}" for name, number in result["records"].items())
    chances = ", ".join(f"{days} days {chance:.1%}" for days, chance in result["mean_chance"].items())
    return "\n".join(
        [
            f"{result['lakes']} lakes, {result['first']} to {result['last']}, mode {result['mode']}, seed {result['seed']}",
            f"{result['floods']} floods in {result['lake_years_with_floods']} lake-years, none in {result['lake_years_without']}",
            f"{records}, {result['images']} images",
            f"mean known chance of a flood: {chances}",
            *result["files"],
        ]
    )
