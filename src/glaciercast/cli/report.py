"""``glaciercast report``: the figures and the page of a finished run."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    folder: Annotated[str, typer.Argument(help="Run folder of a benchmark, run or demo.")],
    as_json: common.Json = False,
) -> None:
    """Draw the figures and write the report page of a run folder from its results."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.report(folder), as_json, lambda result: result["report"])
