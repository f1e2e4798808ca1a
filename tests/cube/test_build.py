"""Scenes become a cube; a killed build goes on where it stopped; what can't be used is refused."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from glaciercast import store
from glaciercast.cube.build import build_optical
from glaciercast.errors import InputError
from glaciercast.sources import recipe


def test_values_masks_and_availability(scenes, tmp_path):
    mask = np.ones(scenes.shape, "uint16")
    mask[0] = 0
    scenes.add("20200215", 0.5, mask)
    scenes.add("20200115", 0.2)
    summary = build_optical(recipe.read(scenes.save(latency="2D")), tmp_path / "cube.zarr")
    assert summary["scenes"] == 2 and summary["clear_fraction"] == pytest.approx((1 + 15 / 16) / 2)
    made = store.open_cube(tmp_path / "cube.zarr")["optical/rasters"].to_dataset()
    np.testing.assert_allclose(made.green.values[1], 0.75, atol=1e-6)  # kept under the mask as well
    np.testing.assert_array_equal(made.clear.values[1], mask == 1)
    assert str(made.available_at.values[0])[:10] == "2020-01-17"
    assert np.isnan(made.shift_x.values).all()  # not estimated is not zero


def test_an_all_cloud_stack_is_refused(scenes, tmp_path):
    scenes.add("20200215", 0.5, 0)
    scenes.add("20200315", 0.5, 0)
    with pytest.raises(InputError, match="none of the 2 scenes has a clear pixel"):
        build_optical(recipe.read(scenes.save()), tmp_path / "cube.zarr")


def test_a_build_killed_at_any_scene_ends_with_the_same_arrays(scenes, tmp_path):
    scenes.add_months(6)
    path = scenes.save()
    straight, killed = tmp_path / "straight.zarr", tmp_path / "killed.zarr"
    build_optical(recipe.read(path), straight)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from glaciercast import store
        from glaciercast.cube.build import build_optical
        from glaciercast.sources import recipe
        write = store.RegionWriter.write
        def write_then_die(self, step, *arguments, **facts):
            if step == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            write(self, step, *arguments, **facts)
        store.RegionWriter.write = write_then_die
        build_optical(recipe.read(sys.argv[1]), Path(sys.argv[2]))
        """
    )
    died = subprocess.run([sys.executable, "-c", script, str(path), str(killed)], capture_output=True, env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    with pytest.raises(InputError, match="is unfinished"):
        store.open_cube(killed)
    assert build_optical(recipe.read(path), killed)["resumed_at"] == 3
    assert store.fingerprint(killed, "/optical/rasters") == store.fingerprint(straight, "/optical/rasters")
    assert store.verify(killed) == 18


def test_input_that_changed_since_the_interruption_is_refused(scenes, tmp_path):
    scenes.add_months(2)
    path = scenes.save()
    build_optical(recipe.read(path), tmp_path / "cube.zarr")
    scenes.add("20200615")
    with pytest.raises(InputError, match="begun from other input"):
        build_optical(recipe.read(path), tmp_path / "cube.zarr")
