"""``glaciercast run``: the whole chain from one config."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    config: Annotated[str, typer.Argument(help="YAML file: recipe (or build), align, windows, models, training.")],
    out: common.Out,
    set_: common.Set = None,
    cache: common.Cache = None,
    connections: common.Connections = None,
    fetching: common.Fetch = None,
    as_json: common.Json = False,
) -> None:
    """Do everything for one site or set of scenes: build, align, train, score, forecast, report."""
    from glaciercast import workflow

    def work() -> dict[str, Any]:
        settings = workflow.read_run_config(config, common.overrides(set_))
        return workflow.run(settings, out, common.fetching(cache, connections, fetching))

    common.run_command(work, as_json, common.pipeline_text)
