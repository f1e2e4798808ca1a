"""``glaciercast hazard outlook``: the chance of an outburst flood on a day of issue."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    folder: Annotated[str, typer.Argument(help="Folder of records: lakes.csv, events.csv, areas.csv, motion.csv, temperature.csv.")],
    issue: Annotated[str, typer.Option(help="Day of issue, such as 2022-05-01; only what was available at 0:00 UTC is read.")],
    lake: Annotated[list[str] | None, typer.Option(help="Which lake (default: all that are watched); can be repeated.")] = None,
    model: Annotated[
        str, typer.Option(help="base_rate, season, dates, area_rule, logistic, boosted, network, network_images or network_series.")
    ] = "logistic",
    horizons: Annotated[str, typer.Option(help="Days ahead, such as 7,30,90.")] = "7,30,90",
    cost_ratio: Annotated[
        float | None, typer.Option(help="Cost of acting over the loss that acting avoids; without it there is no alert.")
    ] = None,
    require: Annotated[
        list[str] | None, typer.Option(help="Refuse unless it rests on this: areas, motion, temperature or images; can be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the model.", min=0)] = 0,
    pairs: Annotated[list[str] | None, typer.Option("--set", help="Override a setting: outlook.groups=4; can be repeated.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Run folder of outlook.json and a figure; never overwritten.")] = None,
    as_json: common.Json = False,
) -> None:
    """Give the chance of a flood at each lake, with its interval, the seasonal base rate, and the age of what it rests on."""
    from glaciercast import workflow

    def work() -> dict[str, Any]:
        chosen = {"model": model, "horizons": _days(horizons), "cost_ratio": cost_ratio, "require": require or None, "seed": seed}
        settings = workflow.read_issue_config({**common.overrides(pairs), **chosen})
        return workflow.outlook(folder, issue, lakes=lake or (), settings=settings, out=out)

    common.run_command(work, as_json, _text)


def _days(text: str) -> list[int]:
    from glaciercast.errors import InputError

    try:
        found = [int(part) for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise InputError(f"--horizons {text}: expected whole days, such as 7,30,90") from error
    if not found or min(found) < 1:
        raise InputError(f"--horizons {text}: expected days of 1 or more, such as 7,30,90")
    return sorted(set(found))


def _text(result: dict[str, Any]) -> str:
    lines = [f"Outlook issued {result['issue']} (0:00 UTC), model {result['model']}: {result['summary']}.", *result["claims"], ""]
    for lake in result["lakes"]:
        rests = lake["words"] or "nothing of the lake is read"
        floods = f"{lake['past_floods']} past flood{'' if lake['past_floods'] == 1 else 's'}"
        lines += [f"{lake['lake']} ({floods}; {rests})", *(_row(row, result["level"]) for row in lake["outlook"])]
    return "\n".join([*lines, *([result["figure"]] if result["figure"] else [])])


def _row(row: dict[str, Any], level: float) -> str:
    alert = {None: "", True: "  ALERT", False: "  no alert"}[row["alert"]]
    span = f"({100 * level:.0f} %: {100 * row['low']:.1f} to {100 * row['high']:.1f} %)"
    chance, season = f"{100 * row['chance']:.1f} %", f"{100 * row['season']:.1f} %"
    return f"  {row['horizon']:>3} days  {chance:>7}  {span}  season {season}{alert}"
