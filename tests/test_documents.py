from __future__ import annotations

import io
import time
import tracemalloc
import zipfile

import docx
import openpyxl
import pytest
from reportlab.pdfgen.canvas import Canvas

from outcrop import documents
from outcrop.documents import read
from outcrop.errors import ValidationException


def make_docx() -> bytes:
    document = docx.Document()
    document.add_heading("Quarterly report", 1)
    document.add_paragraph("Sales rose by 7 %.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "north", "12"
    return saved(document)


def make_xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Sales"
    book.active.append(["region", "sum"])
    book.active.append(["north", 12.5])
    book.active.append([None, None, "late"])
    book.create_sheet("Empty")
    return saved(book)


def make_pdf(pages: int = 2) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for page in range(pages):
        canvas.drawString(72, 700, f"This is page {page + 1}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def saved(thing) -> bytes:
    buffer = io.BytesIO()
    thing.save(buffer)
    return buffer.getvalue()


def repacked(data: bytes, **entries: bytes) -> bytes:
    """A zip archive with some of its entries replaced (their names with `__` for `/` and `_` for `.`)."""
    new = {name.replace("__", "/").replace("_", "."): content for name, content in entries.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for entry in old.namelist():
            out.writestr(entry, new.pop(entry, None) or old.read(entry))
        for name, content in new.items():
            out.writestr(name, content)
    return buffer.getvalue()


HTML = b"""<html><head><title>T</title><style>p {}</style><script>alert(1)</script></head>
<body><h1>Head</h1><p>One <b>two</b></p><noscript>no</noscript></body></html>"""


@pytest.mark.parametrize(
    ("data", "format", "text"),
    [
        ("Grüße\n".encode(), "txt", "Grüße\n"),
        (b"\xef\xbb\xbfwith a mark", "txt", "with a mark"),
        ("wide".encode("utf-16"), "txt", "wide"),
        (b"# Head", "md", "# Head"),
        (b"a,b\n1,2\n", "csv", "a,b\n1,2\n"),
        (HTML, "html", "T\nHead\nOne two"),
        (make_docx(), "docx", "Quarterly report\nSales rose by 7 %.\nnorth | 12"),
        (make_xlsx(), "xlsx", "# Sales\nregion,sum\nnorth,12.5\n,,late\n# Empty"),
    ],
)
def test_every_format_gives_its_text(data, format, text):
    assert read(data, format, "d") == text


def test_a_pdf_gives_its_pages():
    text = read(make_pdf(), "pdf", "d")
    assert text.index("This is page 1") < text.index("This is page 2")


@pytest.mark.parametrize("format", ["docx", "xlsx", "pdf", "txt", "csv", "md"])
@pytest.mark.parametrize("data", [b"\x00\xff\xfe broken", make_docx()[:500], make_pdf()[:100] + b"\xff"])
def test_a_broken_file_is_refused_by_name(data, format):
    with pytest.raises(ValidationException, match=rf"^The document my notes could not be read as {format}"):
        read(data, format, "my notes")


@pytest.mark.parametrize("format", ["pdf", "docx", "xlsx"])
def test_an_empty_file_is_refused(format):
    with pytest.raises(ValidationException):
        read(b"", format, "d")


@pytest.mark.parametrize("format", ["doc", "xls", "rtf"])
def test_formats_that_are_not_read_are_named(format):
    with pytest.raises(ValidationException, match=rf"has the format {format}, which is not supported here: txt, md"):
        read(b"\xd0\xcf\x11\xe0", format, "d")


@pytest.mark.parametrize("make", [make_docx, make_xlsx])
def test_a_zip_bomb_is_refused_before_it_unpacks(make):
    bomb = repacked(make(), media__bomb_xml=b"0" * 60_000_000)
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(ValidationException, match="unpacks to more than 50 MB"):
            read(bomb, make.__name__[5:], "d")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_entities_do_not_multiply():
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    document = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]><d>&l11;</d>'.encode()
    bomb = repacked(make_docx(), word__document_xml=document)
    begun = time.process_time()
    with pytest.raises(ValidationException, match="could not be read as docx"):
        read(bomb, "docx", "d")
    assert time.process_time() - begun < 5


def test_a_sheet_that_claims_to_be_huge_is_read_as_it_is():
    inner = b"""<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
    <dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>7</v></c></row></sheetData></worksheet>"""
    begun = time.process_time()
    assert read(repacked(make_xlsx(), xl__worksheets__sheet1_xml=inner), "xlsx", "d").startswith("# Sales\n7\n")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("format", ["txt", "html", "xlsx"])
def test_too_much_text_is_refused(monkeypatch, format):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 20)
    data = {"txt": b"x" * 21, "html": b"<p>" + b"x" * 21, "xlsx": make_xlsx()}[format]
    with pytest.raises(ValidationException, match="holds more than 20 characters"):
        read(data, format, "d")


PARAGRAPH = "<w:p><w:r><w:t>a</w:t></w:r></w:p>"
NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word(inner: str) -> bytes:
    return repacked(
        make_docx(), word__document_xml=f"<w:document {NAMESPACE}><w:body>{inner}</w:body></w:document>".encode()
    )


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"<div>" * 100_000, "html"),
        (b"<p>a" * 50_000, "html"),
        (b"<!--" * 400_000, "html"),
        (b"<script>" * 400_000, "html"),
        (word(PARAGRAPH * 20_000), "docx"),
        (word("<w:tbl><w:tr><w:tc>" * 20_000 + "</w:tc></w:tr></w:tbl>" * 20_000), "docx"),
    ],
)
def test_files_made_to_be_slow_are_not(monkeypatch, data, format):
    monkeypatch.setattr(documents, "MAX_SECONDS", 600)  # of a wall clock, which other processes use up
    begun = time.process_time()
    read(data, format, "d")
    assert time.process_time() - begun < 4


def test_a_file_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(documents, "MAX_SECONDS", 0.0)
    with pytest.raises(ValidationException, match="The document d takes longer than 0 seconds to read"):
        read(word(PARAGRAPH * 10), "docx", "d")


def test_a_word_file_keeps_breaks_and_footnotes():
    said = "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>"
    inner = f"<w:p>{said}<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    notes = f"<w:footnotes {NAMESPACE}><w:footnote>{PARAGRAPH}</w:footnote></w:footnotes>".encode()
    assert read(repacked(word(inner), word__footnotes_xml=notes), "docx", "d") == "a\tb\nc\na"


def test_an_archive_that_is_no_word_file_is_refused():
    with pytest.raises(ValidationException, match="could not be read as docx"):
        read(make_xlsx(), "docx", "d")
