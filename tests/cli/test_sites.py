"""``glaciercast sites`` as a user meets it."""

import json
import os
import subprocess
import sys

import geopandas
import pytest
import shapely
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def own_sites(tmp_path, monkeypatch):
    monkeypatch.setenv("GLACIERCAST_SITES", str(tmp_path / "own"))
    return tmp_path / "own"


def call(*arguments):
    from glaciercast import progress
    from glaciercast.cli.main import app

    result = CliRunner().invoke(app, ["sites", *map(str, arguments)], env={"COLUMNS": "200"})
    progress.show(False)
    return result


def refused(result, message):
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("glaciercast: ") and message in lines[-1], result.stderr


def test_a_glacier_is_added_listed_and_shown(tmp_path, own_sites):
    path = tmp_path / "mine.geojson"
    geopandas.GeoDataFrame({"name": ["Ice"]}, geometry=[shapely.box(77.6, 32.0, 77.7, 32.1)], crs="EPSG:4326").to_file(
        path, engine="pyogrio"
    )
    added = call("add", "mine", "--outline", path, "--buffer", "200", "--lake", "77.65,32.05,4000", "--json")
    assert added.exit_code == 0, added.stderr
    facts = json.loads(added.stdout)
    assert facts["file"] == str(own_sites / "mine.yml") and facts["crs"] == "EPSG:32643" and facts["lake"] == [77.65, 32.05, 4000.0]
    assert json.loads(call("show", "mine", "--json").stdout)["outline"] == str(own_sites / "mine.geojson")
    assert "mine         Ice\n" in call("list").stdout and "shisper      Shisper (Shishper), Pakistan" in call("list").stdout
    assert [site["name"] for site in json.loads(call("list", "--box", "77.6,32,77.7,32.1", "--json").stdout)["sites"]] == [
        "mine",
        "parvati",
    ]
    refused(call("add", "mine", "--box", "1,2,1.1,2.1"), "exists already")
    text = call("add", "mine", "--box", "1,2,1.1,2.1", "--replace", "--title", "Elsewhere", "--resolution", "20")
    assert text.exit_code == 0 and "title: Elsewhere" in text.stdout and "of 20×20 m in EPSG:32631" in text.stdout


def test_what_is_wrong_is_one_line():
    refused(call("add", "mine", "--box", "1,2,3"), "expected four numbers")
    refused(call("add", "mine", "--box", "1,2,1.1,2.1", "--lake", "1,2"), "lake '1,2': expected three numbers, lon,lat,elevation")
    refused(call("add", "mine"), "expected one of box, outline, RGI id and glacier's name, found none")
    refused(call("add", "Mine!", "--box", "1,2,1.1,2.1"), "key 'name'")
    refused(call("add", "../mine", "--box", "1,2,1.1,2.1"), "key 'name'")
    refused(call("add", "mine", "--glacier", "Aletsch"), "(--from FILE or URL)")


def test_help_of_add_imports_nothing_heavy():
    script = "import sys; sys.argv = ['glaciercast', 'sites', 'add', '--help']\nfrom glaciercast.cli import main\n"
    script += (
        "try: main()\nexcept SystemExit: pass\nprint(sorted({'pandas', 'numpy', 'geopandas', 'rasterio', 'pystac'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert "--from" in result.stdout and result.stdout.strip().endswith("[]")
