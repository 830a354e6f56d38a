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
        description="lora: a small trainable part beside the frozen model. dora: often better, slower. rslora: for "
        "high ranks. qlora: the frozen model in 4 bits, which saves memory; GPUs only.",
    )

    lora_rank: int = Field(
        16,
        ge=0,
        le=512,
        title="LoRA rank",
        description="Size of the adapter. A larger one can learn more and takes more memory; 0 trains the whole model.",
    )
    lora_alpha: float = Field(
        32.0,
        gt=0,
        le=1024,
        title="LoRA alpha",
        description="How strongly the adapter acts. Twice the rank is customary.",
    )
    lora_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="LoRA dropout",
        description="Share of the adapter's inputs that a step leaves out, against learning by heart. 0 is fastest.",
    )
    lora_targets: str = Field(
        "all-linear",
        max_length=500,
        title="LoRA targets",
        description="Layers that get an adapter: all-linear, or names with commas between them, such as q_proj,v_proj.",
    )


class OptimSettings(LoraSettings):
    """The part that every gradient recipe shares."""

    epochs: float = Field(
        3.0,
        gt=0,
        le=100,
        title="Epochs",
        description="How often every row is seen. Many passes over few rows learn them by heart.",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        title="Step limit",
        description="Stop after this many steps even if the epochs are not over. Empty: no limit.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="How far a step moves the weights. Around 1e-5 for 7B models, 1e-3 for small ones with an adapter.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine",
        title="Schedule",
        description="Path of the learning rate after the warm-up: half a cosine or a line to zero, or no change.",
    )
    warmup_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        title="Warm-up share",
        description="Share of the steps over which the learning rate rises from zero.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Weight decay",
        description="Pull of the trained weights towards zero. An adapter rarely needs it.",
    )
    adam_beta2: float = Field(
        0.99,
        gt=0,
        lt=1,
        title="Adam beta 2",
        description="How long AdamW remembers past gradients. 0.999 is customary, for runs longer than a round's.",
    )
    max_grad_norm: float = Field(
        1.0,
        gt=0,
        title="Gradient clip",
        description="Longer gradients are shortened to this, so that no odd batch spoils the run.",
    )
    batch_size: int = Field(
        16,
        ge=1,
        le=4096,
        title="Batch size",
        description="Rows per step. More make a step steadier, and steps fewer.",
    )
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        le=4096,
        title="Micro-batch size",
        description="Rows computed at once. Fewer need less memory; the result is the same. Empty: as many as fit.",
    )
    max_length: int = Field(
        1024,
        ge=8,
        title="Longest row",
        description="Tokens of prompt and answer together. Longer rows are left out and counted, never cut.",
    )
    layout: Literal["auto", "shared", "separate", "packed"] = Field(
        "auto",
        title="Layout",
        description="shared: a prompt is computed once for all its answers. separate: every answer in a row of its "
        "own. packed: several prompts in one row. auto: the fastest that gives the same numbers.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="Arithmetic of the frozen weights; the trained ones stay float32. auto: bfloat16 where faster.",
    )
    gradient_checkpointing: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Gradient checkpointing",
        description="Half the memory for a third more time. auto: only when one row does not fit otherwise.",
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Compile",
        description="Compile the model first (torch.compile). auto: on a GPU, when the run is long enough to gain.",
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
        description="Which weights become the checkpoint: the last ones, or those with the lowest held-out loss. The "
        "others are kept beside them.",
    )
    eval_every: int = Field(
        20,
        ge=1,
        title="Evaluate every",
        description="Steps between two looks at the held-out rows.",
    )
    save_every: int = Field(
        20,
        ge=1,
        title="Save every",
        description="Steps between two saves. A killed run goes on from the last one.",
    )


