"""`simulate_raters`: judging over HTTP, through the pages that people use."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import CommandError
from pytest_django.live_server_helper import LiveServer

from annotator import simulation
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome
from annotator.models import Comparison, Judgment, Member, Project, Role, Round, User
from annotator.services.projects import member_set_role
from tests.commands.conftest import said

# Answers of the fake engine read "Answer 0 of 1 to prompt 7.": this rule prefers one of four samples.
RULE = "matches:Answer 0"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "POLL_SECONDS", 0.05)


def simulated(live_server: LiveServer, **options: Any) -> str:
    wanted = {"raters": 3, "judgments": 12, "prefer": RULE, **options}
    return "\n".join(said("simulate_raters", project="demo", url=live_server.url, **wanted))


def test_exactly_the_wanted_judgments_are_stored(collecting: Round, live_server: LiveServer) -> None:
    summary = simulated(live_server)

    assert "12 of 12 judgments stored" in summary
    assert Judgment.objects.count() == 12
    assert set(Member.objects.filter(user__username__startswith="sim-").values_list("role", flat=True)) == {Role.RATER}
    each = re.findall(r"(sim-\d) (\d+)", summary.splitlines()[-1])
    assert {name: int(count) for name, count in each} == {
        user.username: n
        for user in User.objects.filter(username__startswith="sim-")
        if (n := Judgment.objects.filter(assignment__rater=user).count())
    }


def test_raters_judge_as_the_rule_says(collecting: Round, live_server: LiveServer) -> None:
    simulated(live_server, judgments=40)

    for judgment in Judgment.objects.select_related("preferred", "assignment__comparison__first"):
        comparison = judgment.assignment.comparison
        texts = {comparison.first.text, comparison.second.text}
        if any("Answer 0" in text for text in texts):
            assert judgment.preferred is not None
            assert "Answer 0" in judgment.preferred.text
        else:
            assert judgment.outcome == Outcome.TIE


def test_noise_turns_answers_round(collecting: Round, live_server: LiveServer) -> None:
    simulated(live_server, judgments=40, noise=1.0)

    assert not Judgment.objects.filter(preferred__text__startswith="Answer 0").exists()
    assert not Judgment.objects.filter(outcome=Outcome.TIE).exists()


def test_they_stop_when_nothing_is_left(collecting: Round, live_server: LiveServer) -> None:
    summary = simulated(live_server, judgments=1000)

    assert "Nothing is left to judge." in summary
    assert "40 of 1,000 judgments stored" in summary
    assert Comparison.objects.filter(answered=1).count() == 40


def test_they_wait_for_answers_and_not_for_ever(collecting: Round, live_server: LiveServer) -> None:
    Round.objects.update(state=RoundState.TRAINING)

    with pytest.raises(CommandError, match="No judgment was stored"):
        simulated(live_server, patience=0.2)


def test_all_raters_get_their_turn_when_few_may_act_at_once(collecting: Round, live_server: LiveServer) -> None:
    """40 judgments by 4 raters, one at a time: about ten each, whoever was first to sign in."""
    summary = simulated(live_server, judgments=40, raters=4, concurrency=1)

    counts = [int(count) for count in re.findall(r"sim-\d (\d+)", summary.splitlines()[-1])]
    assert len(counts) == 4
    assert min(counts) >= 5


def test_running_again_goes_on_with_the_same_accounts(collecting: Round, live_server: LiveServer) -> None:
    simulated(live_server)
    simulated(live_server)

    assert Judgment.objects.count() == 24
    assert User.objects.filter(username__startswith="sim-").count() == 3


def test_the_account_of_a_person_is_not_taken_over(demo: Project, live_server: LiveServer) -> None:
    person = User.objects.create_user("sim-1", password="kept as it is")
    member_set_role(project=demo, user=person, role=Role.OWNER)

    with pytest.raises(CommandError, match="“sim-1” is more than a rater"):
        simulated(live_server)
    person.refresh_from_db()
    assert person.check_password("kept as it is")


def test_an_instance_that_is_away_is_said(demo: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "TRIES", 1)

    with pytest.raises(CommandError, match=r"http://127\.0\.0\.1:9 does not answer"):
        said("simulate_raters", project="demo", url="http://127.0.0.1:9", prefer=RULE)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("prefer", "nicer", "is not a rule"),
        ("raters", 0, "--raters must be from 1 to 200"),
        ("judgments", 0, "must be at least 1"),
        ("noise", 1.5, "from 0 to 1"),
    ],
)
def test_nonsense_is_refused(demo: Project, option: str, value: object, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        said("simulate_raters", project="demo", **{"prefer": RULE, option: value})
