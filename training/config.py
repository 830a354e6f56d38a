"""Every setting of every recipe: meaning, unit, sane range, effect.

The launch page shows exactly these titles and descriptions, and the exact
settings are saved beside each checkpoint, so a number explained here is
explained everywhere.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen, and refuses names it does not know: a misspelt setting must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LoraSettings(Settings):
    """Where the adapter sits and how much it can hold."""

    lora_rank: int = Field(
        16,
        ge=0,
        le=512,
        title="LoRA rank",
        description="Width of the adapter. Larger holds more change and takes more memory; 0 trains all weights.",
    )
    lora_alpha: float = Field(
        32.0,
        gt=0,
        le=1024,
        title="LoRA alpha",
        description="The adapter's output is scaled by alpha / rank. Twice the rank is customary.",
    )
    lora_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="LoRA dropout",
        description="Share of adapter inputs dropped while training. 0 keeps runs exactly repeatable.",
    )


class OptimSettings(LoraSettings):
    """The part that every gradient recipe shares."""

    epochs: float = Field(
        3.0,
        gt=0,
        le=100,
        title="Epochs",
        description="How often every training row is seen. More than a few overfits small rounds.",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        title="Step limit",
        description="Stop after this many optimizer steps even if the epochs are not over. Empty means no limit.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Step size of AdamW at its peak. Small models with LoRA like 1e-3, 7B models nearer 1e-5.",
    )
    warmup_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        title="Warm-up share",
        description="Share of the steps over which the learning rate rises from zero before it falls again.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Weight decay",
        description="Pull of the trained weights towards zero, per AdamW.",
    )
    max_grad_norm: float = Field(
        1.0,
        gt=0,
        title="Gradient clip",
        description="Gradients longer than this are scaled down to it.",
    )
    batch_size: int = Field(
        16,
        ge=1,
        le=4096,
        title="Batch size",
        description="Rows per optimizer step.",
    )
    micro_batch_size: int = Field(
        16,
        ge=1,
        le=4096,
        title="Micro-batch size",
        description="Rows computed at once. Smaller needs less memory; the result is the same.",
    )
    max_length: int = Field(
        1024,
        ge=8,
        title="Longest row",
        description="Rows whose prompt and answer need more tokens are left out and counted, never cut.",
    )
    eval_every: int = Field(
        20,
        ge=1,
        title="Evaluate every",
        description="Optimizer steps between two looks at the held-out rows.",
    )
    save_every: int = Field(
        20,
        ge=1,
        title="Save every",
        description="Optimizer steps between two states that a killed run resumes from.",
    )


class SftSettings(OptimSettings):
    """Imitation of demonstrations."""


class RewardSettings(OptimSettings):
    """Bradley–Terry reward model: the backbone with a scalar head."""

    earlier_rounds: bool = Field(
        True,
        title="Earlier rounds",
        description="Also learn from the judgments of earlier rounds. A judge gets better with every answer it has "
        "seen.",
    )


class DpoSettings(OptimSettings):
    """Direct preference optimisation against the parent checkpoint."""

    # A few hundred comparisons need many passes before the policy moves, thousands need few: so many
    # epochs, and a limit on the steps. docs/loop.md has what these numbers reach.
    epochs: float = Field(
        8.0,
        gt=0,
        le=100,
        title="Epochs",
        description="How often every training row is seen. Rounds of a few hundred comparisons need several.",
    )
    max_steps: int | None = Field(
        160,
        ge=1,
        title="Step limit",
        description="Stop after this many optimizer steps even if the epochs are not over. Empty means no limit.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Step size of AdamW at its peak. Small models with LoRA like 1e-3, 7B models nearer 5e-6. "
        "Twice as much moves the starter no further and breaks its language.",
    )
    beta: float = Field(
        0.1,
        gt=0,
        le=10,
        title="Beta",
        description="Strength of the leash to the parent. Smaller lets the policy move further from it.",
    )
    earlier_rounds: bool = Field(
        False,
        title="Earlier rounds",
        description="Also learn from the judgments of earlier rounds. They are about answers that the policy no longer "
        "writes, so they teach less and cost as much.",
    )
    loss: Literal["sigmoid"] = Field("sigmoid", title="Loss", description="The DPO loss of Rafailov et al. (2023).")


class SamplingSettings(Settings):
    """How answers are drawn."""

    answers_per_prompt: int = Field(
        2,
        ge=1,
        le=64,
        title="Answers per prompt",
        description="Answers that each policy writes to each prompt.",
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=5,
        title="Temperature",
        description="Spread of the answers. 0 always takes the likeliest token.",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Top-p",
        description="Sample only from the likeliest tokens that hold this much probability.",
    )
    max_new_tokens: int = Field(
        160,
        ge=1,
        le=8192,
        title="Longest answer",
        description="Answers are cut off after this many tokens.",
    )
    batch_size: int = Field(
        64,
        ge=1,
        le=4096,
        title="Generation batch",
        description="Answers written at once.",
    )


class EvaluateSettings(Settings):
    """How the new checkpoint is held against its parent."""

    held_out_prompts: int = Field(
        128,
        ge=1,
        title="Held-out prompts",
        description="Prompts, never trained on, that both policies answer.",
    )
    micro_batch_size: int = Field(
        32,
        ge=1,
        title="Scoring batch",
        description="Rows scored at once.",
    )
    max_length: int = Field(
        1024,
        ge=8,
        title="Longest row",
        description="Held-out rows that need more tokens are left out and counted.",
    )
    sampling: SamplingSettings = SamplingSettings(answers_per_prompt=1)


class RoundSettings(Settings):
    """Everything one press of *Launch round* decides."""

    seed: int = Field(
        0, ge=0, title="Seed", description="The same judgments, settings and seed give the same checkpoint."
    )
    reward: RewardSettings = RewardSettings()
    dpo: DpoSettings = DpoSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    generate: SamplingSettings = SamplingSettings()


# One sentence per preset, shown beside it. The numbers are tuned on the starter
# policy; docs/loop.md has the table they reach.
PRESETS: dict[str, tuple[str, RoundSettings]] = {
    "standard": ("A good first choice: minutes on two CPU cores with the starter policy.", RoundSettings()),
    "quick": (
        "One short pass, to see that everything turns.",
        RoundSettings(reward=RewardSettings(epochs=1), dpo=DpoSettings(epochs=1)),
    ),
    "thorough": (
        "Smaller steps and no limit on their number, for rounds with thousands of judgments.",
        RoundSettings(
            reward=RewardSettings(epochs=6, learning_rate=5e-4),
            dpo=DpoSettings(epochs=6, max_steps=None, learning_rate=5e-4),
        ),
    ),
}


# Every number that a run emits or reports: what it says, and its unit. Pages show
# these sentences; names follow TRL where TRL has one.
METRICS: dict[str, tuple[str, str]] = {
    "train/loss": ("Mean loss of the rows of the step, before its update.", "nats"),
    "eval/loss": ("Mean loss on the held-out rows, by weight.", "nats"),
    "eval/accuracy": (
        "Share of the decided held-out comparisons where the model prefers what people preferred; ties are left out.",
        "share",
    ),
    "rewards/chosen": (
        "Mean reward of the preferred answers. In DPO: beta times how much likelier than under the parent they are.",
        "reward",
    ),
    "rewards/rejected": ("Mean reward of the answers that people did not prefer.", "reward"),
    "rewards/margins": ("Mean difference of the two rewards, preferred minus other.", "reward"),
    "rewards/accuracies": ("Share of the decided comparisons whose preferred answer has the higher reward.", "share"),
    "logps/chosen": ("Mean log-probability of the preferred answers, summed over their tokens.", "nats"),
    "logps/rejected": ("Mean log-probability of the other answers, summed over their tokens.", "nats"),
    "grad_norm": ("Length of the gradient before it is clipped.", "loss per weight"),
    "learning_rate": ("Step size of the update.", "per step"),
    "seconds_per_step": ("Mean time of an update.", "seconds"),
    "rows/train": ("Rows that were trained on.", "rows"),
    "rows/holdout": ("Held-out rows that were looked at.", "rows"),
    "prompts/holdout": ("Held-out prompts that both policies answered.", "prompts"),
    "responses": ("Answers written.", "answers"),
    "tokens": ("Tokens written.", "tokens"),
    "tokens_per_second": ("Tokens written per second, without loading.", "tokens per second"),
    "length/mean": ("Mean length of the answers.", "tokens"),
    "length/candidate": ("Mean length of the candidate's answers.", "tokens"),
    "length/parent": ("Mean length of the parent's answers.", "tokens"),
    "share_cut_off": ("Share of the answers that reached the longest length allowed.", "share"),
    "reward/candidate": ("Mean reward of the candidate's answers to held-out prompts.", "reward"),
    "reward/parent": ("Mean reward of the parent's answers to held-out prompts.", "reward"),
    "accuracy": (
        "Share of the decided held-out comparisons where the trained model prefers what people preferred.",
        "share",
    ),
    "reward/accuracy": (
        "Share of the decided held-out comparisons where the reward model agrees with people.",
        "share",
    ),
    "dpo/accuracy": (
        "Share of the decided held-out comparisons where the candidate, held against its parent, agrees with people.",
        "share",
    ),
    "win_rate": (
        "Share of held-out prompts where the candidate's answer scores above its parent's; equal scores count half.",
        "share",
    ),
    "kl": ("How far the candidate has moved from its parent: mean KL divergence of a whole answer.", "nats"),
    "length_ratio": ("Mean length of the candidate's answers over the parent's.", "ratio"),
}
