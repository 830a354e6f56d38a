"""How far rounds are, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.lifecycles import AssignmentState, RoundState, RunKind, RunState
from annotator.models import Assignment, Checkpoint, CheckpointKind, Judgment, Project, Round, RoundTally, Run

COUNTED = 10_000  # leases that a page counts; of more, it says "at least"
SHOWN = 50  # leases on the page of a round
STAGES = (
    (RunKind.GENERATE, _("Write answers"), _("The policies answer the prompts of this round.")),
    (None, _("Collect judgments"), _("Raters compare the answers in pairs.")),
    (RunKind.REWARD, _("Reward model"), _("A model learns to predict the raters' preference.")),
    (RunKind.DPO, _("Train policy"), _("The policy learns from the judgments, starting from its parent.")),
    (RunKind.EVALUATE, _("Evaluate"), _("The new checkpoint is held against its parent on prompts never trained on.")),
)


@dataclass(frozen=True)
class RoundProgress:
    """How many judgments a round wants, has and lends out.

    decided    judgments that prefer a side on a prompt that may be trained on: what a launch learns from
    set_aside  comparisons that raters flagged, which count for nothing else here
    """

    comparisons: int
    wanted: int
    answered: int
    held: int
    decided: int
    set_aside: int

    @property
    def all_comparisons(self) -> int:
        return self.comparisons + self.set_aside

    @property
    def share(self) -> float:
        return self.answered / self.wanted if self.wanted else 0.0

    @property
    def has_more(self) -> bool:
        """Whether more is lent out than was counted."""
        return self.held >= COUNTED


@dataclass(frozen=True)
class Stage:
    """One step of the round's timeline.

    state  "waiting", "now", "done", "failed", or "cancelled"
    """

    title: str | Promise
    sentence: str | Promise
    state: str
    run: Run | None = None


def rounds_of(project: Project) -> QuerySet[Round]:
    """The project's rounds, newest first, each with its sums."""
    sums = RoundTally.objects.filter(round=OuterRef("pk")).order_by().values("round")
    return project.rounds.annotate(
        comparison_count=Coalesce(Subquery(sums.annotate(n=Sum(F("comparisons") + F("set_aside"))).values("n")), 0),
        wanted=Subquery(sums.annotate(n=Sum("wanted")).values("n")),
        answered=Subquery(sums.annotate(n=Sum("answered")).values("n")),
    ).order_by("-number")


def round_newest(project: Project) -> Round | None:
    """The newest round that was not given up."""
    return project.rounds.exclude(state=RoundState.ABANDONED).order_by("-number").first()


def round_progress(round: Round) -> RoundProgress:
    # Bounded, because more could only be counted by reading them all.
    held = leases_held(round).filter(comparison__set_aside_at=None).order_by()[:COUNTED].count()
    return RoundProgress(**RoundTally.objects.filter(round=round).sums(), held=held)


def round_stages(round: Round) -> list[Stage]:
    """The timeline: the newest run of each stage, and where the round stands between them."""
    newest: dict[str, Run] = {}
    for run in round.runs.select_related("project", "round").order_by("id"):
        newest[run.kind] = run
    return [_stage(round, newest.get(kind) if kind else None, kind, title, text) for kind, title, text in STAGES]


def _stage(round: Round, run: Run | None, kind: RunKind | None, title: str | Promise, sentence: str | Promise) -> Stage:
    if kind is None:
        reached = {RoundState.DRAFT: "waiting", RoundState.COLLECTING: "now"}
        state = reached.get(RoundState(round.state), "done" if round.launched_at else "cancelled")
        return Stage(title, sentence, state)
    if run is None:
        return Stage(title, sentence, "waiting")
    states = {
        RunState.QUEUED: "now",
        RunState.RUNNING: "now",
        RunState.SUCCEEDED: "done",
        RunState.FAILED: "failed",
        RunState.CANCELLED: "cancelled",
    }
    return Stage(title, sentence, states[RunState(run.state)], run)


def round_can_retry(round: Round) -> bool:
    """Whether the newest stage failed or was cancelled, so that the round stands still."""
    newest = round.runs.exclude(kind=RunKind.SCORE).order_by("-id").first()
    return newest is not None and newest.state in (RunState.FAILED, RunState.CANCELLED) and round.is_moving


def round_checkpoints(round: Round) -> tuple[Checkpoint | None, Checkpoint | None]:
    """The policy and the reward model that this round made."""
    made = Checkpoint.objects.filter(run__round=round).select_related("project", "parent", "run")
    by_kind = {checkpoint.kind: checkpoint for checkpoint in made.order_by("id")}
    return by_kind.get(CheckpointKind.POLICY), by_kind.get(CheckpointKind.REWARD)


def leases_held(round: Round) -> QuerySet[Assignment]:
    """Who holds what work right now, by when it runs out; checks are no work, and nobody's to take back."""
    held = Assignment.objects.filter(comparison__round=round, state=AssignmentState.HELD, check_kind="")
    return held.select_related("rater").order_by("leased_until")


def judgment_current(assignment: Assignment) -> Judgment | None:
    """What this assignment's rater said last, None before they said anything."""
    if not assignment.is_answered:
        return None
    return Judgment.with_checks.current().filter(assignment=assignment).first()
