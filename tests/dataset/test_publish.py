"""A data set is whole or not there, the same bytes however often it was stopped, and nothing else is written over."""

import json
import shutil
import subprocess

import pytest
from tests.dataset import made

from glaciercast import runs
from glaciercast.dataset import sums, writing
from glaciercast.errors import GlaciercastError, InputError

SETTINGS = {"targets": ("ndsi", "vx"), "augment": {"copies": 1, "rotations": False}}


def test_sha256sum_finds_every_file_as_stated(out):
    result = subprocess.run(["sha256sum", "-c", "--quiet", sums.FILE], cwd=out, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert set(sums.read(out)) | {sums.FILE} == set(made.files(out))
    assert not out.with_name("set.partial").exists()


def test_a_stopped_export_goes_on_and_gives_the_same_bytes(home, out, tmp_path, monkeypatch):
    write, done = writing.Writer._block, []

    def killed(self, part, block):
        if len(done) == 3:
            write(self, part, block)  # and then half of it is lost, and the log does not have it
            file = self.folder / "windows.zarr" / part / "inputs" / "c" / str(block) / "0" / "0" / "0" / "0"
            file.write_bytes(file.read_bytes()[:50])
            file.with_name("0.5d1f.partial").write_bytes(b"half")  # as Zarr's store names what it is writing
            (self.folder / "shards" / f"{part}-{block:06d}.tar.partial").write_bytes(b"half")
            raise KeyboardInterrupt
        done.append((part, block))
        return write(self, part, block)

    monkeypatch.setattr(writing.Writer, "_block", killed)
    with pytest.raises(KeyboardInterrupt):
        made.exported(home, tmp_path / "set", **SETTINGS)
    assert not (tmp_path / "set").exists()
    log = tmp_path / "set.partial" / writing.WORK / writing.LOG
    log.write_text(log.read_text() + '{"part": "tr')  # a line that was cut short
    with pytest.raises(InputError, match="holds an unfinished data set of other content; use --replace or another --out"):
        made.exported(home, tmp_path / "set", **SETTINGS, seed=1)
    again = []
    monkeypatch.setattr(writing.Writer, "_block", lambda self, part, block: again.append((part, block)) or write(self, part, block))
    assert made.exported(home, tmp_path / "set", **SETTINGS)["kept"] is False
    assert not set(again) & set(done) and len(again) > 3
    assert made.files(tmp_path / "set") == made.files(out)


def test_what_is_there_is_kept_and_anything_else_is_refused(home, out, tmp_path):
    before = made.files(out)
    assert made.exported(home, out, **SETTINGS)["kept"] is True
    with pytest.raises(InputError, match="holds another data set; use --replace or another --out"):
        made.exported(home, out, **SETTINGS, seed=1)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    for replace in (False, True):
        with pytest.raises(InputError, match="exists and is no data set of glaciercast"):
            made.exported(home, tmp_path / "notes", replace, **SETTINGS)
    with pytest.raises(InputError, match="lies in the cube"):
        made.exported(home, home / "cube.zarr" / "set", **SETTINGS)
    assert made.files(out) == before and (tmp_path / "notes" / "mine.txt").read_text() == "mine"


def test_a_set_is_replaced_only_when_the_new_one_is_whole(home, out, tmp_path, monkeypatch):
    """Killed between its last checksum and its place: the same call only moves it there."""
    copy = tmp_path / "set"
    shutil.copytree(out, copy)
    smaller = {"variables": ("ndsi",), "forms": ("tar",), "statics": ()}
    with monkeypatch.context() as patch:
        patch.setattr(writing, "take_place", lambda out: None)
        made.exported(home, copy, True, **smaller)
    assert sums.verify(writing.beside(copy)) and made.files(copy) == made.files(out)
    with pytest.raises(InputError, match="holds another data set; use --replace or another --out"):
        made.exported(home, copy, **smaller)
    assert made.files(copy) == made.files(out)
    assert made.exported(home, copy, True, **smaller)["forms"] == ["tar"]
    assert not (copy / "windows.zarr").exists() and [path.name for path in tmp_path.iterdir()] == ["set"]
    assert sums.verify(copy) + 1 == len(made.files(copy))


def test_a_damaged_set_is_not_taken_for_whole(home, out, tmp_path):
    copy = tmp_path / "set"
    shutil.copytree(out, copy)
    shard = copy / "shards" / "test-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(GlaciercastError, match=r"test-000000.tar: differs from its checksum in SHA256SUMS; export anew with --replace"):
        made.exported(home, copy, **SETTINGS)
    shard.unlink()
    with pytest.raises(GlaciercastError, match=r"test-000000.tar: is in SHA256SUMS but not there"):
        made.exported(home, copy, **SETTINGS)


def test_settings_that_do_not_fit_leave_nothing_behind(home, tmp_path):
    with pytest.raises(InputError, match="home: the scene is 20×24 pixels, smaller than a window of 50; --set patch=20 would fit"):
        made.exported(home, tmp_path / "set", patch=50)
    with pytest.raises(InputError, match="unknown variable 'ndwi'"):
        made.exported(home, tmp_path / "set", variables=("ndwi",))
    with pytest.raises(InputError, match=r"augment.rotations: expected vx and vy both among the targets"):
        made.exported(home, tmp_path / "set", targets=("vx",), augment={"copies": 1, "rotations": True})
    with pytest.raises(InputError, match=r"augment.copies: expected something that varies them"):
        made.exported(home, tmp_path / "set", augment={"copies": 1, "flips": False})
    with pytest.raises(InputError, match="split=glacier: expected two cubes or more, found one"):
        made.exported(home, tmp_path / "set", split="glacier")
    assert list(tmp_path.iterdir()) == []


def test_provenance_tells_content_and_settings_but_no_time(out):
    told = runs.read_json(out / "provenance.json")
    assert told["cubes"]["home"]["attribution"] == [] and told["settings"]["n_input"] == 3
    assert len(told["cubes"]["home"]["aligned"]) == 64 and "created" not in json.dumps(told)
