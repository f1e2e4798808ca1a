"""Sheets of a workbook (OpenDocument .ods or Excel .xlsx) as text, without a spreadsheet library."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

from glaciercast.errors import InputError

Sheets = dict[str, list[list[str]]]
"""Rows of cells by sheet, in the workbook's order."""
LARGEST = 2**29
"""Bytes of XML that one sheet may unpack to; more is refused."""
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_SPACES = MappingProxyType({f"{_TEXT}s": " ", f"{_TEXT}tab": " ", f"{_TEXT}line-break": "\n"})
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
_MOST_CELLS = 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, ElementTree.ParseError, EOFError, LookupError, RuntimeError, ValueError)


def read(path: str | Path) -> Sheets:
    """Return the sheets of a workbook; dates as ``YYYY-MM-DD``, numbers as written, empty rows left out.

    Raises
    ------
    InputError
        If the file is not there, no .ods or .xlsx workbook, or larger than `LARGEST`.
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"{place}: no such file")
    try:
        with zipfile.ZipFile(place) as archive:
            names = set(archive.namelist())
            if "content.xml" in names:
                return _open_document(_xml(archive, "content.xml"))
            if "xl/workbook.xml" in names:
                return _excel(archive)
    except _BROKEN as error:
        raise InputError(f"{place}: cannot be read as a workbook: {' '.join(str(error).split())}") from error
    raise InputError(f"{place}: expected a workbook (.ods or .xlsx), found an archive of {', '.join(sorted(names)[:3]) or 'nothing'}")


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    info = archive.getinfo(name)
    if info.file_size > LARGEST:
        raise ValueError(f"{name} unpacks to {info.file_size} bytes, more than {LARGEST}")
    data = archive.read(info)
    if b"<!DOCTYPE" in data[:4096]:
        raise ValueError(f"{name} declares a document type, which no workbook needs")
    return ElementTree.fromstring(data)


def _open_document(root: ElementTree.Element) -> Sheets:
    return {
        sheet.get(f"{_TABLE}name", ""): _rows(_open_rows(sheet))
        for sheet in root.iter(f"{_TABLE}table")
        if not sheet.get(f"{_TABLE}name", "").startswith("'file:")
    }


def _open_rows(sheet: ElementTree.Element) -> Iterator[list[str]]:
    for row in sheet.iter(f"{_TABLE}table-row"):
        cells: list[str] = []
        for cell in row:
            if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                times = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
                cells += [_open_cell(cell)] * min(times, _MOST_CELLS)
        yield cells


def _open_cell(cell: ElementTree.Element) -> str:
    if cell.get(f"{_OFFICE}value-type") == "date":
        return cell.get(f"{_OFFICE}date-value", "")[:10]
    if cell.get(f"{_OFFICE}value-type") in ("float", "percentage", "currency"):
        return cell.get(f"{_OFFICE}value", "")
    return "\n".join(_words(part) for part in cell if part.tag == f"{_TEXT}p")


def _words(part: ElementTree.Element) -> str:
    text = part.text or ""
    for child in part:
        if child.tag != f"{_OFFICE}annotation":
            text += _SPACES.get(child.tag) or _words(child)
        text += child.tail or ""
    return text


def _excel(archive: zipfile.ZipFile) -> Sheets:
    book = _xml(archive, "xl/workbook.xml")
    links = {link.get("Id"): link.get("Target", "") for link in _xml(archive, "xl/_rels/workbook.xml.rels")}
    names = set(archive.namelist())
    shared = [_all_text(item) for item in _xml(archive, "xl/sharedStrings.xml")] if "xl/sharedStrings.xml" in names else []
    dated = _date_styles(_xml(archive, "xl/styles.xml")) if "xl/styles.xml" in names else frozenset()
    setting = book.find(f"{_MAIN}workbookPr")
    first = datetime(1904, 1, 1) if setting is not None and setting.get("date1904") in ("1", "true") else datetime(1899, 12, 30)
    found = {}
    for sheet in book.iter(f"{_MAIN}sheet"):
        target = links[sheet.get(_LINK)]
        root = _xml(archive, target.lstrip("/") if target.startswith("/") else f"xl/{target}")
        found[sheet.get("name", "")] = _rows(_excel_rows(root, lambda cell: _excel_cell(cell, shared, dated, first)))
    return found


def _excel_rows(sheet: ElementTree.Element, read_cell: Callable[[ElementTree.Element], str]) -> Iterator[list[str]]:
    for row in sheet.iter(f"{_MAIN}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            column = _column(cell.get("r", "")) if cell.get("r") else len(cells)
            cells += [""] * (min(column, _MOST_CELLS) - len(cells))
            cells.append(read_cell(cell))
        yield cells


def _excel_cell(cell: ElementTree.Element, shared: list[str], dated: frozenset[int], first: datetime) -> str:
    if cell.get("t") == "inlineStr":
        return _all_text(cell)
    text = cell.findtext(f"{_MAIN}v", "")
    if cell.get("t") == "s":
        return shared[int(text)]
    if cell.get("t", "n") == "n" and text and int(cell.get("s", "0")) in dated:
        return f"{first + timedelta(days=float(text)):%Y-%m-%d}"
    return text[:10] if cell.get("t") == "d" else text


def _date_styles(styles: ElementTree.Element) -> frozenset[int]:
    own = {int(form.get("numFmtId", "0")): form.get("formatCode", "") for form in styles.iter(f"{_MAIN}numFmt")}
    cells = styles.find(f"{_MAIN}cellXfs")
    formats = [] if cells is None else [int(form.get("numFmtId", "0")) for form in cells]
    return frozenset(number for number, form in enumerate(formats) if form in _DATE_FORMATS or _is_date(own.get(form, "")))


def _is_date(code: str) -> bool:
    return bool(re.search(r"[dy]", re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code.lower())))


def _column(cell: str) -> int:
    number = 0
    for letter in re.match(r"[A-Z]*", cell)[0]:  # type: ignore[index]
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _all_text(item: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in item.iter(f"{_MAIN}t"))


def _rows(rows: Iterator[list[str]]) -> list[list[str]]:
    return [row for row in ([cell.replace("\xa0", " ").strip() for cell in row] for row in rows) if any(row)]