class SftSettings(OptimSettings):
    """Imitation of demonstrations."""

    packing: bool = Field(
        False,
        title="Packing",
        description="Several conversations per row; they never see each other. Pays where lengths differ much.",
    )

    @model_validator(mode="after")
    def _layout_is_not_for_conversations(self) -> Self:
        if self.layout in ("shared", "packed") or (self.layout == "separate" and self.packing):
            raise ValueError(f"layout {self.layout} is about comparisons; packing says how conversations lie")
        return self


class PreferenceSettings(OptimSettings):
    """How judgments become targets; shared by reward models and DPO."""

    targets: Literal["votes", "majority"] = Field(
        "votes",
        title="Targets",
        description="votes: three of four judgments for an answer count as three quarters. majority: the side with "
        "more judgments takes all, and even ones are left out.",
    )
    weighting: Literal["judgments", "equal"] = Field(
        "judgments",
        title="Weighting",
        description="judgments: a comparison counts by its number of judgments. equal: all count the same.",
    )
    ties: Literal["half", "leave_out", "rao_kupper", "davidson"] = Field(
        "half",
        title="Ties",
        description="half: a tie is half a vote for each side. leave_out: ties are not counted. rao_kupper, davidson: "
        "a tie is an outcome of its own, likelier the closer both answers are.",
    )
    tie_width: float = Field(
        1.0,
        gt=0,
        le=10,
        title="Tie width",
        description="How common ties are between equal answers: in logits with ties rao_kupper, nu with davidson.",
    )
    strength: Literal["ignore", "margin", "scale"] = Field(
        "ignore",
        title="Strength",
        description="What “clearly better” does beyond “better”. margin: the preferred answer must lead by more. "
        "scale: the comparison counts more.",
    )
    strength_margin: float = Field(
        1.0,
        gt=0,
        le=100,
        title="Strength margin",
        description="Lead that a clear preference asks for, in logits. Acts with strength margin.",
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
        description="The model that learns to judge. Empty: the project's base model. Or a folder or hub name, also "
        "of a BERT-like encoder, which is cheaper.",
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=32,
        title="Heads",
        description="Judges on one backbone, each on its own draw of the rows. Their spread tells how sure they are.",
    )
    center_rewards_coefficient: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Centring",
        description="Pulls the two rewards of a row towards a sum of zero, which keeps prompts on one scale. 0.01 is "
        "customary, 0 is off.",
    )
    length_control: bool = Field(
        False,
        title="Length control",
        description="Learn apart how far length alone sways people, and leave that out of the rewards.",
    )
    earlier_rounds: bool = Field(
        True,
        title="Earlier rounds",
        description="Also learn from earlier rounds. A judge gets better with every judgment it has seen.",
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
        description="How often every row is seen. Rounds of a few hundred comparisons need several passes.",
    )
    max_steps: int | None = Field(
        160,
        ge=1,
        title="Step limit",
        description="Stop after this many steps even if the epochs are not over. Empty: no limit.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="How far a step moves the weights. Around 5e-6 for 7B models, 1e-3 for small ones with an "
        "adapter; twice as much breaks the starter's language.",
    )
    beta: float = Field(
        0.1,
        gt=0,
        le=10,
        title="Beta",
        description="The leash to the parent. Smaller lets the policy move further from it.",
    )
    earlier_rounds: bool = Field(
        False,
        title="Earlier rounds",
        description="Also learn from earlier rounds. They are about answers that the policy no longer writes, so they "
        "teach less and cost as much.",
    )
    loss: Loss = Field(
        "sigmoid",
        title="Loss",
        description="sigmoid is DPO as published, a good first choice. docs/training.md says what the others do.",
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
        description="How distance to the parent is measured. reverse_kl is DPO as published.",
    )
    f_alpha_divergence_coef: float = Field(
        0.5, gt=0, lt=1, title="Alpha", description="Order of alpha_divergence. Only acts with it."
    )
    use_weighting: bool = Field(
        False,
        title="WPO weighting",
        description="Rows whose answers the policy would write itself count more (WPO).",
    )
    ld_alpha: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Length desensitising",
        description="Weight of what an answer says beyond the length of the shorter one (LD-DPO). Empty: 1, as in DPO.",
    )
    nll_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Imitation",
        description="Weight of imitating the preferred answers as well, which keeps them from becoming less likely.",
    )
    discopop_tau: float = Field(
        0.05, gt=0, le=10, title="DiscoPOP tau", description="Temperature of discopop. Only acts with it."
    )
    dpop_lambda: float = Field(
        5.0,
        ge=0,
        le=1000,
        title="DPOP lambda",
        description="Penalty for preferred answers that get less likely than under the parent. Only acts with dpop.",
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
                f"label_smoothing acts only with the loss {', '.join(TAKES_SMOOTHING)}",
            ),
            (
                self.label_smoothing == 0 and self.loss == "exo_pair",
                "the loss exo_pair needs a label_smoothing above 0, such as 0.001",
            ),
            (
                self.f_divergence_type != "reverse_kl" and self.loss not in TAKES_DIVERGENCE,
                f"f_divergence_type acts only with the loss {', '.join(TAKES_DIVERGENCE)}",
            ),
            (
                self.strength == "margin" and self.loss not in TAKES_MARGIN,
                f"strength margin is defined only for the loss {', '.join(TAKES_MARGIN)}",
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
            (
                self.loss in SORTED_IN_BATCH and self.use_weighting,
                f"{self.loss} compares ranks, not rows, so use_weighting has no row to weigh",
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
        description="How varied answers are. 0 always takes the likeliest token.",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Top-p",
        description="Draw only from the likeliest tokens that together hold this probability. 1 draws from all.",
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
        description="Answers written at once. Fewer need less memory.",
    )


class EvaluateSettings(Settings):
    """How the new checkpoint is held against its parent."""

    held_out_prompts: int = Field(
        128,
        ge=1,
        title="Held-out prompts",
        description="Prompts that both policies answer. More give narrower intervals and take longer.",
    )
    micro_batch_size: int = Field(
        32,
        ge=1,
        title="Scoring batch",
        description="Rows scored at once. Fewer need less memory.",
    )
    max_length: int = Field(
        1024,
        ge=8,
        title="Longest row",
        description="Tokens of prompt and answer together. Longer held-out rows are left out and counted.",
    )
    sampling: SamplingSettings = SamplingSettings(answers_per_prompt=1)


class ScoreSettings(Settings):
    """How reward models read answers."""

    micro_batch_size: int = Field(
        32,
        ge=1,
        title="Scoring batch",
        description="Rows scored at once. Fewer need less memory.",
    )


class RoundSettings(Settings):
    """Everything one press of *Launch round* decides."""

    seed: int = Field(
        0, ge=0, title="Seed", description="The same judgments, settings and seed give the same checkpoint."
    )
    consensus: Literal["votes", "dawid_skene", "joint"] = Field(
        "votes",
        title="Consensus",
        description="How judgments become a row. votes: their share, every rater alike. dawid_skene: the likeliest "
        "truth, by what each rater tends to say. joint: what usual raters would say, by how reliable each one is and "
        "where they lean. docs/aggregation.md has the models.",
    )
    reward: RewardSettings = RewardSettings()
    dpo: DpoSettings = DpoSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    generate: SamplingSettings = SamplingSettings()


# One sentence per preset, shown beside it. The numbers are tuned on the starter
# policy; docs/loop.md has the table they reach.
PRESETS: dict[str, tuple[str, RoundSettings]] = {
    # A shorter leash than usual: with 0.1 and batches of 16, three seeds of one round on 131 decided comparisons moved
    # the starter by 10, 46 and 48 nats and made its answers a third longer; with these, by 5 nats at the same taste.
    "standard": (
        "A good first choice: minutes on two CPU cores with the starter policy.",
        RoundSettings(dpo=DpoSettings(beta=0.2, batch_size=8)),
    ),
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
