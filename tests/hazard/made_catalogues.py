"""Small catalogues in the layouts in which they are published."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from glaciercast.hazard.catalogue_hmaglofdb import NEEDED

GLOBAL_HEAD = (
    *("ID", "Major_RGI_Region", "Mountain_range_Region", "Country", "Glacier", "RGI_Glacier_Id", "RGI_Glacier_Area", "Lake"),
    *("Lake_type", "Mechanism", "Longitude", "Latitude", "River", "Date", "Date_Min", "Date_Max", "Reference"),
)
DESCRIPTION = ["running number", *[""] * 15, "what is cited"]
EXAMPLE = ["", *[""] * 12, "YYYY-MM-DD", "YYYY-MM-DD", "YYYY-MM-DD", ""]
OPEN_DOCUMENT = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    "<office:body><office:spreadsheet>{}</office:spreadsheet></office:body></office:document-content>"
)


def global_row(**cells: str) -> list[str]:
    """Return a row of the global inventory."""
    return [cells.get(name, "") for name in GLOBAL_HEAD]


def global_sheet(*rows: list[str]) -> list[list[str]]:
    """Return a sheet of a region: names of columns, two rows that describe them, and the floods."""
    return [list(GLOBAL_HEAD), DESCRIPTION, EXAMPLE, *rows]


def write_ods(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """Write sheets of texts as an OpenDocument workbook; numbers and days get their types, as a spreadsheet would give them."""
    body = "".join(
        f'<table:table table:name="{escape(name)}">{"".join(map(_ods_row, rows))}</table:table>' for name, rows in sheets.items()
    )
    return write_zip(path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": OPEN_DOCUMENT.format(body)})


def write_xlsx(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """Write sheets of texts as an Excel workbook with shared strings."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    linked = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    words = sorted({cell for rows in sheets.values() for row in rows for cell in row if cell})
    entries = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    links = "".join(f'<Relationship Id="r{n}" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1))
    parts = {
        "xl/workbook.xml": f"<workbook {main} {linked}><sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{links}</Relationships>",
        "xl/sharedStrings.xml": f"<sst {main}>{''.join(f'<si><t>{escape(word)}</t></si>' for word in words)}</sst>",
    }
    for number, rows in enumerate(sheets.values(), 1):
        lines = "".join(f"<row>{''.join(_xlsx_cell(column, cell, words) for column, cell in enumerate(row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet {main}><sheetData>{lines}</sheetData></worksheet>"
    return write_zip(path, parts)


def write_zip(path: Path, parts: dict[str, str]) -> Path:
    """Write texts as an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def write_hmaglofdb(path: Path, *rows: dict[str, str]) -> Path:
    """Write rows in the layout of HMAGLOFDB, in its bytes (cp1252)."""
    blank = dict.fromkeys(NEEDED, "NA") | {
        "Lake_type": "Ice dammed",
        "Country": "Pakistan",
        "Sat_evidence": "",
        "Lat_lake": "36.4",
        "Lon_lake": "74.5",
    }
    with path.open("w", encoding="cp1252", newline="") as file:
        table = csv.DictWriter(file, fieldnames=NEEDED)
        table.writeheader()
        table.writerows({**blank, "GF_ID": str(number), **row} for number, row in enumerate(rows, 1))
    return path


def _ods_row(row: list[str]) -> str:
    return f'<table:table-row>{"".join(map(_ods_cell, row))}<table:table-cell table:number-columns-repeated="1000"/></table:table-row>'


def _ods_cell(cell: str) -> str:
    if not cell:
        return "<table:table-cell/>"
    if cell.replace(".", "", 1).replace("-", "", 1).isdigit() and cell.count("-") < 2 and cell[4:5] != "-":
        return f'<table:table-cell office:value-type="float" office:value="{cell}"><text:p>{cell}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'


def _xlsx_cell(column: int, cell: str, words: list[str]) -> str:
    return f'<c r="{chr(ord("A") + column)}1" t="s"><v>{words.index(cell)}</v></c>' if cell else ""
