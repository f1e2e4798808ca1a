"""``glaciercast demo``: the whole chain on a simulated glacier, then on real scenes that every machine can get."""

from typing import Any

from glaciercast.cli import common


def command(out: common.Out = "runs/demo", as_json: common.Json = False) -> None:
    """Build, train, score, forecast and report: first on a simulated glacier, then on real Sentinel-2 scenes (mountains, not a glacier)."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.demo(out), as_json, _text)


def _text(result: dict[str, Any]) -> str:
    parts = [common.pipeline_text(result[part]) for part in ("simulated", "real")]
    return "\n\n".join([*parts, f"Both on one page: {result['report']}"])
