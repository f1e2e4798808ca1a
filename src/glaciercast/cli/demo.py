"""``glaciercast demo``: the whole chain on real scenes that every machine can get."""

from glaciercast.cli import common


def command(out: common.Out = "runs/demo", as_json: common.Json = False) -> None:
    """Build, train, score, forecast and report on real Sentinel-2 scenes (mountains with a snow season, not a glacier)."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.demo(out), as_json, common.pipeline_text)
