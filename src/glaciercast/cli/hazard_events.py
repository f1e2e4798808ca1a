"""``glaciercast hazard events``: what a catalogue of outburst floods tells."""

from typing import Annotated, Any, Literal

import typer

from glaciercast.cli import common


def command(
    file: Annotated[str, typer.Argument(help="HMAGLOFDB.csv, the workbook of the global inventory, or a CSV table of your own.")],
    form: Annotated[Literal["hmaglofdb", "global", "csv"] | None, typer.Option("--format", help="Default: told from the file.")] = None,
    lake: Annotated[str | None, typer.Option(help="Only floods of this lake or glacier, with its date baselines.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only lakes held by: ice, moraine, supraglacial, bedrock …")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Day, month or year; only floods that began later for certain.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Day, month or year; only floods that began earlier for certain.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="CSV table of the floods to write.")] = None,
    records: Annotated[str | None, typer.Option(help="Folder with a lakes.csv: write the floods of its lakes to its events.csv.")] = None,
    as_json: common.Json = False,
) -> None:
    """Count past floods by type of lake, month, decade and how well they are dated; for one lake, what its dates alone can tell."""

    def work() -> dict[str, Any]:
        from glaciercast.workflow.floods import floods

        return floods(file, form=form, lake=lake, kind=kind, first=first, last=last, out=out, records=records)

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    parts = [f"{result['source']}: {result['events']} floods", "", *_aligned(_months(result)), ""]
    for title, key in (("began in the", "by_decade"), ("dated to a", "by_precision")):
        parts.append(f"{title}: " + ", ".join(f"{name} {count}" for name, count in result[key].items() if count))
    if result["notes"]:
        parts += ["", "mended or refused:", *(f"  {note}" for note in result["notes"])]
    if "baselines" in result:
        parts += ["", f"{result['lake']}: {len(result['dates'])} floods known to the day", "", *_aligned(_rules(result["baselines"]))]
    if "matched" in result:
        parts += ["", "floods of the records' lakes: " + ", ".join(f"{name} {count}" for name, count in result["matched"].items())]
        parts += [f"  {line}" for line in result["left_out"]]
    written = [result[key] for key in ("out", "records") if key in result]
    return "\n".join([*parts, *(["", *written] if written else [])])


def _months(result: dict[str, Any]) -> list[tuple[str, ...]]:
    head = ("lake", "floods", *"JFMAMJJASOND", "unknown")
    rows = [(kind, str(sum(months.values())), *map(str, months.values())) for kind, months in result["by_type_and_month"].items()]
    return [head, *rows, ("all", str(result["events"]), *map(str, result["by_month"].values()))]


def _rules(baselines: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("rule", "mean error, days", "floods", "")]
    for rule in baselines:
        error = "-" if rule["mean_error_days"] is None else f"{rule['mean_error_days']:.1f}"
        rows.append((rule["rule"], error, str(rule["floods"]), "looks ahead: no forecast" if rule["looks_ahead"] else ""))
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
