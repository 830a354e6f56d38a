"""A tiny random model with a real tokenizer and chat template, snapshots with a planted preference. No network."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.__main__ import run
from training.config import DpoSettings, RewardSettings
from training.contract import (
    COMPARISONS,
    EVENT,
    AnswerRecord,
    AnyEvent,
    AnyRequest,
    Completion,
    DemonstrationRecord,
    DpoRequest,
    JudgeRef,
    MergeRequest,
    Message,
    PolicyRef,
    PreferenceRecord,
    PromptRecord,
    RewardRequest,
    RunReport,
    ScoreRequest,
    SnapshotManifest,
    manifest_write,
    rows_write,
)

SPECIALS = ["<|pad|>", "<|bos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
CHAT_TEMPLATE = (
    "<|bos|>{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
END = SPECIALS.index("<|end|>")
ROOT = Path(__file__).parents[2]


def tokenizer_make(chat_template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    """One token per byte, and the special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *alphabet])}
    plain = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain,
        pad_token="<|pad|>",
        bos_token="<|bos|>",
        eos_token="<|end|>",
        additional_special_tokens=SPECIALS[2:5],
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def model_save(folder: Path, *, seed: int = 0, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """A two-layer Llama shape with random weights, saved the Hugging Face way."""
    tokenizer = tokenizer_make(chat_template)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=END,
        pad_token_id=0,
        initializer_range=0.2,  # the usual 0.02 makes so small a model all but uniform
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def preference(
    number: int, first: str, second: str, *, prefer_first: float = 1.0, weight: float = 1.0, split: str = "train"
) -> PreferenceRecord:
    return PreferenceRecord.model_validate(
        {
            "comparison_id": f"c{number}",
            "prompt_id": f"p{number}",
            "prompt": [Message(role="user", content=f"Question {number}")],
            "first": Completion(response_id=f"a{number}", text=first),
            "second": Completion(response_id=f"b{number}", text=second),
            "prefer_first": prefer_first,
            "weight": weight,
            "split": split,
        }
    )


def planted(count: int, *, holdout: int = 0) -> list[PreferenceRecord]:
    """People like answers in capitals and dislike the same in small letters; which side is which is a coin."""
    dice = random.Random(count)
    rows = []
    for number in range(count + holdout):
        word = "".join(dice.choice("abcdefgh") for _ in range(dice.randint(3, 9)))
        is_first = dice.random() < 0.5
        sides = (word.upper(), word) if is_first else (word, word.upper())
        split = "train" if number < count else "holdout"
        rows.append(preference(number, *sides, prefer_first=float(is_first), weight=1 + number % 3, split=split))
    return rows


def snapshot_save(folder: Path, rows: Iterable[PreferenceRecord]) -> Path:
    folder.mkdir(parents=True)
    count = rows_write(folder / COMPARISONS, rows)
    manifest_write(
        folder,
        SnapshotManifest(project="tiny", round=1, created_at="2026-01-01T00:00:00Z", counts={"comparisons": count}),
    )
    return folder


def demonstrations_save(path: Path, count: int = 40) -> Path:
    turns = [("Say a", "a a a a"), ("Say b", "b b b"), ("Say c", "c c c c c")]
    rows = [
        DemonstrationRecord(
            messages=[
                Message(role="user", content=f"{ask} ({number})"),
                Message(role="assistant", content=answer),
            ]
        )
        for number in range(count)
        for ask, answer in [turns[number % 3]]
    ]
    rows_write(path, rows)
    return path


def prompts_save(path: Path, count: int = 6, split: str = "holdout") -> Path:
    rows_write(
        path,
        [
            PromptRecord.model_validate(
                {
                    "prompt_id": f"p{n}",
                    "prompt": [{"role": "user", "content": f"Question {n}" + "?" * (n % 5)}],
                    "split": split,
                }
            )
            for n in range(count)
        ],
    )
    return path


def dpo_request(tmp_path: Path, base: Path, snapshot: Path, name: str = "dpo", **settings: object) -> DpoRequest:
    adapter = settings.pop("adapter", None)
    return DpoRequest(
        out_dir=str(tmp_path / name),
        work_dir=str(tmp_path / f"{name}-work"),
        parent=PolicyRef(label="parent", base_model=str(base), adapter=str(adapter) if adapter else None),
        snapshot_dir=str(snapshot),
        settings=DpoSettings.model_validate({"lora_rank": 4, "epochs": 1, **settings}),
    )


def reward_request(
    tmp_path: Path, base: Path, snapshot: Path, name: str = "reward", **settings: object
) -> RewardRequest:
    return RewardRequest(
        out_dir=str(tmp_path / name),
        work_dir=str(tmp_path / f"{name}-work"),
        policy=PolicyRef(label="policy", base_model=str(base)),
        snapshot_dir=str(snapshot),
        settings=RewardSettings.model_validate({"lora_rank": 4, "epochs": 1, **settings}),
    )


def score_request(
    tmp_path: Path, reward: Path, rows: Iterable[PreferenceRecord], *, base_model: str | None = None
) -> ScoreRequest:
    """Both answers of each row, read by one judge."""
    tmp_path.mkdir(exist_ok=True)
    sides = [(row, answer) for row in rows for answer in (row.first, row.second)]
    records = [
        AnswerRecord(**answer.model_dump(), prompt_id=row.prompt_id, prompt=row.prompt, base_model=base_model)
        for row, answer in sides
    ]
    rows_write(tmp_path / "answers.jsonl", records)
    return ScoreRequest(
        out_dir=str(tmp_path / "score"),
        work_dir=str(tmp_path / "score-work"),
        judges=[JudgeRef(label="judge", reward_dir=str(reward))],
        answers=str(tmp_path / "answers.jsonl"),
    )


def merge_request(tmp_path: Path, checkpoint: Path) -> MergeRequest:
    return MergeRequest(
        out_dir=str(tmp_path / "merge"), work_dir=str(tmp_path / "merge-work"), checkpoint_dir=str(checkpoint)
    )


def engine_start(request: AnyRequest, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """The engine as the app starts it: a child process that reads a request file."""
    file = folder / f"{request.kind}.json"
    file.write_text(request.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-m", "training", request.kind, "--request", str(file)],
        cwd=ROOT,
        env={**os.environ, "TIEBREAK_THREADS": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(engine: subprocess.Popen[str], step: int) -> None:
    """Read events until the run has taken `step` steps."""
    assert engine.stdout is not None
    for line in engine.stdout:
        event = EVENT.validate_json(line)
        if event.event == "metrics" and event.step >= step:
            return
    raise AssertionError(f"the engine ended before step {step}: {engine.communicate()[1]}")


class Listener:
    """Keeps the events of a run."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def run(self, request: AnyRequest) -> RunReport:
        return run(request, self.events.append)

    def curve(self, name: str) -> list[float]:
        return [event.values[name] for event in self.events if event.event == "metrics" and name in event.values]

    def notes(self) -> list[str]:
        return [event.sentence for event in self.events if event.event == "note"]
