"""A world to measure in: a made-up language, a tiny policy that speaks it, and runs of the engine in a folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from bench.language import ALL, Language, Planted, Raters, answer, judged, prompts
from bench.language import model_save as language_model_save
from training.__main__ import run
from training.config import RewardSettings, SftSettings
from training.contract import (
    COMPARISONS,
    AnyRequest,
    Completion,
    DemonstrationRecord,
    Message,
    PolicyRef,
    PromptRecord,
    RewardRequest,
    RunReport,
    SftRequest,
    SnapshotManifest,
    manifest_write,
    rows_write,
)
from training.reward_model import RewardModel, reward_model_load

SPREAD = 2.0  # logits between two random answers, as a standard deviation
VOTES = 3
NEVER = 10**6
QUIET = {"eval_every": NEVER, "save_every": NEVER, "layout": "separate"}  # fastest for rows so short


@dataclass(frozen=True)
class Size:
    """How much is shown to the engine, and how long it learns."""

    demonstrations: int = 6000
    train: int = 600
    holdout: int = 400
    reward_epochs: float = 4.0
    dpo_steps: int = 150


@dataclass
class World:
    """A language, a speaker of it, and a folder to work in."""

    folder: Path
    seed: int
    size: Size
    dice: random.Random
    language: Language
    speaker: PolicyRef

    @classmethod
    def made(cls, folder: Path, seed: int, size: Size) -> World:
        """Draw the language and teach its grammar, with all words, to a tiny Llama."""
        dice = random.Random(f"planted/{seed}")
        raw = PolicyRef(label="raw", base_model=str(language_model_save(folder / "raw", seed=seed)))
        world = cls(folder, seed, size, dice, Language.drawn(dice, SPREAD), raw)
        said = [
            DemonstrationRecord(messages=[*row.prompt, Message(role="assistant", content=answer(dice, words=ALL))])
            for row in dice.choices(prompts(500, "train", dice), k=size.demonstrations)
        ]
        rows_write(folder / "demonstrations.jsonl", said)
        settings = SftSettings.model_validate(
            {**QUIET, "lora_rank": 0, "epochs": 1, "batch_size": 32, "learning_rate": 3e-3}
        )
        demonstrations = str(folder / "demonstrations.jsonl")
        world.run(SftRequest(**world.places("sft"), policy=raw, demonstrations=demonstrations, settings=settings))
        world.speaker = PolicyRef(label="parent", base_model=str(folder / "sft"))
        return world

    def places(self, name: str) -> dict[str, Any]:
        return {"out_dir": str(self.folder / name), "work_dir": str(self.folder / f"{name}-work"), "seed": self.seed}

    def run(self, request: AnyRequest) -> RunReport:
        return run(request, lambda event: None)

    def prompts(self, split: Literal["train", "holdout"]) -> list[PromptRecord]:
        return prompts(self.size.train if split == "train" else self.size.holdout, split, self.dice)

    def comparisons(
        self,
        split: Literal["train", "holdout"],
        raters: Raters,
        *,
        votes: int = VOTES,
        criteria: dict[str, Language] | None = None,
        write: Callable[[random.Random], str] = answer,
    ) -> list[Planted]:
        """Two random answers to each prompt, judged."""
        return [
            judged(prompt, [said(text) for text in sides], self.language, raters, votes, self.dice, criteria)
            for prompt in self.prompts(split)
            for sides in [(write(self.dice), write(self.dice))]
            if sides[0] != sides[1]
        ]

    def snapshot(self, name: str, rows: Sequence[Planted]) -> Path:
        folder = self.folder / f"{name}-snapshot"
        folder.mkdir()
        count = rows_write(folder / COMPARISONS, (row.record for row in rows))
        criteria = sorted({criterion for row in rows for criterion in row.record.criteria})
        manifest_write(
            folder,
            SnapshotManifest(
                project="planted",
                round=1,
                created_at="2026-01-01T00:00:00Z",
                counts={"comparisons": count},
                criteria=criteria,
            ),
        )
        return folder

    def reward_model(
        self, name: str, train: Sequence[Planted], held: Sequence[Planted], **settings: object
    ) -> tuple[RewardModel, RunReport]:
        """A reward model trained on these comparisons, all weights of the tiny backbone."""
        request = RewardRequest(
            **self.places(name),
            policy=self.speaker,
            snapshot_dir=str(self.snapshot(name, [*train, *held])),
            settings=RewardSettings.model_validate(
                {
                    "lora_rank": 0,
                    "epochs": self.size.reward_epochs,
                    "eval_every": NEVER,
                    "save_every": NEVER,
                    **settings,
                }
            ),
        )
        report = self.run(request)
        return reward_model_load(self.folder / name, torch.device("cpu")), report


def said(text: str) -> Completion:
    return Completion(response_id=text.replace(" ", "-"), text=text)
