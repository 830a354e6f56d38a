"""What raters leave open is decided by one person, and learnt from as they decided."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.adjudication import Why, first_on_left
from annotator.domain.asking import Said
from annotator.domain.checks import CheckRules
from annotator.exceptions import Conflict, InputInvalid, StateNotAllowed
from annotator.models import (
    Adjudication,
    Assignment,
    Checkpoint,
    Comparison,
    Gold,
    Project,
    Reward,
    Role,
    Round,
    User,
)
from annotator.selectors import adjudication as select
from annotator.selectors.adjudication import (
    adjudication_following,
    adjudication_of,
    adjudications_waiting,
    expected_of,
    said_as_shown,
    votes_on,
)
from annotator.selectors.checks import checked_of
from annotator.services.adjudication import adjudication_note, comparison_adjudicate
from annotator.services.assignments import assignment_claim
from annotator.services.checks import check_rules_set
from annotator.services.flags import comparison_set_aside, flags_raise
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role
from annotator.services.protocols import protocol_publish
from annotator.services.snapshots import TRL_PREFERENCES, snapshot_freeze
from annotator.store import store_path
from tests.factories import gold_of
from tests.keys import key
from training.contract import COMPARISONS, PreferenceRecord, TrlPreference, rows_read


@pytest.fixture
def rui(project: Project) -> User:
    rui = User.objects.create_user("rui")
    member_set_role(project=project, user=rui, role=Role.REVIEWER)
    return rui


@pytest.fixture
def pairs(round: Round) -> list[Comparison]:
    """The first three comparisons, wanted by three people each, and no others."""
    protocol_publish(project=round.project, preset="five_point", outcomes=["tie", "both_bad", "cannot_judge"])
    kept = list(round.comparisons.order_by("pk")[:3])
    round.comparisons.exclude(pk__in=[one.pk for one in kept]).delete()
    round.comparisons.update(wanted=3)
    return kept


def voted(project: Project, raters: list[User], votes: dict[int, str]) -> None:
    """Comparison → a letter per rater: f and s prefer a side, t is a tie, c cannot judge."""
    for number, rater in enumerate(raters):
        while (held := assignment_claim(rater=rater, project=project)) is not None:
            vote = votes.get(held.comparison_id, "")[number : number + 1]
            if not vote:
                Assignment.objects.filter(pk=held.pk).update(state="skipped")
                continue
            f, s = ("a", "b") if held.first_on_left else ("b", "a")
            said = {"f": f, "s": s, "t": "tie", "c": "cannot_judge"}[vote]
            judgment_submit(assignment=held, said=Said(said), key=key(1000 * held.comparison_id + number))


def pressed(comparison: Comparison, by: User, side: str) -> str:
    """The button that prefers the first or the second answer as this person is shown them."""
    return "a" if (side == "first") == first_on_left(comparison.pk, by.pk) else "b"


# --- the queue -------------------------------------------------------------------


def test_what_raters_disagree_about_waits_with_its_reasons_the_most_open_first(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    agreed, close, level = pairs
    voted(project, raters, {agreed.pk: "fff", close.pk: "ffs", level.pk: "fst"})

    queue = adjudications_waiting(project, rui)

    assert [one.comparison for one in queue.waiting] == [level, close]
    assert [one.split for one in queue.waiting] == ["1 : 1", "2 : 1"]
    assert queue.waiting[1].case.reasons == [Why.CLOSE]
    assert queue.count == 2


def test_a_flagged_pair_that_was_judged_waits_too_until_it_is_set_aside(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters, {pairs[0].pk: "ff"})
    flags_raise(assignment=pairs[0].assignments.get(rater=raters[0]), kinds=["broken", "unsafe"])

    (waiting,) = adjudications_waiting(project, rui).waiting
    assert (waiting.case.reasons, waiting.case.flags) == ([Why.FLAGGED], 1)

    comparison_set_aside(comparison=pairs[0])
    assert adjudications_waiting(project, rui).waiting == []


def test_nobody_decides_what_they_judged_themselves(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters, {pairs[0].pk: "fs"})
    member_set_role(project=project, user=raters[0], role=Role.REVIEWER)

    assert adjudications_waiting(project, rui).count == 1
    assert adjudications_waiting(project, raters[0]).count == 0
    with pytest.raises(StateNotAllowed, match="You judged this comparison yourself"):
        comparison_adjudicate(comparison=pairs[0], by=raters[0], answer="a")


def test_the_search_goes_back_through_the_judgments_until_it_has_seen_enough(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    voted(project, raters, {one.pk: "fs" for one in pairs})
    monkeypatch.setattr(select, "LOOKED_AT", 1)

    few = adjudications_waiting(project, rui).count
    monkeypatch.setattr(select, "LOOKED_AT", 6)

    assert 1 <= few < adjudications_waiting(project, rui).count == 3


def test_the_list_costs_as_many_queries_for_many_as_for_few(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters[:2], {pairs[0].pk: "fs"})
    with CaptureQueriesContext(connection) as few:
        assert adjudications_waiting(project, rui).count == 1
    Assignment.objects.filter(state="skipped").update(state="lapsed")
    voted(project, raters[:2], {pairs[1].pk: "fs", pairs[2].pk: "fs"})
    with CaptureQueriesContext(connection) as many:
        assert adjudications_waiting(project, rui).count == 3

    assert len(many) == len(few)


def test_the_list_leads_from_one_to_the_next_and_is_made_anew_when_it_is_through(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters, {pairs[0].pk: "fs", pairs[1].pk: "ffs"})
    first, second = (one.comparison.pk for one in adjudications_waiting(project, rui).waiting)

    assert adjudication_following(project, rui) == first
    comparison_adjudicate(comparison=pairs[0], by=rui, answer="a")
    assert adjudication_following(project, rui) == second
    Assignment.objects.filter(state="skipped").update(state="lapsed")
    voted(project, raters, {pairs[2].pk: "fs"})
    comparison_adjudicate(comparison=pairs[1], by=rui, answer="a")

    assert adjudication_following(project, rui) == pairs[2].pk
    comparison_adjudicate(comparison=pairs[2], by=rui, answer="a")
    assert adjudication_following(project, rui) is None


def test_what_a_reward_model_did_not_expect_waits_if_most_of_several_say_it(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    judges = [Checkpoint.objects.create(project=project, kind="reward", name=name) for name in ("old", "new")]
    for comparison in (pairs[0], pairs[2]):
        for response, value in ((comparison.first, -4.0), (comparison.second, 0.0)):
            Reward.objects.create(response=response, checkpoint=judges[0], value=-value, heads=[-value])
            Reward.objects.create(response=response, checkpoint=judges[1], value=value, heads=[value])
    voted(project, raters, {pairs[0].pk: "ff", pairs[2].pk: "f"})

    (waiting,) = adjudications_waiting(project, rui).waiting

    assert (waiting.comparison, waiting.case.reasons) == (pairs[0], [Why.SURPRISING])
    assert waiting.case.expected == pytest.approx(0.018, abs=1e-3)
    found = expected_of(pairs[0], first_on_left=True)
    assert found is not None
    assert (found.side, found.by) == ("B", judges[1])
    assert found.probability == pytest.approx(0.982, abs=1e-3)


# --- gold ---------------------------------------------------------------------------


@pytest.fixture
def golds(project: Project, round: Round) -> list[Gold]:
    """Three hidden checks whose first answer is right, the last of which three good raters of four miss."""
    check_rules_set(project=project, rules={"gold": 0.5})
    return [gold_of(project, use="check", number=number) for number in range(3)]


def gold_answered(rater: User, gold: Gold, side: str) -> None:
    comparison = Comparison.with_checks.get(gold=gold)
    assignment = Assignment.objects.create(
        comparison=comparison, rater=rater, check_kind="gold", first_on_left=True, leased_until=timezone.now()
    )
    judgment_submit(assignment=assignment, said=Said("a" if side == "first" else "b"), key=uuid.uuid4(), seconds=9.0)


def missed_by_good(project: Project, golds: list[Gold], answers: dict[str, str]) -> None:
    """Rater → what they say about each gold in turn."""
    for name, said in answers.items():
        rater = User.objects.create_user(name)
        member_set_role(project=project, user=rater, role=Role.RATER)
        for gold, letter in zip(golds, said, strict=True):
            gold_answered(rater, gold, "first" if letter == "f" else "second")


def test_gold_that_good_raters_miss_waits_first_and_bad_raters_say_nothing_about_it(
    project: Project, golds: list[Gold], rui: User
) -> None:
    missed_by_good(project, golds, {"g1": "ffs", "g2": "ffs", "bad": "sss", "worse": "sss"})
    assert adjudications_waiting(project, rui).count == 0

    missed_by_good(project, golds, {"g3": "fff", "g4": "ffs"})

    (waiting,) = adjudications_waiting(project, rui).waiting
    assert waiting.comparison.gold == golds[2]
    assert (waiting.case.reasons, waiting.case.missed, waiting.case.met) == ([Why.GOLD_MISSED], 3, 4)
    assert adjudication_following(project, rui) == waiting.comparison.pk


def test_gold_that_is_overruled_is_asked_no_more_and_counts_for_nobody(
    project: Project, golds: list[Gold], rui: User
) -> None:
    missed_by_good(project, golds, {"g1": "ffs", "g2": "ffs", "g3": "ffs"})
    asked = Comparison.with_checks.get(gold=golds[2])
    member = project.members.get(user__username="g1")
    before = checked_of(project, CheckRules(), member)[member.pk].gold
    assert (before.n, f"{before.value:.3f}") == (3, "0.667")

    decided = comparison_adjudicate(comparison=asked, by=rui, answer=pressed(asked, rui, "second"))

    assert decided.is_blind
    assert adjudications_waiting(project, rui).count == 0
    after = checked_of(project, CheckRules(), member)[member.pk].gold
    assert (after.n, after.value) == (2, 1.0)
    assert [bool(gold.retired_at) for gold in Gold.objects.order_by("pk")] == [False, False, True]
    assert [vote.said for vote in votes_on(asked, first_on_left=True)] == ["B", "B", "B"]


def test_gold_that_is_confirmed_stays_and_leaves_the_list(project: Project, golds: list[Gold], rui: User) -> None:
    missed_by_good(project, golds, {"g1": "ffs", "g2": "ffs", "g3": "ffs"})
    asked = Comparison.with_checks.get(gold=golds[2])

    comparison_adjudicate(comparison=asked, by=rui, answer=pressed(asked, rui, "first"))

    assert adjudications_waiting(project, rui).count == 0
    assert not Gold.objects.exclude(retired_at=None).exists()


def test_who_wrote_the_gold_is_not_blind_and_who_answered_it_may_not_decide(
    project: Project, golds: list[Gold], rui: User, raters: list[User]
) -> None:
    Gold.objects.filter(pk=golds[0].pk).update(created_by=rui)
    asked = Comparison.with_checks.get(gold=golds[0])
    gold_answered(raters[0], golds[0], "first")

    assert not comparison_adjudicate(comparison=asked, by=rui, answer="tie").is_blind
    with pytest.raises(StateNotAllowed, match="You judged this comparison yourself"):
        comparison_adjudicate(comparison=asked, by=raters[0], answer="a")


# --- deciding ----------------------------------------------------------------------


def test_a_decision_is_about_the_answers_and_not_the_sides_and_leaves_the_queue(
    project: Project, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters, {one.pk: "fs" for one in pairs})

    for comparison in pairs:
        decided = comparison_adjudicate(comparison=comparison, by=rui, answer=pressed(comparison, rui, "second"))
        assert (decided.preferred_id, decided.value, decided.is_blind) == (comparison.second_id, 1.0, True)
        assert decided.first_on_left == first_on_left(comparison.pk, rui.pk)

    assert adjudications_waiting(project, rui).waiting == []


def test_deciding_anew_supersedes_and_is_not_blind_and_everything_said_is_kept(
    rui: User, olga: User, pairs: list[Comparison]
) -> None:
    first = comparison_adjudicate(comparison=pairs[0], by=rui, answer="a")
    noted = adjudication_note(comparison=pairs[0], by=rui, note=" It answers. ")
    assert adjudication_note(comparison=pairs[0], by=rui, note="It answers.") == noted
    anew = comparison_adjudicate(comparison=pairs[0], by=olga, answer="tie")

    assert adjudication_of(pairs[0]) == anew
    assert [one.supersedes for one in (first, noted, anew)] == [None, first, noted]
    assert [one.is_blind for one in (first, noted, anew)] == [True, True, False]
    assert (noted.value, noted.note) == (first.value, "It answers.")
    with pytest.raises(StateNotAllowed, match="Only who decided"):
        adjudication_note(comparison=pairs[0], by=rui, note="No!")


@pytest.mark.parametrize(("answer", "words"), [("", "Choose one"), ("z", "not one of the answers")])
def test_what_the_scale_does_not_offer_is_no_decision(
    rui: User, pairs: list[Comparison], answer: str, words: str
) -> None:
    with pytest.raises(InputInvalid, match=words):
        comparison_adjudicate(comparison=pairs[0], by=rui, answer=answer)

    assert not Adjudication.objects.exists()


def test_the_database_refuses_to_change_or_delete_a_decision(rui: User, pairs: list[Comparison]) -> None:
    decided = comparison_adjudicate(comparison=pairs[0], by=rui, answer="a")

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Adjudication.objects.filter(pk=decided.pk).update(note="Never mind.")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        decided.delete()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_is_told(
    project: Project, rui: User, olga: User, pairs: list[Comparison]
) -> None:
    def decide(by: User) -> str:
        try:
            comparison_adjudicate(comparison=Comparison.objects.get(pk=pairs[0].pk), by=by, answer="a")
        except Conflict:
            return "told"
        finally:
            connection.close()
        return "decided"

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(decide, [rui, olga]))

    assert "decided" in results
    assert Adjudication.objects.current().filter(comparison=pairs[0]).count() == 1


def test_votes_are_told_for_the_sides_of_whoever_reads_them(
    project: Project, raters: list[User], pairs: list[Comparison]
) -> None:
    voted(project, raters, {pairs[0].pk: "fst"})

    assert [vote.said for vote in votes_on(pairs[0], first_on_left=True)] == ["A", "B", "Tie"]
    assert [vote.said for vote in votes_on(pairs[0], first_on_left=False)] == ["B", "A", "Tie"]


def test_a_decision_in_words(rui: User, pairs: list[Comparison]) -> None:
    slightly = comparison_adjudicate(comparison=pairs[0], by=rui, answer=f"slightly_{pressed(pairs[0], rui, 'first')}")

    assert said_as_shown(slightly, first_on_left=True) == "A, not clearly"
    assert said_as_shown(slightly, first_on_left=False) == "B, not clearly"


# --- snapshots ---------------------------------------------------------------------


def test_a_snapshot_holds_what_was_decided_instead_of_the_votes_and_says_so(
    project: Project, round: Round, raters: list[User], rui: User, pairs: list[Comparison]
) -> None:
    voted(project, raters, {pairs[0].pk: "ffs", pairs[1].pk: "fs", pairs[2].pk: "ffs"})
    comparison_adjudicate(comparison=pairs[0], by=rui, answer=pressed(pairs[0], rui, "second"))
    comparison_adjudicate(comparison=pairs[1], by=rui, answer="cannot_judge")

    snapshot = snapshot_freeze(round=round)

    folder = store_path(snapshot.path)
    rows = {int(row.comparison_id): row for row in rows_read(folder / COMPARISONS, PreferenceRecord)}
    decided, voted_on = rows[pairs[0].pk], rows[pairs[2].pk]
    assert (decided.prefer_first, decided.weight, decided.strength, decided.adjudicated) == (0.0, 3.0, 1.0, True)
    assert voted_on.prefer_first == pytest.approx(2 / 3)
    assert not voted_on.adjudicated
    assert pairs[1].pk not in rows
    assert snapshot.counts["adjudicated"] == 1
    assert snapshot.counts["comparisons_nobody_could_judge"] == 1
    chosen = [one.chosen[0].content for one in rows_read(folder / TRL_PREFERENCES, TrlPreference)]
    assert sorted(chosen) == sorted([pairs[0].second.text, pairs[2].first.text])
