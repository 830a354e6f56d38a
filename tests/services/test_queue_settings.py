"""What an owner says about the queue, and what it then does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.exceptions import InputInvalid, StateNotAllowed
from annotator.models import Checkpoint, Comparison, Member, Project, Prompt, Round, User
from annotator.selectors.steering import Group, groups_of
from annotator.services import comparisons
from annotator.services.assignments import assignment_claim, assignment_release, assignments_claim
from annotator.services.comparisons import comparisons_place, comparisons_prioritise, rounds_to_place
from annotator.services.import_files import source_open
from annotator.services.imports import preferences_import
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_groups
from annotator.services.queue import queue_update
from annotator.sql import rows
from tests.factories import round_collecting
from tests.keys import key

LAW = [{"tag": "law", "group": "lawyers", "priority": 1}]


@pytest.fixture
def tagged(project: Project) -> Project:
    """Five of its twenty prompts are about law."""
    prompts = Prompt.objects.filter(project=project).order_by("pk").values_list("pk", flat=True)[:5]
    Prompt.objects.filter(pk__in=list(prompts)).update(tags=["law"])
    return project


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"strategy": {"psychic": 1}}, "no order “psychic”"),
        ({"strategy": {"random": 0}}, "one of them is more"),
        ({"tag_rules": [{"tag": ""}]}, "begins with a tag"),
        ({"control_share": 1.5}, "control_share"),
        ({"daily_quota": 0}, "daily_quota"),
        ({"adaptive_most": 1}, "adaptive_most"),
    ],
)
def test_settings_that_do_not_fit_are_refused_and_change_nothing(
    project: Project, typed: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputInvalid, match=words):
        queue_update(project=project, **typed)

    (name,) = typed
    assert getattr(Project.objects.get(pk=project.pk), name) != typed[name]


# --- new comparisons -----------------------------------------------------------


def test_new_comparisons_know_their_audience_and_priority_from_the_tags_of_their_prompts(tagged: Project) -> None:
    queue_update(project=tagged, tag_rules=LAW)

    comparisons = round_collecting(tagged).comparisons

    about_law = comparisons.filter(prompt__tags=["law"])
    assert about_law.count() == 10
    assert set(about_law.values_list("audience", "priority")) == {("lawyers", 1)}
    assert set(comparisons.exclude(prompt__tags=["law"]).values_list("audience", "priority")) == {("", 0)}


@pytest.mark.parametrize(("share", "fewest", "most"), [(0.0, 0, 0), (1.0, 40, 40), (0.5, 8, 32)])
def test_the_control_arm_gets_its_share_by_chance_and_has_no_priority(
    tagged: Project, share: float, fewest: int, most: int
) -> None:
    """Of 40; half of them outside 8 to 32 comes once in ten thousand rounds."""
    queue_update(project=tagged, control_share=share, tag_rules=LAW)

    control = round_collecting(tagged).comparisons.filter(is_control=True)

    assert fewest <= control.count() <= most
    assert not control.exclude(priority=0).exists()
    assert control.filter(prompt__tags=["law"]).exclude(audience="lawyers").count() == 0


def test_imported_comparisons_are_placed_like_those_that_are_planned(project: Project, tmp_path: Path) -> None:
    queue_update(project=project, tag_rules=LAW, control_share=1.0)
    prompt = Prompt.objects.filter(project=project, messages=[{"role": "user", "content": "Question 3?"}])
    prompt.update(tags=["law"])
    path = tmp_path / "votes.jsonl"
    path.write_text('{"prompt": "Question 3?", "chosen": "Good", "rejected": "Bad"}')

    preferences_import(project=project, source=source_open(path))

    imported = Comparison.objects.get()
    assert (imported.audience, imported.priority, imported.is_control) == ("lawyers", 0, True)


# --- what is collected already ---------------------------------------------------


def test_a_rule_holds_at_once_for_the_round_that_collects_and_is_gone_with_it(tagged: Project) -> None:
    round = round_collecting(tagged)
    Comparison.objects.filter(pk=round.comparisons.filter(prompt__tags=["law"])[0].pk).update(is_control=True)

    assert queue_update(project=tagged, tag_rules=LAW) == round
    assert comparisons_place(round_id=round.pk) == 10
    assert queue_update(project=tagged, tag_rules=LAW) is None
    assert (comparisons_place(round_id=round.pk), rounds_to_place()) == (0, [])
    assert round.comparisons.filter(audience="lawyers", priority=1).count() == 9
    assert round.comparisons.filter(audience="lawyers", priority=0, is_control=True).count() == 1

    queue_update(project=tagged, tag_rules=[])
    assert comparisons_place(round_id=round.pk) == 10
    assert set(round.comparisons.values_list("audience", "priority")) == {("", 0)}


def test_rules_are_placed_from_page_to_page_and_anew_where_they_change_meanwhile(
    tagged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies after some pages is followed by one that goes on, by the rules of that moment."""
    monkeypatch.setattr(comparisons, "PAGE", 15)
    round = round_collecting(tagged)
    queue_update(project=tagged, tag_rules=LAW)
    behind = round.comparisons.order_by("pk").values_list("pk", flat=True)[14]
    Round.objects.filter(pk=round.pk).update(placing_behind=behind, placing_seen=15)
    before = round.comparisons.filter(pk__lte=behind, audience="lawyers").count()

    comparisons_place(round_id=round.pk)

    assert before == round.comparisons.filter(pk__lte=behind, audience="lawyers").count() == 0
    round.refresh_from_db()
    assert (round.placing_since, round.placing_seen) == (None, 40)

    queue_update(project=tagged, tag_rules=[{**LAW[0], "group": "judges"}])
    comparisons_place(round_id=round.pk)
    assert round.comparisons.filter(audience="judges").count() == 10


