"""Every setting of every recipe: meaning, unit, sane range, effect.

The launch page shows exactly these titles and descriptions, and the exact
settings are saved beside each checkpoint, so a number explained here is
explained everywhere.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Frozen, and refuses names it does not know: a misspelt setting must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LoraSettings(Settings):
    """Where the adapter sits and how much it can hold."""

    adapter: Literal["lora", "dora", "rslora", "qlora"] = Field(
        "lora",
        title="Adapter",
        description="lora: the usual low-rank update. dora also learns the length of each weight column; slower. "
        "rslora divides by the square root of the rank, for high ranks. qlora keeps the base in 4 bits; "
        "GPUs only.",
    )

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
        description="Share of adapter inputs dropped while training. 0 is fastest.",
    )
    lora_targets: str = Field(
        "all-linear",
        max_length=500,
        title="LoRA targets",
        description="Layers that get an adapter: all-linear (all but the head), or names with commas between them, "
        "such as q_proj,v_proj.",
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
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine",
        title="Schedule",
        description="How the learning rate falls after the warm-up: along half a cosine or a line to zero, or not at "
        "all.",
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
    adam_beta2: float = Field(
        0.99,
        gt=0,
        lt=1,
        title="Adam beta 2",
        description="Memory of AdamW for squared gradients. 0.999 is customary; rounds of a hundred steps end before "
        "it has settled.",
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
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        le=4096,
        title="Micro-batch size",
        description="Rows computed at once. Smaller needs less memory; the result is the same. Empty: as many as "
        "fit, halved whenever memory runs out.",
    )
    max_length: int = Field(
        1024,
        ge=8,
        title="Longest row",
        description="Rows whose prompt and answer need more tokens are left out and counted, never cut.",
    )
    layout: Literal["auto", "shared", "separate", "packed"] = Field(
        "auto",
        title="Layout",
        description="shared: a prompt is computed once for all its answers. separate: every answer in a row of its "
        "own. packed: several prompts in one row. auto: the fastest that gives this model the same "
        "numbers.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="Arithmetic of the frozen weights; what is trained is always kept in float32. auto: bfloat16 "
        "where the processor is faster with it.",
    )
    gradient_checkpointing: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Gradient checkpointing",
        description="Recompute activations rather than keep them: a third slower, half the memory. auto: only when "
        "one row does not fit otherwise.",
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Compile",
        description="Compile the model with torch.compile. auto: on a GPU, for runs that are long enough to earn it "
        "back.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Patience",
        description="Stop after so many looks at the held-out rows without a lower loss. Empty: never.",
    )
    keep: Literal["last", "best"] = Field(
        "last",
        title="Keep",
        description="Which weights become the checkpoint: those after the last step, or those with the lowest "
        "held-out loss. The other ones are kept beside them.",
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

    packing: bool = Field(
        False,
        title="Packing",
        description="Fill rows of the longest length with several conversations, which never see each other. Pays "
        "where lengths differ much.",
    )


class PreferenceSettings(OptimSettings):
    """How judgments become targets; shared by reward models and DPO."""

    targets: Literal["votes", "majority"] = Field(
        "votes",
        title="Targets",
        description="votes: a row is learned as the share of its judgments. majority: the side with more judgments "
        "takes all, and even ones are left out.",
    )
    weighting: Literal["judgments", "equal"] = Field(
        "judgments",
        title="Weighting",
        description="judgments: a row counts by its weight, which is the number of judgments unless an aggregation "
        "says otherwise. equal: every row counts the same.",
    )
    ties: Literal["half", "leave_out", "rao_kupper", "davidson"] = Field(
        "half",
        title="Ties",
        description="half: a tie is half a vote for each side. leave_out: ties are not counted. rao_kupper, "
        "davidson: a tie is an outcome of its own, likelier the closer both answers are.",
    )
    tie_width: float = Field(
        1.0,
        gt=0,
        le=10,
        title="Tie width",
        description="How common ties are between equal answers: the threshold of rao_kupper in logits, nu of "
        "davidson. Only acts with those two.",
    )
    strength: Literal["ignore", "margin", "scale"] = Field(
        "ignore",
        title="Strength",
        description="What “clearly better” does. margin: the preferred answer must lead by more. scale: the row "
        "counts more, as much as it is strong.",
    )
    strength_margin: float = Field(
        1.0,
        gt=0,
        le=100,
        title="Strength margin",
        description="Lead that a clear preference asks for, in logits. Only acts with strength margin.",
    )

    @model_validator(mode="after")
    def _targets_make_sense(self) -> Self:
        if self.targets == "majority" and self.ties in ("rao_kupper", "davidson"):
            raise ValueError(f"ties {self.ties} need targets votes; with majority, even rows are left out")
        if self.strength == "margin" and self.ties in ("rao_kupper", "davidson"):
            raise ValueError(f"strength margin is not defined with ties {self.ties}; choose scale or ignore")
        return self


class RewardSettings(PreferenceSettings):
    """Bradley–Terry reward model: the backbone with a scalar head."""

    backbone: str = Field(
        "",
        max_length=500,
        title="Backbone",
        description="Empty: the base model of the policy. Or a folder or hub name: a causal language model, or a "
        "BERT-like encoder, which is a cheaper judge.",
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=32,
        title="Heads",
        description="Heads per question, each started differently and trained on its own draw of the rows. Their "
        "spread says how sure the judge is.",
    )
    center_rewards_coefficient: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Centring",
        description="Pull of the two rewards of a row towards a sum of zero, which keeps rewards of different "
        "prompts on one scale. 0.01 is customary, 0 is off.",
    )
    length_control: bool = Field(
        False,
        title="Length control",
        description="Learn beside the rewards how much people are swayed by length alone, and leave that part out of "
        "the rewards.",
    )
    earlier_rounds: bool = Field(
        True,
        title="Earlier rounds",
        description="Also learn from the judgments of earlier rounds. A judge gets better with every answer it has "
        "seen.",
    )


# What each loss can take beside hard, equally weighted winners. Losses that are not listed under an option
# refuse it: an option that would change nothing must not be accepted.
Loss = Literal[
    "sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "exo_pair", "nca_pair", "bco_pair", "sppo_hard",
    "apo_zero", "apo_down", "discopop", "aot", "aot_unpaired", "dpop", "simpo", "orpo", "kto",
]  # fmt: skip
REFERENCE_FREE = ("simpo", "orpo")
SORTED_IN_BATCH = ("aot", "aot_unpaired")
TAKES_SMOOTHING = ("sigmoid", "robust", "exo_pair", "aot", "aot_unpaired")
TAKES_MARGIN = ("sigmoid", "sigmoid_norm", "hinge", "robust", "simpo", "dpop")
# As in TRL: those that look at the difference of scores. The others read the log-ratios themselves, or no reference.
TAKES_DIVERGENCE = ("sigmoid", "hinge", "ipo", "sigmoid_norm", "robust", "exo_pair", "discopop")


class DpoSettings(PreferenceSettings):
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
        description="Step size of AdamW at its peak. Small models with LoRA like 1e-3, 7B models nearer 5e-6. Twice "
        "as much moves the starter no further and breaks its language.",
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
        description="Also learn from the judgments of earlier rounds. They are about answers that the policy no "
        "longer writes, so they teach less and cost as much.",
    )
    loss: Loss = Field(
        "sigmoid",
        title="Loss",
        description="sigmoid is DPO as published. The others go by the names that TRL gives them; docs/training.md "
        "has each formula and what it is good for.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        title="Label smoothing",
        description="Share of judgments assumed to be mistakes. Acts with sigmoid (conservative DPO), robust, "
        "exo_pair, aot and aot_unpaired.",
    )
    f_divergence_type: Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"] = Field(
        "reverse_kl",
        title="Divergence",
        description="How distance to the parent is measured. reverse_kl is the KL divergence of DPO.",
    )
    f_alpha_divergence_coef: float = Field(
        0.5, gt=0, lt=1, title="Alpha", description="Order of alpha_divergence. Only acts with it."
    )
    use_weighting: bool = Field(
        False,
        title="WPO weighting",
        description="Weigh each row by how likely the policy itself is to write its answers (WPO).",
    )
    ld_alpha: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Length desensitising",
        description="Weight of the tokens beyond the length of the shorter answer (LD-DPO). Empty: 1, as in DPO.",
    )
    nll_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Imitation",
        description="Weight of an added term that imitates the preferred answers, which keeps their probability from "
        "falling.",
    )
    discopop_tau: float = Field(
        0.05, gt=0, le=10, title="DiscoPOP tau", description="Temperature of discopop. Only acts with it."
    )
    dpop_lambda: float = Field(
        5.0,
        ge=0,
        le=1000,
        title="DPOP lambda",
        description="Penalty of dpop for preferred answers that become less likely than under the parent.",
    )
    simpo_gamma: float = Field(
        0.5, ge=0, le=10, title="SimPO gamma", description="Lead that simpo asks for, in logits. Only acts with it."
    )
    desirable_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Desirable weight",
        description="Weight of preferred answers in kto. Only acts with it.",
    )
    undesirable_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Undesirable weight",
        description="Weight of the other answers in kto. Only acts with it.",
    )

    @model_validator(mode="after")
    def _loss_takes_its_options(self) -> Self:
        """Each option acts or is refused."""
        for refused, sentence in (
            (
                self.label_smoothing > 0 and self.loss not in TAKES_SMOOTHING,
                f"label_smoothing acts only with {', '.join(TAKES_SMOOTHING)}",
            ),
            (
                self.label_smoothing == 0 and self.loss == "exo_pair",
                "exo_pair needs a label_smoothing above 0, such as 0.001",
            ),
            (
                self.f_divergence_type != "reverse_kl" and self.loss not in TAKES_DIVERGENCE,
                f"f_divergence_type acts only with {', '.join(TAKES_DIVERGENCE)}",
            ),
            (
                self.strength == "margin" and self.loss not in TAKES_MARGIN,
                f"strength margin is defined only for {', '.join(TAKES_MARGIN)}",
            ),
            (
                self.ties in ("rao_kupper", "davidson") and self.loss != "sigmoid",
                f"ties {self.ties} are defined only for the loss sigmoid",
            ),
            (
                self.ties in ("rao_kupper", "davidson") and self.label_smoothing > 0,
                f"ties {self.ties} leave no room for label_smoothing",
            ),
            (
                self.loss in SORTED_IN_BATCH
                and (self.targets, self.weighting, self.strength) != ("majority", "equal", "ignore"),
                f"{self.loss} compares sorted batches, so it needs targets majority, weighting equal, strength ignore",
            ),
            (
                self.loss in SORTED_IN_BATCH and self.micro_batch_size not in (None, self.batch_size),
                f"{self.loss} compares sorted batches, so the micro-batch must be the batch",
            ),
            (
                self.loss in (*REFERENCE_FREE, "kto") and (self.use_weighting or self.ld_alpha is not None),
                f"use_weighting and ld_alpha are not defined for {self.loss}",
            ),
        ):
            if refused:
                raise ValueError(sentence)
        return self


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
    stop: str = Field(
        "",
        max_length=200,
        title="Stop text",
        description="Answers also end before this text. Empty: only where the policy ends its turn.",
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
