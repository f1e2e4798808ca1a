"""The tables of the docs, made anew from the committed results alone: nothing is measured.

Usage: python benchmarks/pages.py [NAME ...] [--check]

Each benchmark keeps what it measured in benchmarks/results/<name>.json; its table in docs/results is made of that alone. With
--check nothing is written, and the exit code is 1 if a page differs from its results.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "build", "composite", "forecast", "gapfill", "lakes", "leak", "learnable", "models", "movement", "outlook", "outlook_network",
    "outlook_real", "scoring", "seasons", "skill", "study", "training", "warming",
)  # fmt: skip
"""Benchmarks whose page is ``document(results)``, with one newline at its end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PAGES)}; all if none is given")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page differs")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PAGES):
        sys.exit(f"unknown page {', '.join(sorted(unknown))}; known are {', '.join(PAGES)}")
    stale = [name for name in options.names or PAGES if page(name).read_text(encoding="utf-8") != document(name)]
    for name in stale:
        print(f"{page(name).relative_to(ROOT)} {'differs from' if options.check else 'made from'} {results(name).relative_to(ROOT)}")
        if not options.check:
            page(name).write_text(document(name), encoding="utf-8")
    sys.exit(1 if stale and options.check else 0)


def document(name: str) -> str:
    """Return the page of a benchmark as its committed results make it."""
    return module(name).document(json.loads(results(name).read_text(encoding="utf-8"))).rstrip("\n") + "\n"


def results(name: str) -> Path:
    return ROOT / "benchmarks" / "results" / f"{name}.json"


def page(name: str) -> Path:
    return ROOT / "docs" / "results" / f"{name}.md"


def module(name: str) -> ModuleType:
    """Return the module of a benchmark, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


if __name__ == "__main__":
    main()
