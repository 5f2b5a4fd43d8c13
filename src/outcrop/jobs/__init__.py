"""Training jobs: a queue with a slot per accelerator, a process and a folder for each job.

The server and the worker talk through the folder alone (`folder.py`), so that either may die and the other goes on or
starts again. Nothing here imports torch: the worker (`outcrop.training.worker`) does, which in its turn takes the check
of data (`data.py`) from here and nothing of what runs jobs (`supervisor.py`).
"""

JOB, CUSTOM_MODEL = "customization-job", "custom-model"
"""Kinds of resources."""
