"""The data sheet of a data set: what it holds, where it is from, how it was made, and what it does not tell.

The questions are those of Gebru et al. (2021), "Datasheets for Datasets", Communications of the ACM 64(12).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FILE = "datasheet.md"


def text(told: Mapping[str, Any]) -> str:
    """Return the data sheet in Markdown; `told` is what ``dataset.json`` holds."""
    sections = (_what(told), _variables(told), _where(told), _split(told), _parts(told), _form(told), _licence(told), _limits(told))
    return "\n".join([f"# {told['title']}", "", *(line for section in sections for line in (*section, ""))]).rstrip() + "\n"


def _what(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it is for"
    yield ""
    total = sum(part["windows"] for part in told["parts"].values())
    yield (
        f"Learning to forecast {', '.join(told['targets'])} of glaciers from {', '.join(told['variables'])}: {total} windows of "
        f"{told['patch']}×{told['patch']} pixels of {told['resolution']:g} m, {told['n_input']} input and {told['n_target']} target steps "
        f"(cadence {told['cadence']}). An input holds only what was seen, or filled from what was seen, up to its last step."
    )


def _variables(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Variables"
    yield ""
    yield "Statistics are those of the training frames alone, weighted by the observed fraction; range and share are of the same frames."
    yield ""
    yield "| variable | meaning | unit | mean | standard deviation | minimum | maximum | observed |"
    yield "|---|---|---|---|---|---|---|---|"
    found = told["statistics"]
    for number, name in enumerate(told["variables"]):
        row = [f"{found[key][number]:.4g}" for key in ("mean", "std", "minimum", "maximum")]
        share = f"{found['observed_share'][number]:.0%}"
        yield f"| `{name}` | {told['long_names'][name]} | {told['units'][name]} | {' | '.join(row)} | {share} |"
    yield ""
    yield "Values are in these units, NaN where nothing is known. `inputs_observed` and `targets_observed` hold the fraction of each value"
    yield "that was observed: 0 where it was filled or is unknown. Weigh losses and scores with it."
    if told["statics"]:
        yield f"`statics`: {', '.join(told['statics'])}, each brought to mean 0 and standard deviation 1 over its own scene."
    yield "`inputs_season`, `targets_season`: sine and cosine of the phase of the year at mid-step."


def _where(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Where it is from"
    yield ""
    yield "| cube | place | grid | west, south, east, north | from | to | steps |"
    yield "|---|---|---|---|---|---|---|"
    for place in told["places"]:
        edges = ", ".join(f"{edge:.3f}" for edge in place["bbox"])
        yield (f"| {place['name']} | {place['title']} | {place['grid']} | {edges} | {place['from']} | {place['to']} | {place['steps']} |")
    for place in told["places"]:
        if place["comment"]:
            yield ""
            yield f"{place['name']}: {place['comment']}"


def _split(told: Mapping[str, Any]) -> Iterator[str]:
    split = told["split"]
    yield "## How parts are kept apart"
    yield ""
    yield split["sentence"]
    yield (
        f"What enters a step extends over {split['composite_length']} steps (composites and image pairs); {split['gap_steps']} steps lie "
        "between the targets of one part and of the next."
    )
    if split["left_out"]:
        yield f"Left out of training and validation: {split['left_out']}."
    if copies := told["parts"]["train"]["varied_copies"]:
        varied = ", ".join(f"{key} {value}" for key, value in told["settings"]["augment"].items() if value and key != "copies")
        yield f"After the split, {copies} varied copies of each training window were added ({varied}; `copy` > 0)."
        yield "Validation and test windows are as they were seen."
    if split["kind"] == "space":
        yield "Parts are of the same times: scores on the test part tell nothing of the future."


def _parts(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Counts"
    yield ""
    yield "| part | windows | targets from | to | of |"
    yield "|---|---|---|---|---|"
    for name, part in told["parts"].items():
        cubes = ", ".join(f"{cube} {count}" for cube, count in part["by_cube"].items())
        yield f"| {name} | {part['windows']} | {part['targets_from']} | {part['targets_to']} | {cubes} |"
    yield ""
    yield "Observed share of targets:"
    yield ""
    yield f"| part | {' | '.join(told['targets'])} |"
    yield "|---|" + "---|" * len(told["targets"])
    for name, part in told["parts"].items():
        shares = [f"{part['targets_observed'][target]:.0%}" for target in told["targets"]]
        yield f"| {name} | {' | '.join(shares)} |"


def _form(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Files"
    yield ""
    if "zarr" in told["forms"]:
        yield "- `windows.zarr`: Zarr v3, a group a part, one chunk a window. Attributes of a group name variables, mean and std in order."
    if "tar" in told["forms"]:
        yield "- `shards/PART-NNNNNN.tar`: WebDataset layout, `<key>.inputs.npy`, `.inputs_observed.npy`, `.targets.npy`,"
        yield "  `.targets_observed.npy`, `.statics.npy` (where there are some), `.inputs_season.npy`, `.targets_season.npy`, `.json`."
    yield "- `windows.csv`: when and where each window is, from when its inputs could be had (`available_at`), and what of it was observed."
    yield "- `dataset.json`: settings, statistics, split and counts; `croissant.json`: Croissant; `collection.json`, `items/`: STAC."
    yield "- `SHA256SUMS`: `sha256sum -c SHA256SUMS` compares every file."
    order = "Training windows are shuffled once, by a seed; validation and test windows stand in order of time."
    yield ""
    yield order


def _licence(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Licence and attribution"
    yield ""
    yield f"Licence of the data set: {told['licence'] or 'none stated; those of its sources hold'}."
    for place in told["places"]:
        yield ""
        yield f"{place['name']}: {'; '.join(place['attribution']) or 'no attribution stated by the cube'}."
        yield f"Licences of the sources: {', '.join(place['licence']) or 'not stated by the cube'}."


def _limits(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it does not tell"
    yield ""
    yield "- Where the observed fraction is 0 a value is a fill, not a measurement: what is scored there is the fill."
    yield "- Windows overlap in time, and in training may overlap in space: they are far fewer independent samples than windows."
    yield "- Clouds and darkness hide some seasons more than others, so that what was observed is not a fair sample of all states."
    if {"vx", "vy", "speed"} & set(told["variables"]):
        yield "- Velocities are from image pairs that span months: a step's velocity is a mean over its pairs, not of the step alone."
    if {"lst_day", "lst_night"} & set(told["variables"]):
        yield "- Temperatures are of clear sky, on a far coarser grid than the pixels here; over melting ice they end at 273.15 K."
    if len(told["places"]) == 1:
        yield "- One place only: nothing here tells how a model does on another glacier."
    for place in told["places"]:
        if not place["is_glacier"]:
            yield f"- {place['name']} is not a glacier."
