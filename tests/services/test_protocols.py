from __future__ import annotations

import json
import uuid

import pytest

from annotator import store
from annotator.domain.asking import Said
from annotator.exceptions import InputInvalid
from annotator.models import Round
from annotator.services.judgments import judgment_submit
from annotator.services.protocols import protocol_publish
from annotator.services.snapshots import snapshot_freeze
from tests.cast import Cast
from tests.factories import held
from training.contract import COMPARISONS, SnapshotManifest

ACCURACY = {"name": "Accuracy", "question": "Which is more accurate?", "preset": "arena"}


def test_a_new_project_is_asked_in_the_way_its_preset_was_published(cast: Cast) -> None:
    (protocol,) = cast.shop.protocols.all()

    assert (protocol.version, protocol.preset, protocol.outcomes) == (1, "five_point", ["tie", "both_bad"])


def test_publishing_the_same_again_makes_no_version(cast: Cast) -> None:
    first = protocol_publish(project=cast.shop, preset="hh", criteria=[ACCURACY])

    again = protocol_publish(project=cast.shop, preset="hh", criteria=[ACCURACY])

    assert (first.version, again.pk) == (2, first.pk)


def test_a_judgment_keeps_the_version_that_its_rater_saw(cast: Cast, collecting: Round) -> None:
    assignment = held(cast.shop, cast.ann)
    seen = cast.shop.protocols.get()
    protocol_publish(project=cast.shop, preset="helpsteer")

    judgment = judgment_submit(assignment=assignment, said=Said("both_bad"), key=uuid.uuid4(), protocol_id=seen.pk)

    assert (judgment.protocol_id, judgment.preset, judgment.answer) == (seen.pk, "five_point", "both_bad")


def test_the_protocol_of_another_project_is_refused(cast: Cast, collecting: Round) -> None:
    with pytest.raises(InputInvalid, match="belongs to another project"):
        judgment_submit(
            assignment=held(cast.shop, cast.ann),
            said=Said("a"),
            key=uuid.uuid4(),
            protocol_id=cast.garden.protocols.get().pk,
        )


def test_criteria_reach_the_snapshot_as_votes_of_their_own(cast: Cast, collecting: Round) -> None:
    """Ann finds first better and equally accurate, Rui finds it worse and more accurate: 1/2 and (1/2 + 1) / 2."""
    protocol_publish(project=cast.shop, preset="arena", criteria=[ACCURACY])
    for rater, overall, accuracy in ((cast.ann, "first", "tie"), (cast.rui, "second", "first")):
        assignment = held(cast.shop, rater)
        left = {"first": "a", "second": "b"} if assignment.first_on_left else {"first": "b", "second": "a"}
        said = Said(left[overall], criteria={"accuracy": left.get(accuracy, accuracy)})
        judgment_submit(assignment=assignment, said=said, key=uuid.uuid4())

    snapshot = snapshot_freeze(round=collecting)

    folder = store.store_path(snapshot.path)
    (row,) = [json.loads(line) for line in (folder / COMPARISONS).read_text().splitlines()]
    manifest = SnapshotManifest.model_validate_json((folder / "manifest.json").read_text())
    assert manifest.criteria == ["accuracy"]
    assert row["prefer_first"] == 0.5
    assert row["criteria"]["accuracy"]["prefer_first"] == 0.75
    assert row["criteria"]["accuracy"]["tie_share"] == 0.5


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"preset": "banana"}, "“banana” is not one of the scales."),
        ({"preset": "hh", "criteria": [ACCURACY, {**ACCURACY, "name": "accuracy!"}]}, "too alike"),
        ({"preset": "hh", "criteria": [{**ACCURACY, "name": "Overall"}]}, "“Overall” is asked already"),
        ({"preset": "hh", "criteria": [{**ACCURACY, "preset": "prism"}]}, "made of buttons"),
        ({"preset": "hh", "criteria": [{**ACCURACY, "name": "…"}]}, "needs a name with letters"),
        ({"preset": "hh", "ratings": [f"Property {number}" for number in range(9)]}, "These are 9 ratings"),
        ({"preset": "hh", "reason": "shout"}, "not a way to ask"),
        ({"preset": "hh", "reason_min": 5000}, "0 to 1,000 characters"),
    ],
)
def test_a_protocol_that_cannot_be_asked_is_refused(cast: Cast, asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputInvalid, match=sentence):
        protocol_publish(project=cast.shop, **asked)  # type: ignore[arg-type]
    assert cast.shop.protocols.count() == 1
