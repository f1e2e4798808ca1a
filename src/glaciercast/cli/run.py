"""``glaciercast run``: the whole chain from one config."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    config: Annotated[str, typer.Argument(help="YAML file: recipe (or build), align, windows, models, training.")],
    out: common.Out,
    set_: common.Set = None,
    as_json: common.Json = False,
) -> None:
    """Do everything for one set of scenes: build, align, train, score, forecast, report."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.run(workflow.read_run_config(config, common.overrides(set_)), out), as_json, common.pipeline_text)
