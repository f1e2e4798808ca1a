"""``glaciercast plot``: figures of what is not part of a report."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common

app = typer.Typer(help="Figures beyond those of a report.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of a command needed though there is only one."""


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


def _text(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{number} {part}" for part, number in result["windows"].items())
    head = f"{result['model']}: {result['numbers']} numbers a window; {counts} windows"
    shares = result["variance_shares"] or []
    variance = "share of the training variance: " + ", ".join(f"PC{i} {share:.1%}" for i, share in enumerate(shares[:5], start=1))
    return "\n".join([head, *([variance] if shares else []), result["note"], result["figure"], result["csv"]])
