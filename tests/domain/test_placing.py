from __future__ import annotations

import pytest

from annotator.domain.placing import Rule, groups_of, placed, rules_of
from annotator.domain.wording import Unfit

LAW, URGENT = Rule("law", group="lawyers"), Rule("urgent", priority=2)


@pytest.mark.parametrize(
    ("tags", "rules", "expected"),
    [
        ([], [LAW], ("", 0)),
        (["law"], [LAW], ("lawyers", 0)),
        (["law", "urgent"], [LAW, URGENT], ("lawyers", 2)),  # each from the rule that says something about it
        (["urgent", "law"], [Rule("law", "lawyers", -1), Rule("urgent", "all hands", 2)], ("lawyers", -1)),
        (["laws"], [LAW], ("", 0)),  # a tag is a whole word
    ],
)
def test_the_upper_rule_that_fits_says_who_is_asked_and_how_soon(
    tags: list[str], rules: list[Rule], expected: tuple[str, int]
) -> None:
    assert placed(tags, rules) == expected


def test_rules_come_back_from_the_database_as_they_went_in() -> None:
    assert rules_of([LAW.stored(), URGENT.stored()]) == [LAW, URGENT]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ([{"tag": " "}], "begins with a tag"),
        ([{"tag": "law"}, {"tag": "law "}], "two rules for “law”"),
        ([{"tag": "law", "priority": 3}], "from −2 to 2"),
        ([{"tag": "law", "group": "g" * 61}], "at most 60"),
        ([{"tag": str(n)} for n in range(101)], "101 rules"),
    ],
)
def test_what_is_no_rule_is_refused_with_what_to_do(stored: list[dict[str, object]], words: str) -> None:
    with pytest.raises(Unfit, match=words):
        rules_of(stored)


def test_groups_of_a_person_are_kept_once_each() -> None:
    assert groups_of([" law", "German ", "law", ""]) == ["law", "German"]
    with pytest.raises(Unfit, match="at most 20 groups"):
        groups_of([str(n) for n in range(21)])
