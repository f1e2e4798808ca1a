"""What a fit took: summed over interruptions, nothing sent, nothing written, and honest about what is estimated."""

import socket
from types import SimpleNamespace

import pytest
from tests.training.made import CONFIG, META, Batches, forecaster

from glaciercast.errors import InputError
from glaciercast.training import energy
from glaciercast.training.fit import fit

METERED = CONFIG.model_copy(update={"epochs": 2, "energy": True, "country": "NPL"})


class Tracker:
    """Takes 2 kWh each time."""

    def start_task(self):
        self.running = True

    def stop_task(self):
        assert self.running
        self.running = False
        return SimpleNamespace(energy_consumed=2.0, emissions=0.5, cpu_energy=1.5, gpu_energy=0.0, ram_energy=0.5)


def test_the_energy_of_epochs_adds_up_on_what_was_taken_before():
    meter = energy.Meter(Tracker(), {"kwh": 1.0, "country": "Nepal"})
    for _ in range(3):
        meter.start()
        total = meter.stop()
    assert total == {"kwh": 7.0, "kg_co2e": 1.5, "cpu_kwh": 4.5, "gpu_kwh": 0.0, "ram_kwh": 1.5, "country": "Nepal"}


def test_an_epoch_that_is_cut_short_counts(tmp_path, monkeypatch):
    """2 kWh an epoch, and 2 for each of two attempts at the second one."""
    codecarbon = pytest.importorskip("codecarbon")

    class Fake(Tracker):
        _hardware = ()

        def __init__(self, **_):
            pass

        def get_detected_hardware(self):
            pass

        def stop(self):
            pass

    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", Fake)
    for failure in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(failure):
            fit(forecaster(), Batches(0, 4, (1, 2), failure), Batches(100, 2), tmp_path, METERED, META)
        assert (tmp_path / energy.CUT_SHORT).is_file()
    result = fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path, METERED, META)
    assert result.energy["kwh"] == 8.0 and result.energy["kg_co2e"] == 2.0
    assert not (tmp_path / energy.CUT_SHORT).exists()


def test_nothing_is_metered_unless_asked(tmp_path):
    with energy.metered(CONFIG, {}, tmp_path) as meter:
        meter.start()
        assert meter.stop() == {}


@pytest.mark.slow
def test_a_fit_is_metered_offline_and_leaves_no_file(tmp_path, monkeypatch, capfd):
    pytest.importorskip("codecarbon")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(), work.mkdir()
    (home / ".codecarbon.config").write_text("[codecarbon]\nsave_to_file=true\nsave_to_api=true\nco2_signal_api_token=secret\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connects"))
    with pytest.raises(RuntimeError):
        fit(forecaster(), Batches(0, 4, (1, 1)), Batches(100, 2), tmp_path / "fit", METERED, META)
    result = fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path / "fit", METERED, META)
    taken = result.energy
    assert taken["kwh"] == pytest.approx(taken["cpu_kwh"] + taken["gpu_kwh"] + taken["ram_kwh"]) and taken["kwh"] > 0
    assert taken["country"] == "Nepal" and taken["kg_co2e"] == pytest.approx(taken["kwh"] * taken["grid_g_co2e_per_kwh"] / 1000)
    assert taken["scope"] == "process" and set(taken["measured"]) | set(taken["estimated"]) >= {"cpu", "ram"}
    assert fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path / "fit", METERED, META) == result
    assert list(work.iterdir()) == []
    assert {path.name for path in home.iterdir()} <= {".codecarbon.config", ".cache"}  # matplotlib's fonts, which lightning imports
    assert capfd.readouterr() == ("", "")


def test_a_country_without_a_grid_and_a_missing_package_are_one_line(tmp_path, monkeypatch):
    pytest.importorskip("codecarbon")
    with pytest.raises(InputError, match="country 'XYZ': expected three letters that codecarbon has a grid for"):
        fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path, METERED.model_copy(update={"country": "XYZ"}), META)
    monkeypatch.setattr(energy.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="energy: expected the package codecarbon, found none"):
        fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path, METERED, META)
    assert list(tmp_path.iterdir()) == []
