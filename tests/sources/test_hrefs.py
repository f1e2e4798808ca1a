"""Hrefs of catalogues are untrusted: where they lead, and where they are not followed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.sources import hrefs

PUBLIC = "https://example.org/stac/landsat/item.json?token=secret"


@pytest.mark.parametrize(
    ("href", "base", "found"),
    [
        ("B03.tif", PUBLIC, "https://example.org/stac/landsat/B03.tif"),
        ("../dem/a.tif", PUBLIC, "https://example.org/stac/dem/a.tif"),
        ("/top/a.tif", PUBLIC, "https://example.org/top/a.tif"),
        ("//other.org/a.tif", PUBLIC, "https://other.org/a.tif"),
        ("https://blob.example/a.tif?sig=1%2F2", PUBLIC, "https://blob.example/a.tif?sig=1%2F2"),
        ("s3://its-live-data/datacubes/v2/N30E070/a.zarr", PUBLIC, "https://its-live-data.s3.amazonaws.com/datacubes/v2/N30E070/a.zarr"),
        ("s3://my.bucket/a b#1.tif", PUBLIC, "https://s3.amazonaws.com/my.bucket/a%20b%231.tif"),
        ("http://127.0.0.1:80/a.tif", "http://localhost:90/item.json", "http://127.0.0.1:80/a.tif"),
    ],
)
def test_where_an_href_leads(href, base, found):
    assert hrefs.resolve(href, base) == found


def test_local_documents(tmp_path):
    document = tmp_path / "landsat" / "item" / "item.json"
    assert hrefs.resolve("a.tif", str(document)) == str(tmp_path / "landsat" / "item" / "a.tif")
    assert hrefs.resolve("../../dem/a.tif", str(document), str(tmp_path)) == str(tmp_path / "dem" / "a.tif")
    assert hrefs.resolve("../../dem/a.tif", document.as_uri(), str(tmp_path / "catalog.json")) == str(tmp_path / "dem" / "a.tif")
    assert hrefs.resolve((tmp_path / "a b.tif").as_uri(), str(document), str(tmp_path)) == str(tmp_path / "a b.tif")
    assert hrefs.resolve("http://127.0.0.1:1/a.tif", str(document), str(tmp_path)) == "http://127.0.0.1:1/a.tif"


@pytest.mark.parametrize("href", ["../../outside.tif", "/etc/passwd", "file:///etc/passwd", "link/passwd", "//etc/passwd"])
def test_a_local_catalogue_stays_in_its_folder(tmp_path, href):
    document = tmp_path / "root" / "item" / "item.json"
    document.parent.mkdir(parents=True)
    (document.parent / "link").symlink_to("/etc")
    with pytest.raises(InputError, match=r"item\.json: points outside of its catalogue"):
        hrefs.resolve(href, str(document), str(tmp_path / "root"))


@pytest.mark.parametrize(
    "href",
    ["ftp://example.org/a", "gs://bucket/a", "javascript:alert(1)", "data:text/plain,x", "C:relative.tif", "zip+https://example.org/a.zip"],
)
@pytest.mark.parametrize("base", [PUBLIC, "/data/item.json"])
def test_other_schemes_are_refused(href, base):
    with pytest.raises(InputError, match=r"item\.json: href with scheme '[a-z+]+'; expected"):
        hrefs.resolve(href, base)


@pytest.mark.parametrize("href", ["file:///etc/passwd", "/vsicurl/http://example.org/a", "/vsizip//etc/x.zip", "//vsimem/x"])
def test_a_remote_document_never_reaches_local_files(href):
    with pytest.raises(InputError, match=r"points to a local file"):
        hrefs.resolve(href, PUBLIC)


@pytest.mark.parametrize("href", ["/vsicurl/http://example.org/a", "/vsizip//etc/x.zip"])
def test_a_local_document_never_reaches_virtual_paths(href):
    with pytest.raises(InputError, match=r"expected a plain path"):
        hrefs.resolve(href, "/data/item.json")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "sub.localhost", "localhost.", "[::1]", "169.254.169.254", "10.1.2.3", "192.168.0.1", "172.16.0.9",
        "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]",
        "user:word@127.0.0.1:80",
    ],
)  # fmt: skip
def test_a_public_document_never_reaches_the_network_inside(host):
    with pytest.raises(InputError, match=r"^https://example\.org/stac/landsat/item\.json: points into a private network"):
        hrefs.resolve(f"http://{host}/latest/meta-data?x=1", PUBLIC)


@pytest.mark.parametrize("host", ["example.org", "8.8.8.8", "[2606:4700::1111]", "deadbeef.org", "10.example.org", "dead.beef"])
def test_public_hosts_are_public(host):
    assert not hrefs.is_inside(f"https://{host}/x")


@pytest.mark.parametrize(
    "href", ["", "a\nb.tif", "a\x00.tif", "https://", "http:///a", "https://[::1", "s3://bucket", "s3://../x", "s3://a..b/c"]
)
def test_unusable_hrefs(href):
    with pytest.raises(InputError, match=r"^https://example\.org/stac/landsat/item\.json: "):
        hrefs.resolve(href, PUBLIC)


def test_messages_are_printable_short_and_without_tokens():
    text = hrefs.shown("https://user:word@example.org/" + "x" * 500 + "\x1b[31m?sig=secret")
    assert len(text) == 200
    assert text.startswith("https://example.org/xxx")
    assert hrefs.shown("/tmp/\x1b[31mred") == "/tmp/?[31mred"


@pytest.mark.parametrize("text", ["LC08_L2SP_146038_20140104_02_T1", "MOD11A2.A2020017.h24v05.061", "x" * 120])
def test_names_that_are_safe_stay(text):
    assert hrefs.safe_name(text) == text


@given(st.text(max_size=300))
def test_any_text_becomes_one_safe_component(text):
    name = hrefs.safe_name(text)
    assert 0 < len(name) <= 120
    assert name.isascii() and not name.startswith((".", "-"))
    assert not set(name) & set("/\\:\0 \n")
    assert name not in (".", "..")
    assert hrefs.safe_name(text) == name


@given(st.lists(st.text(max_size=20), min_size=2, max_size=20, unique=True))
def test_different_texts_get_different_names(texts):
    assert len({hrefs.safe_name(text) for text in texts}) == len(texts)


def test_texts_that_clean_to_the_same_name_differ():
    assert len({hrefs.safe_name(text) for text in ("a/b", "a b", "a:b", "a_b", "../a_b", ".a_b", "x" * 121, "x" * 122)}) == 8
