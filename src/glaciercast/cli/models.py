"""``glaciercast models``: what can be compared."""

from typing import Any

from glaciercast.cli import common


def command(as_json: common.Json = False) -> None:
    """List the baselines and networks with their options."""

    def work() -> dict[str, Any]:
        from glaciercast.models import registry

        return {"models": registry.describe()}

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    lines = []
    for model in result["models"]:
        lines.append(f"{model['name']:<16} {model['kind']:<9} {model['summary']}")
        lines += [f"{'':<26} {key} = {value}" for key, value in model["options"].items()]
    return "\n".join(lines)
