"""What a rater is told about their own judging. Every expected number was counted by hand."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import RoundState
from annotator.models import Assignment, Comparison, Project, Round, User
from annotator.selectors.habits import habits_of
from annotator.services.judgments import judgment_submit
from annotator.services.protocols import protocol_publish

# What Ann and what Bob said of the same pairs.
SAID = [
    ("first", "first"),  # the same
    ("first", "second"),
    ("second", "second"),  # the same
    ("tie", "tie"),  # the same
    ("tie", "both_bad"),  # the same: no difference
    ("both_bad", "both_good"),  # the same: no difference
    ("both_good", "first"),
    ("slightly first", "first"),  # the same
    ("second", "tie"),
    ("second", "slightly second"),  # the same
]
NOT_COUNTED = [("cannot_judge", "first"), ("first", "cannot_judge"), ("cannot_judge", "cannot_judge")]


@pytest.fixture
def pairs(project: Project, round: Round) -> list[Comparison]:
    """Comparisons of the round, and a protocol with every answer."""
    outcomes = ["tie", "both_good", "both_bad", "cannot_judge"]
    protocol_publish(project=project, preset="five_point", outcomes=outcomes)
    round.comparisons.update(wanted=3)
    return list(round.comparisons.order_by("pk"))


def say(rater: User, comparison: Comparison, meant: str, *, first_on_left: bool = True, seconds: float = 0.0) -> None:
    """The rater says that the (slightly) first or second is better, or presses the button of that name."""
    assignment = Assignment.objects.create(
        comparison=comparison, rater=rater, first_on_left=first_on_left, leased_until=timezone.now()
    )
    left, right = ("first", "second") if first_on_left else ("second", "first")
    buttons = {left: "a", right: "b", f"slightly {left}": "slightly_a", f"slightly {right}": "slightly_b"}
    judgment_submit(assignment=assignment, said=Said(buttons.get(meant, meant)), key=uuid.uuid4(), seconds=seconds)


def came_again(comparison: Comparison) -> Comparison:
    """The same two responses in another comparison, the other way round."""
    return Comparison.objects.create(
        round=comparison.round, prompt=comparison.prompt, first=comparison.second, second=comparison.first
    )


# --- agreement ---------------------------------------------------------------------


def test_agreement_counts_a_b_and_no_difference_on_whatever_side(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    ann, bob, _ = raters
    for pair, (mine, theirs) in zip(pairs, SAID + NOT_COUNTED, strict=False):
        say(ann, pair, mine, first_on_left=True)
        say(bob, pair, theirs, first_on_left=False)
    say(ann, pairs[20], "first")  # nobody else judged these
    say(bob, pairs[21], "first")

    agreement = habits_of(ann, project).agreement

    assert (agreement.value, agreement.n) == (0.7, 10)
    assert agreement.low == pytest.approx(0.3968, abs=1e-4)  # Wilson's interval for 7 of 10
    assert agreement.high == pytest.approx(0.8922, abs=1e-4)


def test_of_two_other_people_each_counts(project: Project, pairs: list[Comparison], raters: list[User]) -> None:
    for pair in pairs[:5]:
        for rater, meant in zip(raters, ("first", "first", "second"), strict=True):
            say(rater, pair, meant)

    agreements = [habits_of(rater, project).agreement for rater in raters]

    assert [(one.value, one.n) for one in agreements] == [(0.5, 10), (0.5, 10), (0.0, 10)]


def test_a_correction_counts_instead_of_what_was_said_before(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    ann, bob, _ = raters
    for pair in pairs[:10]:
        say(ann, pair, "first")
        say(bob, pair, "first")
    assert habits_of(ann, project).agreement.value == 1.0

    for number, rater in enumerate((ann, ann, bob)):
        corrected = Assignment.objects.get(rater=rater, comparison=pairs[number])
        judgment_submit(assignment=corrected, said=Said("tie"), key=uuid.uuid4())

    assert habits_of(ann, project).agreement.value == 0.7
    assert habits_of(bob, project).agreement.value == 0.7


@pytest.mark.parametrize(("shared", "value"), [(0, None), (9, None), (10, 1.0)])
def test_from_fewer_than_ten_shared_judgments_nothing_is_said_but_why(
    project: Project, pairs: list[Comparison], raters: list[User], shared: int, value: float | None
) -> None:
    for pair in pairs[:shared]:
        for rater in raters[:2]:
            say(rater, pair, "first")

    agreement = habits_of(raters[0], project).agreement

    assert (agreement.value, agreement.n) == (value, shared)
    assert (str(agreement.reason) == "Too few pairs yet to say.") is (value is None)
    assert (agreement.low is None) is (agreement.high is None) is (value is None)


def test_what_was_judged_in_another_project_does_not_count(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    for pair in pairs[:10]:
        for rater in raters[:2]:
            say(rater, pair, "first", seconds=5.0)
    other = Project.objects.create(slug="garden", name="Garden")

    habits = habits_of(raters[0], other)

    assert [(one.value, one.n) for one in habits.all] == [(None, 0)] * 4
    assert all(one.reason for one in habits.all)


# --- consistency -------------------------------------------------------------------


def test_consistency_is_about_the_same_two_responses_wherever_they_stand(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    """In the second comparison first and second are swapped, so “second” is the same answer again."""
    said_twice = [
        *[("first", "second")] * 4,  # the same
        *[("second", "first")] * 2,  # the same
        ("slightly first", "second"),  # the same
        ("tie", "both_bad"),  # the same: no difference
        ("first", "first"),
        ("tie", "first"),
        ("cannot_judge", "first"),  # not counted
    ]
    for pair, (before, after) in zip(pairs, said_twice, strict=False):
        say(raters[0], pair, before, first_on_left=True)
        say(raters[0], came_again(pair), after, first_on_left=False)
        say(raters[1], pair, "tie")  # others do not matter
    say(raters[0], pairs[20], "first")  # came once

    consistency = habits_of(raters[0], project).consistency

    assert (consistency.value, consistency.n) == (0.8, 10)


def test_a_pair_that_came_three_times_in_two_rounds_is_two_repetitions(
    project: Project, pairs: list[Comparison], raters: list[User], round: Round
) -> None:
    later = Round.objects.create(project=project, number=2, state=RoundState.CLOSED, settings=round.settings)
    for pair in pairs[:5]:
        say(raters[0], pair, "first")
        say(raters[0], came_again(pair), "second")  # the same
        third = Comparison.objects.create(round=later, prompt=pair.prompt, first=pair.first, second=pair.second)
        say(raters[0], third, "second")  # another

    consistency = habits_of(raters[0], project).consistency

    assert (consistency.value, consistency.n) == (0.5, 10)


def test_from_fewer_than_ten_repetitions_nothing_is_said_but_why(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    for pair in pairs[:9]:
        say(raters[0], pair, "first")
        say(raters[0], came_again(pair), "second")

    consistency = habits_of(raters[0], project).consistency

    assert (consistency.value, consistency.n) == (None, 9)
    assert str(consistency.reason) == "Too few pairs yet to say."


# --- left, and time ----------------------------------------------------------------


def test_the_share_that_went_left_is_of_those_that_prefer_a_side(
    project: Project, pairs: list[Comparison], raters: list[User]
) -> None:
    went = [
        ("first", True, "left"),
        ("second", False, "left"),
        ("slightly second", False, "left"),
        ("first", False, "right"),
        ("tie", True, "neither"),
        ("both_bad", False, "neither"),
        ("cannot_judge", True, "neither"),
    ]
    for pair, (meant, first_on_left, _side) in zip(pairs, went, strict=False):
        say(raters[0], pair, meant, first_on_left=first_on_left)

    left = habits_of(raters[0], project).left

    assert (left.value, left.n) == (0.75, 4)
    assert left.low == pytest.approx(0.3006, abs=1e-4)  # Wilson's interval for 3 of 4
    assert left.high == pytest.approx(0.9544, abs=1e-4)


@pytest.mark.parametrize(
    ("seconds", "median", "low", "high"),
    [
        ([7, 1, 10, 3, 9, 2, 8, 4, 6, 5], 5.5, 2, 10),  # 1.96 · √10 / 2 = 3.1: places 1.9 and 8.1 of 0 to 9, outwards
        ([30, 10, 20], 20, 10, 30),
        ([12, 0, 0], 12, 12, 12),  # nobody measured the others
    ],
)
def test_the_usual_time_is_a_median_between_two_measured_times(
    project: Project, pairs: list[Comparison], raters: list[User],
    seconds: list[float], median: float, low: float, high: float,
) -> None:  # fmt: skip
    for pair, time in zip(pairs, seconds, strict=False):
        say(raters[0], pair, "first", seconds=time)

    found = habits_of(raters[0], project).seconds

    assert (found.value, found.low, found.high, found.n) == (median, low, high, sum(time > 0 for time in seconds))
