"""The vocabulary of what is measured. Names follow TRL where TRL has one; pages show these sentences."""

from __future__ import annotations

# Every number that a run emits or reports: what it says, and its unit.
METRICS: dict[str, tuple[str, str]] = {
    # on the way, and at the end
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
    "rewards/accuracies_no_ties": (
        "The same among comparisons whose rewards differ: a policy that has not moved is undecided, not wrong.",
        "share",
    ),
    "pairs/ties": (
        "Share of the comparisons that people left undecided, so that neither answer is preferred.",
        "share",
    ),
    "logps/chosen": ("Mean log-probability of the preferred answers, summed over their tokens.", "nats"),
    "logps/rejected": ("Mean log-probability of the other answers, summed over their tokens.", "nats"),
    "kl/chosen_seq": ("How much likelier than under the parent the preferred answers have become.", "nats per answer"),
    "kl/token": ("How much likelier than under the parent all answers have become, by token.", "nats per token"),
    "length/chosen": ("Mean length of the preferred answers.", "tokens"),
    "length/rejected": ("Mean length of the other answers.", "tokens"),
    "calibration/ece": (
        "Mean distance of the predicted share of judgments from the real one. 0 is perfect; few comparisons raise it.",
        "share",
    ),
    "rewards/spread": ("How far the heads disagree about a held-out comparison; 0 with a single head.", "reward"),
    "length/corr_reward": (
        "Correlation of being longer with a higher reward, over held-out comparisons. Near 1, only length counts.",
        "correlation",
    ),
    "grad_norm": ("Length of the gradient before it is clipped.", "loss per weight"),
    "learning_rate": ("Step size of the update.", "per step"),
    "seconds_per_step": ("Mean time of an update.", "seconds"),
    "tokens_per_second": ("Tokens trained on or written per second, without loading.", "tokens per second"),
    "pad_fraction": ("Share of what is computed that only fills rows up.", "share"),
    "eta_seconds": ("Time left until the last step at this pace.", "seconds"),
    # counts
    "pairs/effective_n": ("Rows of equal weight that would tell as much as the training rows with theirs.", "rows"),
    "rows/train": ("Rows that were trained on.", "rows"),
    "rows/holdout": ("Held-out rows that were looked at.", "rows"),
    "prompts/holdout": ("Held-out prompts that both policies answered.", "prompts"),
    "responses": ("Answers written.", "answers"),
    "rewards": ("Answers scored, once by each reward model.", "answers"),
    "tokens": ("Tokens written.", "tokens"),
    "length/mean": ("Mean length of the answers.", "tokens"),
    "share_cut_off": ("Share of the answers that reached the longest length allowed.", "share"),
    # an evaluation
    "length/candidate": ("Mean length of the candidate's answers.", "tokens"),
    "length/parent": ("Mean length of the parent's answers.", "tokens"),
    "reward/candidate": ("Mean reward of the candidate's answers to held-out prompts.", "reward"),
    "reward/parent": ("Mean reward of the parent's answers to held-out prompts.", "reward"),
    "accuracy": (
        "Share of the decided held-out comparisons where the trained model prefers what people preferred.",
        "share",
    ),
    "accuracy/*": ("The same for one criterion that was asked beside the overall question.", "share"),
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
    # whole weights made of an adapter
    "merge/logit_difference": (
        "Largest difference of two logits between base with adapter and the merged weights, over a few answers.",
        "logits",
    ),
    "merge/greedy_agreement": ("Share of the tokens of these answers that both find likeliest.", "share"),
    "merge/tokens": ("Tokens of these answers.", "tokens"),
}
