"""A network of one glacier on another: as it is, fine-tuned, and beside one that was trained on both (the study's second experiment)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveFloat

from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.patches.splits import WindowConfig
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import workbench as benches
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec
from glaciercast.workflow.workbench import Workbench

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.residual import ResidualForecaster

ZERO_SHOT, FINE_TUNED, MIXED = "zero-shot", "fine-tuned", "mixed"


class FinetuneConfig(Config):
    """How a trained network is brought to another cube; its windows are those that it was trained on."""

    stride: int = Field(default=10, ge=1, description="distance between training patches, pixels")
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(0.6, 0.15, 0.25), description="shares of training, validation and test"
    )
    freeze: Literal["none", "backbone"] = Field(
        default="none", description="what fine-tuning leaves as it is: nothing, or all but the read-out"
    )
    training: TrainingConfig = TrainingConfig()


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

        forecaster, meta = saving.load(path)
        if not isinstance(forecaster, ResidualForecaster) or isinstance(forecaster.network, Solvable):
            raise InputError(f"{path}: expected a trained network, found {forecaster.name}, which is fitted on each cube itself")
        return cls(Path(path), forecaster, meta, saving.weights_sha256(path))

    def spec(self, title: str) -> ModelSpec:
        """Return the network as a model of a benchmark."""
        recipe = self.forecaster.recipe()
        kept = {key: recipe[key] for key in ("residual", "head", "options")}
        return config.parse(ModelSpec, {"name": self.forecaster.name, "title": title, **kept}, str(self.path))

    def windows(self, settings: FinetuneConfig) -> WindowConfig:
        """Return the windows that the network was trained on."""
        task = self.forecaster.task
        kept = {key: getattr(task, key) for key in ("targets", "statics", "n_input", "n_target", "patch")}
        more = {"inputs": task.variables[len(task.targets) :], "stride": settings.stride, "fractions": settings.fractions}
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
        val_loss = fit.mean_loss(forecaster, self._loader("validation"))
        saving.save(forecaster, self.folder / "models" / spec.label, self._meta())
        return forecaster, {**_facts(forecaster, spec), "val_loss": val_loss, "train_seconds": 0.0}

    def _fine_tuned(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        forecaster = self._moved_here(spec)
        if self.freeze == "backbone":
            _freeze_backbone(forecaster)
        return forecaster, self._fit(forecaster, spec, self._loader("train"), self.folder / "models" / spec.label, {"freeze": self.freeze})

    def _mixed(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Train fresh weights on the windows of both cubes; what is kept belongs to this cube alone."""
        from glaciercast.patches import sampling
        from glaciercast.training import mixed, networks, saving

        assert self.guest is not None
        home, guest = (self._fresh(spec, workbench) for workbench in (self, self.guest))
        move = mixed.Move.between(home, guest, columns=self.series.shape[1])
        stride, training = self.settings.windows.stride, self.settings.training
        here, there = (networks.windows(each.series, self.task, each.split, "train", stride) for each in (self, self.guest))
        loader = sampling.loader(mixed.Together(here, there, move), training.batch_size, training.seed)  # type: ignore[arg-type]
        folder, also = self.folder / "models" / spec.label, networks.describe(self.guest.series, self.guest.split)
        facts = self._fit(mixed.beside(home, guest, move), spec, loader, folder / "together", {"also": also})
        saving.save(home.eval(), folder, {**self._meta(also["fitted_until"]), "also": also})
        return home, facts

    def _fit(self, forecaster: ResidualForecaster, spec: ModelSpec, loader: Any, folder: Path, meta: dict[str, Any]) -> dict[str, Any]:
        from glaciercast.training import fit

        fitted = fit.fit(forecaster, loader, self._loader("validation"), folder, self.settings.training, {**self._meta(), **meta})
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
        from glaciercast.patches import sampling
        from glaciercast.training import networks

        windows = networks.windows(self.series, self.task, self.split, part, self.settings.windows.stride)
        return sampling.loader(windows, self.settings.training.batch_size, self.settings.training.seed, shuffle=part == "train")

    def _meta(self, *others: str) -> dict[str, Any]:
        """Return what a forecaster's file tells; it is fitted until the latest frame that any of its weights has seen."""
        from glaciercast.training import networks

        assert self.source is not None
        here = networks.describe(self.series, self.split)
        until = max(here["fitted_until"], str(self.source.meta["fitted_until"]), *others)
        return {**here, "fitted_until": until, "source": self.source.weights, "stride": self.settings.windows.stride}


def finetune(
    cube: str | Path, model: str | Path, out: str | Path, settings: FinetuneConfig | None = None, mix: str | Path | None = None
) -> dict[str, Any]:
    """Score a trained network on another cube as it is and fine-tuned; with `mix`, also one trained on that cube and this.

    All forecast with normaliser and climatology of `cube`, fitted on its training part, and stand in one table with its baselines.

    Raises
    ------
    InputError
        If the folder `model` holds no trained network, or a cube gives another task than it was trained for.
    """
    settings, source = settings or FinetuneConfig(), Source.load(model)
    titles = (ZERO_SHOT, FINE_TUNED, *([MIXED] if mix is not None else []))
    benchmark = BenchmarkConfig(
        windows=source.windows(settings), models=tuple(source.spec(title) for title in titles), training=settings.training
    )
    told = {"model": source.weights, "mix": None if mix is None else config.plain(benches.identity(mix, Config()))}
    with runs.run_folder(out, "finetune", benches.identity(cube, settings, told)) as folder:
        transfer = Transfer.open(cube, folder, benchmark)
        source.check(transfer, cube)
        guest = None
        if mix is not None:
            guest = Workbench.open(mix, folder / "mix", benchmark)
            source.check(guest, mix)
        assert isinstance(transfer, Transfer)
        results = benches.score(replace(transfer, source=source, guest=guest, freeze=settings.freeze))
        summary = {
            "source": str(source.path),
            "models": {title: str(folder / "models" / title) for title in titles},
            "caution": _caution(transfer, [source.meta] + ([] if guest is None else [_described(guest)])),
            "benchmark": results,
        }
        runs.write_json(folder / "results" / "finetune.json", summary)
    return summary


def read_finetune_config(path: str | Path | None, overrides: dict[str, Any] | None = None) -> FinetuneConfig:
    """Read the config of `finetune`; without a file, the defaults."""
    data = config.read_yaml(path) if path is not None else {}
    return config.parse(FinetuneConfig, config.merge(data, overrides or {}), str(path or "options"))


def _described(workbench: Workbench) -> dict[str, Any]:
    from glaciercast.training import networks

    return networks.describe(workbench.series, workbench.split)


def _caution(transfer: Workbench, origins: list[dict[str, Any]]) -> str:
    """Return the sentence that says where another cube's frames reach into the test years, or an empty string."""
    until = max(str(origin["fitted_until"]) for origin in origins)
    first = str(transfer.series.available_at[transfer.split.issues("test")[0]])
    if until <= first:
        return ""
    seen = f"the weights have seen frames of another cube up to {until[:10]}"
    return f"{seen}, after the first test forecast of {first[:10]}: they may know its weather"


def _facts(forecaster: ResidualForecaster, spec: ModelSpec) -> dict[str, Any]:
    from glaciercast.models import base

    return {"kind": "network", "parameters": base.parameter_count(forecaster), "residual": spec.residual}


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
