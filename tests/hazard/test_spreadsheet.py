"""Workbooks are read cell by cell, as a spreadsheet would show them."""

import pytest
from tests.hazard import made_catalogues

from glaciercast.errors import InputError
from glaciercast.hazard import spreadsheet

OFFICE = made_catalogues.OPEN_DOCUMENT


def ods(path, rows):
    """Return the cells of one sheet of rows of XML."""
    body = OFFICE.format(f'<table:table table:name="A">{rows}</table:table>')
    return spreadsheet.read(made_catalogues.write_zip(path / "a.ods", {"content.xml": body}))["A"]


def test_an_open_document_sheet_gives_typed_cells_repeats_and_no_comments(tmp_path):
    rows = (
        '<table:table-row><table:table-cell office:value-type="date" office:date-value="2021-05-15T00:00:00"><text:p>15/05/21</text:p>'
        '</table:table-cell><table:table-cell office:value-type="float" office:value="36.355940"><text:p>36.4</text:p></table:table-cell>'
        '<table:covered-table-cell/><table:table-cell table:number-columns-repeated="2"><text:p>ice</text:p></table:table-cell>'
        "<table:table-cell><text:p>V<text:span>0</text:span><text:s/>m<text:tab/>s<text:line-break/>end"
        "<office:annotation><text:p>a comment</text:p></office:annotation>!</text:p><text:p>two</text:p></table:table-cell>"
        "</table:table-row>"
        '<table:table-row><table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
    )
    assert ods(tmp_path, rows) == [["2021-05-15", "36.355940", "", "ice", "ice", "V0 m s\nend!\ntwo"]]


def test_an_excel_sheet_gives_shared_and_own_texts_numbers_and_days(tmp_path):
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    linked = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    cells = (
        '<c r="A1" t="s"><v>0</v></c><c r="C1" s="1"><v>44331</v></c><c r="D1" s="2"><v>44331</v></c><c r="E1"><v>36.5</v></c>'
        '<c r="AA1" t="inlineStr"><is><t>far</t></is></c>'
    )
    parts = {
        "xl/workbook.xml": f'<workbook {main} {linked}><sheets><sheet name="One" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" Target="/xl/worksheets/s.xml"/></Relationships>',
        "xl/sharedStrings.xml": f"<sst {main}><si><r><t>Shis</t></r><r><t>per</t></r></si></sst>",
        "xl/styles.xml": f'<styleSheet {main}><numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs></styleSheet>',
        "xl/worksheets/s.xml": f"<worksheet {main}><sheetData><row>{cells}</row></sheetData></worksheet>",
    }
    row = spreadsheet.read(made_catalogues.write_zip(tmp_path / "a.xlsx", parts))["One"][0]
    assert row[:5] == ["Shisper", "", "2021-05-15", "2021-05-15", "36.5"]
    assert row[26] == "far"
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    assert spreadsheet.read(made_catalogues.write_zip(tmp_path / "b.xlsx", parts))["One"][0][2] == "2025-05-16"


def test_what_is_no_workbook_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        spreadsheet.read(tmp_path / "none.ods")
    (tmp_path / "text.ods").write_text("a,b", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        spreadsheet.read(tmp_path / "text.ods")
    with pytest.raises(InputError, match=r"found an archive of a\.txt"):
        spreadsheet.read(made_catalogues.write_zip(tmp_path / "other.zip", {"a.txt": ""}))
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        spreadsheet.read(made_catalogues.write_zip(tmp_path / "broken.ods", {"content.xml": "<a><b></a>"}))
    bomb = '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'
    with pytest.raises(InputError, match="declares a document type"):
        spreadsheet.read(made_catalogues.write_zip(tmp_path / "entity.ods", {"content.xml": bomb}))
