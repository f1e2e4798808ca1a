"""A data set in Croissant (MLCommons, format 1.0): its files with checksums, and what their records hold.

Specification: https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glaciercast.dataset import describe, tar_form, zarr_form

FILE = "croissant.json"
CONFORMS = "http://mlcommons.org/croissant/1.0"
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField",
    "path": "cr:path", "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator",
    "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
COLUMN_TYPES = {
    "number": "sc:Integer", "copy": "sc:Integer", "row": "sc:Integer", "column": "sc:Integer", "x": "sc:Float", "y": "sc:Float",
    "longitude": "sc:Float", "latitude": "sc:Float", "inputs_observed": "sc:Float", "targets_observed": "sc:Float",
    "first_input": "sc:DateTime", "first_target": "sc:DateTime", "last_target": "sc:DateTime", "available_at": "sc:DateTime",
}  # fmt: skip
"""Column of ``windows.csv`` → its type; text where it is not here."""
MEANINGS = {
    "inputs": "what is read, (input step, variable, y, x)",
    "inputs_observed": "observed fraction of the inputs, 0 where filled or unknown",
    "targets": "what is to be forecast, (target step, target, y, x)",
    "targets_observed": "observed fraction of the targets, 0 where filled or unknown",
    "statics": "fields that do not change, normalised by scene, (static, y, x)",
    "inputs_season": "sine and cosine of the phase of the year, (input step, 2)",
    "targets_season": "sine and cosine of the phase of the year, (target step, 2)",
}


def document(told: Mapping[str, Any], sums: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the JSON-LD document.

    Parameters
    ----------
    told
        What ``dataset.json`` holds.
    sums, sizes
        Path → SHA-256 and bytes of the files so far.
    """
    licences = [told["licence"]] if told["licence"] else list(dict.fromkeys(one for place in told["places"] for one in place["licence"]))
    credit = list(dict.fromkeys(text for place in told["places"] for text in place["attribution"]))
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": f"glaciercast-{told['identity'][:12]}",
        "alternateName": told["title"],
        "description": f"{told['title']}. {told['split']['sentence']} Statistics are of the training frames alone; see datasheet.md.",
        "version": "1.0.0",
        "url": "./",
        "datePublished": max(place["to"] for place in told["places"]),
        "keywords": ["glacier", *told["variables"]],
        "creator": [{"@type": "sc:Organization", "name": text} for text in credit] or [{"@type": "sc:Organization", "name": "not stated"}],
        "citeAs": "; ".join(credit) or "not stated by the sources",
        "distribution": _distribution(told, sums, sizes),
        "recordSet": [_parts(told), _windows(), *([_samples(told)] if "tar" in told["forms"] else [])],
    }
    made["license"] = licences or "not stated by the sources"
    return made


def _file(path: str, media: str, sums: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": path, "name": path, "contentUrl": path, "encodingFormat": media, "sha256": sums[path],
        "contentSize": f"{sizes[path]} B",
    }  # fmt: skip


def _distribution(told: Mapping[str, Any], sums: Mapping[str, str], sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    made = [
        _file(describe.WINDOWS, "text/csv", sums, sizes),
        _file(describe.FILE, "application/json", sums, sizes),
        _file("datasheet.md", "text/markdown", sums, sizes),
    ]
    if "zarr" in told["forms"]:
        media = {True: "application/json", False: "application/octet-stream"}
        made += [_file(path, media[path.endswith(".json")], sums, sizes) for path in sums if path.startswith(f"{zarr_form.NAME}/")]
    if "tar" in told["forms"]:
        shards = [path for path in sums if path.startswith(f"{tar_form.FOLDER}/")]
        made += [_file(path, "application/x-tar", sums, sizes) for path in shards]
        inside = [{"@id": path} for path in shards]
        made += [
            {
                "@type": "cr:FileSet", "@id": name, "name": name, "description": MEANINGS[name], "containedIn": inside,
                "encodingFormat": "application/octet-stream", "includes": f"*.{name}.npy",
            }
            for name in _fields(told)
        ]  # fmt: skip
    return made


def _fields(told: Mapping[str, Any]) -> list[str]:
    return [name for name in MEANINGS if name != "statics" or told["statics"]]


def _parts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts as an enumeration that the table of windows refers to."""
    rows = [{"parts/name": part, "parts/url": SPLITS[part]} for part in told["parts"]]
    return {
        "@type": "cr:RecordSet", "@id": "parts", "name": "parts", "dataType": "cr:Split", "key": {"@id": "parts/name"},
        "field": [
            {"@type": "cr:Field", "@id": "parts/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "parts/url", "name": "url", "dataType": ["sc:URL", "wd:Q3985153"]},
        ],
        "data": rows,
    }  # fmt: skip


def _windows() -> dict[str, Any]:
    """Return the record set of the table of windows."""
    fields = []
    for column in describe.COLUMNS:
        field: dict[str, Any] = {
            "@type": "cr:Field", "@id": f"windows/{column}", "name": column, "dataType": COLUMN_TYPES.get(column, "sc:Text"),
            "source": {"fileObject": {"@id": describe.WINDOWS}, "extract": {"column": column}},
        }  # fmt: skip
        if column == "part":
            field["references"] = {"field": {"@id": "parts/name"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet", "@id": "windows", "name": "windows", "description": "when and where each window is",
        "key": {"@id": "windows/key"}, "field": fields,
    }  # fmt: skip


def _samples(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record set of the inputs in the shards, as the bytes of NumPy files."""
    fields = [
        {
            "@type": "cr:Field", "@id": "samples/name", "name": "name", "dataType": "sc:Text", "description": "name of the file",
            "source": {"fileSet": {"@id": "inputs"}, "extract": {"fileProperty": "filename"}},
        },
        {
            "@type": "cr:Field", "@id": "samples/inputs", "name": "inputs", "dataType": "sc:Text", "description": MEANINGS["inputs"],
            "source": {"fileSet": {"@id": "inputs"}, "extract": {"fileProperty": "content"}},
        },
    ]  # fmt: skip
    return {"@type": "cr:RecordSet", "@id": "samples", "name": "samples", "description": "inputs as NumPy files", "field": fields}
