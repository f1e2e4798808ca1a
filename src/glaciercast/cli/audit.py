"""``glaciercast audit``: whether each product sees the glacier at all."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common
from glaciercast.errors import InputError

HEADS = ("product", "grid on outline", "observed", "at the lake", "dates", "first", "last", "longest gap", "months without", "verdict")


def command(
    cube: Annotated[str | None, typer.Argument(help="A cube, or the run folder that holds it; not needed with --table.")] = None,
    site: Annotated[str | None, typer.Option(help="Name of the site, for its outline and its lake.")] = None,
    outline: Annotated[str | None, typer.Option(help="File of outlines; wins over the site's.")] = None,
    rgi: Annotated[str | None, typer.Option(help="RGI id of the glacier in the file of outlines.")] = None,
    buffer: Annotated[float, typer.Option(help="Widen the outline by this, m (a glacier that has advanced since).", min=0)] = 0.0,
    lake: Annotated[str | None, typer.Option(help="A lake as lon,lat (degrees); wins over the site's.")] = None,
    lake_buffer: Annotated[float, typer.Option(help="Radius of the lake's surroundings, m.", min=1)] = 500.0,
    min_cover: Annotated[float, typer.Option(help="Share of outline and lake that must have been observed.", min=0, max=1)] = 0.9,
    table: Annotated[str | None, typer.Option(help="A CSV table of points to audit, such as that of a published data set.")] = None,
    lon: Annotated[str, typer.Option(help="Its column of longitudes, degrees.")] = "lon",
    lat: Annotated[str, typer.Option(help="Its column of latitudes, degrees.")] = "lat",
    cell: Annotated[float | None, typer.Option(help="Side of the square that a row stands for, m.")] = None,
    time: Annotated[str | None, typer.Option(help="Its column of dates (ISO).")] = None,
    value: Annotated[str | None, typer.Option(help="Its column of values; rows without one do not count.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Figure to draw: PNG, PDF or SVG.")] = None,
    as_json: common.Json = False,
) -> None:
    """Tell which part of the glacier and its lake each product covers, when and how often; exit code 1 if one misses them."""
    from glaciercast import workflow

    found: dict[str, Any] = {}

    def work() -> dict[str, Any]:
        from glaciercast.cube.audit import AuditConfig

        columns = None if table is None else _table(file=table, lon=lon, lat=lat, cell=cell, time=time, value=value)
        settings = AuditConfig(min_cover=min_cover, lake_buffer=lake_buffer, outline_buffer=buffer)
        place = None if lake is None else common.point(lake, "--lake")
        found.update(workflow.audit(cube, site, outline=outline, rgi_id=rgi, lake=place, table=columns, settings=settings, figure=out))
        return found

    common.run_command(work, as_json, _text)
    if found["verdict"] == "fails":
        common.fail(found["line"], 1)


def _table(**columns: Any) -> Any:
    from glaciercast import config
    from glaciercast.cube.tally import Table

    if columns["cell"] is None:
        raise InputError("--cell is missing: the side (m) of the square that a row of the table stands for")
    return config.parse(Table, columns, "--table")


def _text(result: dict[str, Any]) -> str:
    rows = [HEADS, *(_row(name, facts) for name, facts in result["products"].items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    table = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    area = result["regions"]["outline"]["area_km2"]
    lake = " and of the lake's surroundings" if "lake" in result["regions"] else ""
    head = f"outline: {result['outline']}, {area:.1f} km²; expected: {result['min_cover']:.0%} of it{lake} observed"
    return "\n".join([head, "", *table, *([result["figure"]] if result["figure"] else [])])


def _row(name: str, facts: dict[str, Any]) -> tuple[str, ...]:
    from glaciercast.cube.audit import percent

    gap = facts["longest_gap_days"]
    lake = percent(facts["lake"]["observed"]) if "lake" in facts else "-"
    shares = (percent(facts["outline"]["grid"]), percent(facts["outline"]["observed"]), lake)
    if facts["dates"] is None:
        return (name, *shares, "-", "-", "-", "-", "-", facts["verdict"])
    dates = f"{facts['dates_seen']} of {facts['dates']}"
    days = "-" if gap is None else f"{gap:.0f} days"
    return (name, *shares, dates, facts["first"] or "-", facts["last"] or "-", days, str(len(facts["months_without"])), facts["verdict"])
