"""The pipeline as plain functions: the same that the commands call, for notebooks and scripts.

Each function takes paths and settings, writes into a run folder that is never overwritten, and returns a dictionary of
plain JSON types. What was interrupted is taken up where it stopped when the same call is made again.
"""

from glaciercast.workflow.acquisition import plan, read_fetching
from glaciercast.workflow.checks import audit
from glaciercast.workflow.comparison import compare
from glaciercast.workflow.datasets import export_dataset, read_dataset_config
from glaciercast.workflow.exploring import explore, read_explore_config
from glaciercast.workflow.exports import export_group
from glaciercast.workflow.finetuning import FinetuneConfig, finetune, read_finetune_config
from glaciercast.workflow.floods import floods
from glaciercast.workflow.flowing import plot_flow
from glaciercast.workflow.forecasting import forecast
from glaciercast.workflow.inspection import InspectionConfig, plot_embeddings, read_inspection_config
from glaciercast.workflow.lakes import follow_lake, read_lake_config
from glaciercast.workflow.listing import listed
from glaciercast.workflow.motion import MotionConfig, motion_between, read_motion_config
from glaciercast.workflow.motion_cube import CubeMotionConfig, motion_in_cube, read_cube_motion_config
from glaciercast.workflow.outbursts import lake_tables, read_outburst_spec, simulate_outbursts
from glaciercast.workflow.outlooks import outlook, read_issue_config
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec, RunConfig, parse_model, read_benchmark_config, read_run_config
from glaciercast.workflow.showcase import demo
from glaciercast.workflow.steps import align, benchmark, build, read_source, report, run, scenarios, simulate, train
from glaciercast.workflow.verification import read_verify_config, verify_outlook

__all__ = [
    "BenchmarkConfig",
    "CubeMotionConfig",
    "FinetuneConfig",
    "InspectionConfig",
    "ModelSpec",
    "MotionConfig",
    "RunConfig",
    "align",
    "audit",
    "benchmark",
    "build",
    "compare",
    "demo",
    "explore",
    "export_dataset",
    "export_group",
    "finetune",
    "floods",
    "follow_lake",
    "forecast",
    "lake_tables",
    "listed",
    "motion_between",
    "motion_in_cube",
    "outlook",
    "parse_model",
    "plan",
    "plot_embeddings",
    "plot_flow",
    "read_benchmark_config",
    "read_cube_motion_config",
    "read_dataset_config",
    "read_explore_config",
    "read_fetching",
    "read_finetune_config",
    "read_inspection_config",
    "read_issue_config",
    "read_lake_config",
    "read_motion_config",
    "read_outburst_spec",
    "read_run_config",
    "read_source",
    "read_verify_config",
    "report",
    "run",
    "scenarios",
    "simulate",
    "simulate_outbursts",
    "train",
    "verify_outlook",
]
