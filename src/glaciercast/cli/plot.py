"""``glaciercast plot``: figures of what is not part of a report."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common

app = typer.Typer(help="Figures beyond those of a report.", no_args_is_help=True)


@app.command()
def embeddings(
    cube: Annotated[str, typer.Argument(help="The aligned cube that the model was trained on, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help="Folder of a trained network, or a run folder that holds one.")],
    out: common.Out,
    method: Annotated[str | None, typer.Option(help="pca (default), or umap, which needs the package umap-learn.")] = None,
    windows: Annotated[int | None, typer.Option(help="Most windows of each part (default 500).")] = None,
    seed: Annotated[int | None, typer.Option(help="Which windows are drawn (default 0).")] = None,
    as_json: common.Json = False,
) -> None:
    """Draw windows of training, validation and test part where a network puts them, by season, NDSI and error."""

    def work() -> dict[str, Any]:
        from glaciercast.workflow import inspection

        settings = inspection.read_inspection_config({"method": method, "windows": windows, "seed": seed})
        return inspection.plot_embeddings(cube, model, out, settings)

    common.run_command(work, as_json, _text)


@app.command()
def flow(
    run: Annotated[str, typer.Argument(help="Run folder of a finished benchmark, or of a whole run, which holds one.")],
    out: common.Out,
    as_json: common.Json = False,
) -> None:
    """Draw the flow of forecast scenes beside that of the true ones, with its end-point error against that of no flow at all."""

    def work() -> dict[str, Any]:
        from glaciercast.workflow import flowing

        return flowing.plot_flow(run, out)

    common.run_command(work, as_json, _flow_text)


def _text(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{number} {part}" for part, number in result["windows"].items())
    head = f"{result['model']}: {result['numbers']} numbers a window; {counts} windows"
    shares = result["variance_shares"] or []
    variance = "share of the training variance: " + ", ".join(f"PC{i} {share:.1%}" for i, share in enumerate(shares[:5], start=1))
    return "\n".join([head, *([variance] if shares else []), result["note"], result["figure"], result["csv"]])


def _flow_text(result: dict[str, Any]) -> str:
    rows = {"no flow at all": result["no_flow"], **result["models"]}
    width = max(map(len, rows))
    lines = [f"{'':{width}}  end-point error of flow over {len(result['steps'])} steps; skill against no flow"]
    for name, row in rows.items():
        error, metres, skill = row["end_point_error_px"], row["end_point_error_m"], row["skill"]
        told = "nothing observed" if error is None else f"{error:.3f} px a step  {metres:.3g} m"
        lines.append(f"{name:{width}}  {told}" + ("" if skill is None else f"  {round(skill, 3) + 0.0:+.3f}"))
    return "\n".join([*lines, f"note: {result['note']}", result["figure"]])