def test_only_a_group_is_asked_about_its_comparisons_and_it_is_asked_about_the_others_too(
    tagged: Project, raters: list[User]
) -> None:
    queue_update(project=tagged, tag_rules=LAW)
    round = round_collecting(tagged)
    member_set_groups(member=Member.objects.get(project=tagged, user=raters[0]), groups=["lawyers"])

    def met(rater: User) -> set[str]:
        held = assignments_claim(rater=rater, project=tagged, wanted=40)
        return {one.comparison.audience for one in held}

    assert round.comparisons.count() == 40
    assert met(raters[1]) == {""}
    assert met(raters[0]) == {"", "lawyers"}


def test_a_group_without_members_is_told(tagged: Project, raters: list[User]) -> None:
    queue_update(project=tagged, tag_rules=LAW)
    member_set_groups(member=Member.objects.get(project=tagged, user=raters[0]), groups=["German"])

    assert groups_of(tagged) == [Group("German", 1, False), Group("lawyers", 0, True)]
    assert [group.is_empty for group in groups_of(tagged)] == [False, True]


def test_a_pair_of_authors_is_put_first_whoever_stands_where_and_the_control_arm_stays(
    project: Project, round: Round, raters: list[User]
) -> None:
    base = Checkpoint.objects.get(project=project, name="base")
    other = Checkpoint.objects.create(project=project, kind="policy", name="other", base_model="starter")
    some = list(round.comparisons.order_by("-pk")[:3])
    for comparison, side in zip(some, ("first", "second", "first"), strict=True):
        response = getattr(comparison, side)
        type(response).objects.filter(pk=response.pk).update(checkpoint=other)
    Comparison.objects.filter(pk=some[2].pk).update(is_control=True)

    moved = comparisons_prioritise(round=round, one=(base.pk, ""), other=(other.pk, ""), priority=2)

    shared = Comparison.objects.filter(round=round, priority=2)
    assert moved == shared.count()
    assert {some[0].pk, some[1].pk} <= set(shared.values_list("pk", flat=True))
    assert some[2].pk not in set(shared.values_list("pk", flat=True))
    claimed = assignment_claim(rater=raters[0], project=project)
    assert claimed is not None
    assert claimed.comparison.priority == 2
    with pytest.raises(InputInvalid, match="two different"):
        comparisons_prioritise(round=round, one=(base.pk, ""), other=(base.pk, ""), priority=2)


# --- leases ------------------------------------------------------------------------


