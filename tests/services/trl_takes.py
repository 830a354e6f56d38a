"""Each of TRL's trainers makes two steps on datasets of ours: python -m tests.services.trl_takes FOLDER

FOLDER holds a dataset folder per shape. A process of its own, because TRL takes long to load and warns of much.
Prints a JSON object: trainer → rows it was given, its two losses, and what it logged beside.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from training.bases import STARTER

COMMON = {
    "max_steps": 2, "per_device_train_batch_size": 2, "logging_steps": 1, "report_to": [], "use_cpu": True,
    "bf16": False, "save_strategy": "no", "disable_tqdm": True, "max_length": 256,
}  # fmt: skip


def taken(folder: Path) -> dict[str, Any]:
    # By name, and so untyped: types are checked without TRL.
    datasets: Any = importlib.import_module("datasets")
    trl: Any = importlib.import_module("trl")
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(STARTER)
    policy = transformers.AutoModelForCausalLM.from_pretrained
    judge = transformers.AutoModelForSequenceClassification.from_pretrained
    found = {}
    for shape, trainer, settings, model in (
        ("preference", trl.DPOTrainer, trl.DPOConfig, policy(STARTER)),
        ("reward", trl.RewardTrainer, trl.RewardConfig, judge(STARTER, num_labels=1)),
        ("unpaired", trl.KTOTrainer, trl.KTOConfig, policy(STARTER)),
        ("sft", trl.SFTTrainer, trl.SFTConfig, policy(STARTER)),
    ):
        rows = datasets.load_dataset(str(folder / shape))["train"]
        with tempfile.TemporaryDirectory() as out:
            run = trainer(
                model=model, args=settings(output_dir=out, **COMMON), train_dataset=rows, processing_class=tokenizer
            )
            run.train()
        logs = [log for log in run.state.log_history if "loss" in log]
        found[shape] = {"rows": len(rows), "losses": [log["loss"] for log in logs], "logs": sorted(logs[-1])}
    return found


if __name__ == "__main__":
    print(json.dumps(taken(Path(sys.argv[1]))))
