"""What is needed to bring a network to another cube: where it comes from, and the workbench that it goes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glaciercast import config
from glaciercast.errors import InputError
from glaciercast.patches.splits import WindowConfig
from glaciercast.workflow.settings import ModelSpec
from glaciercast.workflow.workbench import Workbench

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.residual import ResidualForecaster

ZERO_SHOT, FINE_TUNED, MIXED = "zero-shot", "fine-tuned", "mixed"


@dataclass(frozen=True)
class Source:
    """A trained network and where it comes from."""

    path: Path
    forecaster: ResidualForecaster
    meta: dict[str, Any]
    weights: str

    @classmethod
    def load(cls, path: str | Path) -> Source:
        """Load the network in a model's folder.

        Raises
        ------
        InputError
            If the folder holds no network that gradients have trained.
        """
        from glaciercast.models.base import Solvable
        from glaciercast.models.residual import ResidualForecaster
        from glaciercast.training import saving

        path = saving.locate(path)
        forecaster, meta = saving.load(path)
        if not isinstance(forecaster, ResidualForecaster) or isinstance(forecaster.network, Solvable):
            kind = f"{forecaster.name}, an ensemble, calibrated, or solved on each cube itself"
            raise InputError(f"{path}: expected a single trained network, found {kind}")
        return cls(Path(path), forecaster, meta, saving.weights_sha256(path))

    def spec(self, title: str) -> ModelSpec:
        """Return the network as a model of a benchmark."""
        recipe = self.forecaster.recipe()
        kept = {key: recipe[key] for key in ("residual", "head", "options")}
        return config.parse(ModelSpec, {"name": self.forecaster.name, "title": title, **kept}, str(self.path))

    def windows(self, stride: int, fractions: tuple[float, float, float]) -> WindowConfig:
        """Return the windows that the network was trained on, cut and shared out anew."""
        task = self.forecaster.task
        kept = {key: getattr(task, key) for key in ("targets", "statics", "n_input", "n_target", "patch")}
        more = {"inputs": task.variables[len(task.targets) :], "stride": stride, "fractions": fractions}
        return config.parse(WindowConfig, {**kept, **more}, str(self.path))

    def check(self, workbench: Workbench, cube: str | Path) -> None:
        """Check that a cube gives the task that the network was trained for.

        Raises
        ------
        InputError
            Naming what differs.
        """
        for key in type(self.forecaster.task).__dataclass_fields__:
            trained, found = getattr(self.forecaster.task, key), getattr(workbench.task, key)
            if trained != found:
                raise InputError(f"{cube}: the model was trained for {key} {trained}, found {found}")
        cadence = workbench.series.attributes["cadence"]
        if self.meta.get("cadence") != cadence:
            raise InputError(f"{cube}: the model was trained on steps of {self.meta.get('cadence')}, found a series of {cadence}")


@dataclass(frozen=True)
class Transfer(Workbench):
    """A cube to which a network is brought: `source` gives the weights, `guest` is what it is trained on as well."""

    source: Source | None = None
    guest: Workbench | None = None
    freeze: str = "none"

    def model(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Return a baseline, the network as it is, fine-tuned, or trained on both cubes, and its facts."""
        if spec.title == ZERO_SHOT:
            return self._as_it_is(spec)
        if spec.title == FINE_TUNED:
            return self._fine_tuned(spec)
        if spec.title == MIXED:
            return self._mixed(spec)
        return super().model(spec)

    def _as_it_is(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        from glaciercast.training import fit, saving

        forecaster = self._moved_here(spec)
        val_loss = fit.mean_loss(forecaster, self._loader("validation"), self.settings.training.loss)
        saving.save(forecaster, self.folder / "models" / spec.label, self._source_meta())
        return forecaster, {**_facts(forecaster, spec), "val_loss": val_loss, "train_seconds": 0.0}

    def _fine_tuned(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        forecaster = self._moved_here(spec)
        if self.freeze == "backbone":
            _freeze_backbone(forecaster)
        meta = self._source_meta(freeze=self.freeze)
        return forecaster, self._fit(forecaster, spec, self._loader("train"), self.folder / "models" / spec.label, meta)

    def _mixed(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Train fresh weights on the windows of both cubes; what is kept belongs to this cube alone."""
        from glaciercast.training import mixed, networks, saving

        assert self.guest is not None
        home, guest = (self._fresh(spec, workbench) for workbench in (self, self.guest))
        move = mixed.Move.between(home, guest, columns=self.series.shape[1])
        stride, training = self.settings.windows.stride, self.settings.training
        here, there = (networks.windows(each.series, self.task, each.split, "train", stride, training.loss) for each in (self, self.guest))
        loader = networks.loader(mixed.Together(here, there, move), training, training.loss)
        folder, also = self.folder / "models" / spec.label, networks.describe(self.guest.series, self.guest.split)
        meta = self._meta(also["fitted_until"], also=also)
        facts = self._fit(mixed.beside(home, guest, move), spec, loader, folder / "together", meta)
        saving.save(home.eval(), folder, meta)
        return home, facts

    def _fit(self, forecaster: ResidualForecaster, spec: ModelSpec, loader: Any, folder: Path, meta: dict[str, Any]) -> dict[str, Any]:
        from glaciercast.training import fit

        fitted = fit.fit(forecaster, loader, self._loader("validation"), folder, self.settings.training, meta)
        told = {"train_seconds": fitted.seconds, "val_loss": fitted.val_loss, "best_epoch": fitted.best_epoch, "history": fitted.history}
        return {**_facts(forecaster, spec), **told, "energy": fitted.energy}

    def _moved_here(self, spec: ModelSpec) -> ResidualForecaster:
        """Return the network in this cube's units, around this cube's reference."""
        assert self.source is not None
        forecaster = self._fresh(spec, self)
        forecaster.network.load_state_dict(self.source.forecaster.network.state_dict())
        return forecaster

    def _fresh(self, spec: ModelSpec, workbench: Workbench) -> ResidualForecaster:
        from glaciercast.training import networks

        return networks.fresh(
            spec.name, self.task, workbench.data, self.settings.training.seed, residual=spec.residual, head=spec.head, options=spec.options
        )

    def _loader(self, part: Literal["train", "validation"]) -> Any:
        from glaciercast.training import networks

        training = self.settings.training
        windows = networks.windows(self.series, self.task, self.split, part, self.settings.windows.stride, training.loss)
        return networks.loader(windows, training, training.loss, shuffle=part == "train")

    def _meta(self, weights_until: str, **more: Any) -> dict[str, Any]:
        """Return what a forecaster's file tells; it is fitted until the latest frame that any of its weights has seen."""
        from glaciercast.training import networks

        here = networks.describe(self.series, self.split)
        return {**here, "fitted_until": max(here["fitted_until"], weights_until), "stride": self.settings.windows.stride, **more}

    def _source_meta(self, **more: Any) -> dict[str, Any]:
        assert self.source is not None
        return self._meta(str(self.source.meta["fitted_until"]), source=self.source.weights, **more)


def _facts(forecaster: ResidualForecaster, spec: ModelSpec) -> dict[str, Any]:
    parameters = sum(weights.numel() for weights in forecaster.parameters())  # those that are not trained here as well
    return {"kind": "network", "parameters": parameters, "residual": spec.residual}


def _freeze_backbone(forecaster: ResidualForecaster) -> None:
    """Leave all weights fixed but those of the network's last layer.

    Raises
    ------
    InputError
        If the network has no layer of that name.
    """
    readout = getattr(forecaster.network, "readout", None)
    if readout is None:
        raise InputError(f"freeze: {forecaster.name} has no read-out that could be trained alone; use 'none'")
    forecaster.network.requires_grad_(False)
    readout.requires_grad_(True)
