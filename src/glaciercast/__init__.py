"""glaciercast: honest, georeferenced forecasts of a glacier's snow, ice and motion.

In notebooks, the functions behind the commands are in `glaciercast.workflow`::

    from glaciercast import workflow

    workflow.build("scenes.yml", out="runs/mine")
    workflow.align("runs/mine")
    workflow.benchmark("runs/mine", out="runs/mine-benchmark")
"""

__version__ = "0.1.0"