def test_a_released_lease_is_free_for_others_and_its_answer_counts_while_the_slot_is_free(
    project: Project, round: Round, raters: list[User]
) -> None:
    held = assignment_claim(rater=raters[0], project=project)
    assert held is not None
    round.comparisons.exclude(pk=held.comparison_id).delete()
    Comparison.objects.filter(pk=held.comparison_id).update(wanted=1)
    assert assignment_claim(rater=raters[1], project=project) is None

    assignment_release(assignment=held)

    taken = assignment_claim(rater=raters[1], project=project)
    assert taken is not None
    assert taken.comparison_id == held.comparison_id
    assignment_release(assignment=taken)
    judgment_submit(assignment=held, said=Said("a"), key=key(1))
    held.refresh_from_db()
    assert held.state == AssignmentState.ANSWERED
    with pytest.raises(StateNotAllowed, match="Nobody holds"):
        assignment_release(assignment=held)


# --- an order by count ---------------------------------------------------------------


@pytest.mark.parametrize(("order", "next_one"), [("fewest", 0), ("started", 1)])
def test_an_order_by_count_holds_for_the_round_that_collects_once_a_worker_has_placed_it(
    project: Project, round: Round, raters: list[User], order: str, next_one: int
) -> None:
    Comparison.objects.update(wanted=3)
    begun = assignment_claim(rater=raters[0], project=project)
    assert begun is not None

    assert queue_update(project=project, strategy={order: 1}) == round
    before = assignment_claim(rater=raters[1], project=project)
    assert before is not None
    assert before.comparison_id == begun.comparison_id, "still in order, and not empty-handed"
    assignment_release(assignment=before)
    assert comparisons_place(round_id=round.pk) == round.comparisons.count()

    after = assignment_claim(rater=raters[2], project=project)
    assert after is not None
    assert (after.comparison_id == begun.comparison_id) == bool(next_one)
    assert queue_update(project=project, strategy={"random": 1}) == round
    comparisons_place(round_id=round.pk)
    assert set(round.comparisons.values_list("is_by_count", "taken")) == {(False, None)}


def test_new_comparisons_of_an_order_by_count_are_placed_by_it_but_for_the_control_arm(project: Project) -> None:
    queue_update(project=project, strategy={"fewest": 1, "random": 2}, control_share=0.5)

    comparisons = round_collecting(project).comparisons

    assert set(comparisons.values_list("is_control", "taken")) == {(False, 0), (True, None)}


def test_a_claim_and_a_judgment_write_the_comparison_and_no_index_of_it(
    project: Project, round: Round, raters: list[User]
) -> None:
    """What Postgres calls heap-only updates: all that one claim, one judgment and its vote do to the comparison."""
    before = _updates()

    for number in range(5):
        held = assignment_claim(rater=raters[0], project=project)
        assert held is not None
        judgment_submit(assignment=held, said=Said("a"), key=key(number))

    updates, heap_only, moved = (after - was for after, was in zip(_updates(), before, strict=True))
    assert updates == 10, "one for each claim, one for each judgment with its vote"
    assert heap_only == updates - moved > 0, "all but for what finds no room on its page"


def _updates() -> tuple[int, int, int]:
    """Updates of comparisons in this transaction; those that touched no index; those that went to another page."""
    [found] = rows(
        "SELECT n_tup_upd, n_tup_hot_upd, n_tup_newpage_upd"
        "  FROM pg_stat_xact_user_tables WHERE relname = 'annotator_comparison'"
    )
    updates, heap_only, moved = found
    return updates, heap_only, moved


def test_whoever_judged_much_is_asked_about_the_pairs_on_offer_and_not_about_all_that_they_judged(
    project: Project, round: Round, raters: list[User]
) -> None:
    """A join with somebody's own assignments may be planned as one reading of them all: there must be none to plan."""
    [(source,)] = rows("SELECT prosrc FROM pg_proc WHERE proname = 'queue_pick'")
    values = {"p_round": round.pk, "p_rater": raters[0].pk, "p_audience": "''", "p_control": "false", "seen": 1}
    asked = re.findall(r"SELECT c\.id INTO \w+ (FROM .*?);", source, re.DOTALL)
    assert len(asked) == 15, "for each order: at once, what to wait for, and after waiting"
    rows("SET LOCAL enable_seqscan = off")  # as the function has it

    for statement in asked:
        for name, value in values.items():
            statement = re.sub(rf"\b{name}\b", str(value), statement)
        plan = "\n".join(line for (line,) in rows(f"EXPLAIN SELECT c.id {statement}"))
        assert "Join" not in plan
        assert re.search(r"Index Cond: \(\(comparison_id = c\.id\) AND \(rater_id = \d+\)\)", plan), plan
