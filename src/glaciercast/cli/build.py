"""``glaciercast build``: scenes to a cube."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    source: Annotated[
        str, typer.Argument(help="A site's name or RGI id, a YAML file with 'site', or a recipe of your own scenes (YAML with 'files').")
    ],
    out: Annotated[str | None, typer.Option("--out", "-o", help="Run folder to write; an unfinished one is taken up again.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, such as 2018-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    products: Annotated[str | None, typer.Option(help="Some of dem,landsat,sentinel2,itslive,modis (default: all).")] = None,
    catalogue: Annotated[str | None, typer.Option(help="planetary-computer, earth-search, a STAC API's URL or a catalog.json.")] = None,
    outline: Annotated[str | None, typer.Option(help="File of glacier outlines (default: the site's).")] = None,
    register: Annotated[bool, typer.Option("--register", help="Lay every scene onto frames of the first years and the relief.")] = False,
    set_: common.Set = None,
    cache: common.Cache = None,
    connections: common.Connections = None,
    fetching: common.Fetch = None,
    scheduler: Annotated[
        str, typer.Option(help="Who reads scenes: none (this process), a number of local workers, or a dask scheduler's tcp://host:port.")
    ] = "none",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched and stop.")] = False,
    as_json: common.Json = False,
) -> None:
    """Build a cube (one Zarr v3 store) of a site from satellite archives, or from your own scenes; resumes by scene."""

    def work() -> dict[str, Any]:
        from glaciercast import workflow
        from glaciercast.errors import InputError
        from glaciercast.sources.recipe import Recipe

        options = {
            "start": start,
            "end": end,
            "catalogue": catalogue,
            "site.outline": outline,
            "registration.enabled": True if register else None,
            "products": None if products is None else [name.strip() for name in products.split(",") if name.strip()],
        }
        given = {key: value for key, value in options.items() if value is not None}
        settings = workflow.read_source(source, {**common.overrides(set_), **given})
        if scheduler != "none" and isinstance(settings, Recipe):
            raise InputError("--scheduler: your own scenes are read by one process; expected none")
        how = common.fetching(cache, connections, fetching).model_copy(update={"scheduler": scheduler})
        if dry_run:
            if isinstance(settings, Recipe):
                raise InputError("--dry-run: your own scenes need no fetching")
            return workflow.plan(settings, how)
        if out is None:
            raise InputError("--out: expected a run folder to write (or --dry-run)")
        return workflow.build(settings, out, how)

    plan: dict[str, Any] = {}
    common.run_command(lambda: plan.setdefault("made", work()), as_json, _text)
    empty = [name for name, facts in plan["made"].get("products", {}).items() if "error" in facts]
    if empty:
        common.fail(f"a build would find nothing of {', '.join(empty)}; leave out what there is not with --products", 2)


def _text(result: dict[str, Any]) -> str:
    if "products" not in result:
        scenes = f"{result['scenes']} scenes {result['first']} … {result['last']}"
        return f"{result['cube']}: {scenes}, {result['clear_fraction']:.0%} clear, {result['grid']}"
    return "\n".join(
        [result.get("cube", "Nothing fetched yet."), *(f"{name:<10} {facts['text']}" for name, facts in result["products"].items())]
    )
