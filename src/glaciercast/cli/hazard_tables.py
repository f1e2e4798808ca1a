"""``glaciercast hazard tables``: motion and temperature near a lake from a cube, as tables that an outlook reads."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it.")],
    at: Annotated[str, typer.Option(help="The lake as lon,lat (degrees).")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder that gets motion.csv and temperature.csv, beside the lake's areas.")],
    name: Annotated[str, typer.Option(help="Name of the lake, as its other tables have it.")] = "lake",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Such as ice_radius=2000; can be repeated.")] = None,
    as_json: common.Json = False,
) -> None:
    """Write the motion of the ice and the temperature of ice and ground near a lake, each record with the time of its availability."""

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        return workflow.lake_tables(cube, out, common.point(at, "--at"), name, common.overrides(set_))

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['lake']}: {result[key]['records']} records of {key}, {result[key]['first']} to {result[key]['last']}"
        for key in ("motion", "temperature")
    ]
    return "\n".join([*lines, *result["files"]])
