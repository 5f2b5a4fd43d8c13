"""What a worker imports, for the process that test workers are forked from."""

import torch

torch.set_num_threads(1)  # no pool of threads: it would not survive the fork

import peft  # noqa: E402, F401
from datasets import Dataset  # noqa: E402, F401
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402, F401
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer  # noqa: E402, F401
