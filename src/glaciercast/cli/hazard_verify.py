"""``glaciercast hazard verify``: how good outlooks on floods are, told by seasons, lakes and years that they never learnt from."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common

DEFAULT_MODELS = "season,dates,area_rule,logistic,boosted"
PROTOCOL_HELP = (
    "event (a lake's season left out), lake (a lake left out), lakes (six groups of lakes left out), forward (the past alone: what an "
    "operator would see); several by commas."
)


def command(
    folder: Annotated[str, typer.Argument(help="Folder of lakes.csv, events.csv, areas.csv …; truth.csv is used where there is one.")],
    out: common.Out,
    models: Annotated[str, typer.Option(help="Names by commas; the season is always there.")] = DEFAULT_MODELS,
    horizons: Annotated[str, typer.Option(help="Days ahead, by commas.")] = "7,30,90",
    protocol: Annotated[str, typer.Option(help=PROTOCOL_HELP)] = "event,lake,forward",
    cost_ratio: Annotated[
        float | None,
        typer.Option(help="Cost of acting over the loss avoided: alerts come where the chance reaches it; without it none do."),
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Such as features.every_days=14; can be repeated.")] = None,
    as_json: common.Json = False,
) -> None:
    """Fit models in folds that keep an embargo, score what they foretell, and write figures, a JSON and a page."""

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        settings = workflow.read_verify_config({**common.overrides(set_), **({} if cost_ratio is None else {"cost_ratio": cost_ratio})})
        return workflow.verify_outlook(folder, out, _names(models), _days(horizons), _names(protocol), settings)

    common.run_command(work, as_json, _text)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _days(text: str) -> list[int]:
    from glaciercast.errors import InputError

    names = _names(text)
    wrong = [name for name in names if not name.isdecimal() or int(name) < 1]
    if wrong:
        raise InputError(f"--horizons: expected whole numbers of days, 1 or more, found '{wrong[0]}'")
    return [int(name) for name in names]


def _text(result: dict[str, Any]) -> str:
    from glaciercast.report import verification

    claims = [
        f"{cell['protocol']}, {cell['model']}, {cell['horizon']} days: {cell['claim']}"
        for cell in result["cells"]
        if cell["model"] != "season"
    ]
    note = [result["alerts_note"]] if result["alerts_note"] else []
    return "\n".join([*verification.text_table(result["cells"]), "", *claims, *note, result["page"]])
