"""The launch page: few settings at once, all of them within reach, and nothing half-done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.domain.lifecycles import RoundState
from annotator.forms.rounds import GROUPS, PLACES, LaunchForm, settings_shown
from annotator.models import Round, User
from tests.cast import Cast
from tests.factories import judged
from tests.views.page import forms_of
from training.config import PRESETS, DpoSettings, RoundSettings

ADDRESS = "/p/shop/rounds/1/launch/"

# What version 0.1.0 stored; most settings did not exist then.
ADAPTER_0_1 = {"lora_rank": 16, "lora_alpha": 32.0, "lora_dropout": 0.0, "lora_targets": "all-linear"}
STEPS_0_1 = {
    "epochs": 3.0, "max_steps": None, "learning_rate": 0.001, "warmup_share": 0.1, "weight_decay": 0.0,
    "max_grad_norm": 1.0, "batch_size": 16, "micro_batch_size": 16, "max_length": 1024, "eval_every": 20,
    "save_every": 20,
}  # fmt: skip
SAMPLING_0_1 = {"answers_per_prompt": 2, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 160, "batch_size": 64}
SETTINGS_0_1 = {
    "seed": 0,
    "reward": {**ADAPTER_0_1, **STEPS_0_1, "earlier_rounds": True},
    "dpo": {**ADAPTER_0_1, **STEPS_0_1, "beta": 0.1, "earlier_rounds": False, "loss": "sigmoid"},
    "evaluate": {"held_out_prompts": 128, "micro_batch_size": 32, "max_length": 1024, "sampling": SAMPLING_0_1},
    "generate": SAMPLING_0_1,
}


@pytest.fixture
def olga(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    """The owner of a shop whose first round may be launched."""
    judged(cast.shop, cast.ann)
    return client_of(cast.olga)


def sent(olga: Client, **changes: str) -> Any:
    """The form with some changes; a dot in a name is written as two underscores."""
    fields = forms_of(olga.get(ADDRESS))["settings"].fields
    return olga.post(ADDRESS, fields | {name.replace("__", "."): value for name, value in changes.items()})


def section_of(page: Any, code: str) -> str:
    found = re.search(rf'<section [^>]*id="section-{code}".*?</section>', page.content.decode(), re.DOTALL)
    assert found
    return found[0]


def fold_of(page: Any, code: str) -> str:
    found = re.search(rf'<details [^>]*id="more-{code}"[^>]*>', page.content.decode())
    assert found
    return found[0]


def test_every_setting_stands_on_the_page_once() -> None:
    form = LaunchForm(start=RoundSettings())

    shown = [
        bound.name
        for section in form.sections
        for bound in [*section.often, *(bound for group in section.groups for bound in group.fields)]
    ]

    assert sorted(shown) == sorted(form.fields)


def test_only_a_handful_stands_outside_of_the_folds(olga: Client) -> None:
    assert max(len(section.often) for section in LaunchForm(start=RoundSettings()).sections) <= 5
    assert "open" not in fold_of(olga.get(ADDRESS), "dpo")


def test_where_settings_stand_names_none_that_does_not_exist() -> None:
    """A setting that is renamed must not fall from sight into another group."""
    form = LaunchForm(start=RoundSettings())

    assert {name for names in GROUPS.values() for name in names} <= DpoSettings.model_fields.keys()
    for code, place in PLACES.items():
        assert {f"{code}.{name}".removeprefix(".") for name in place.often} <= form.fields.keys()


def test_settings_that_do_not_fit_together_are_refused_at_their_section(olga: Client, collecting: Round) -> None:
    refused = sent(olga, dpo__loss="ipo", dpo__label_smoothing="0.1")

    assert refused.status_code == 422
    section = section_of(refused, "dpo")
    assert "Label smoothing acts only with the loss sigmoid, robust" in section
    assert 'href="#id_dpo.label_smoothing"' in section
    assert 'href="#section-dpo">Policy (DPO)</a>' in refused.content.decode()
    assert "open" in fold_of(refused, "dpo")
    assert "open" not in fold_of(refused, "reward")
    assert "flash error" not in section_of(refused, "reward")
    collecting.refresh_from_db()
    assert (collecting.state, collecting.launched_at) == (RoundState.COLLECTING, None)
    assert collecting.settings == PRESETS["standard"][1].model_dump(mode="json")


def test_what_was_typed_is_still_there_after_a_refusal(olga: Client) -> None:
    refused = sent(olga, dpo__loss="ipo", dpo__label_smoothing="0.1", reward__epochs="2.5")

    fields = forms_of(refused)["settings"].fields
    assert (fields["dpo.loss"], fields["dpo.label_smoothing"], fields["reward.epochs"]) == ("ipo", "0.1", "2.5")


def test_two_sections_say_their_own(olga: Client) -> None:
    refused = sent(olga, dpo__loss="exo_pair", reward__ties="davidson", reward__targets="majority")

    assert "The loss exo_pair needs a label smoothing above 0" in section_of(refused, "dpo")
    assert "Ties davidson need targets votes" in section_of(refused, "reward")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tie_width", "0", "greater than 0"),
        ("lora_dropout", "1", "less than 1"),
        ("batch_size", "many", "whole number"),
        ("loss", "nosuch", "not one of the available choices"),
    ],
)
def test_a_value_out_of_range_opens_the_fold_that_it_lies_in(olga: Client, name: str, value: str, said: str) -> None:
    refused = sent(olga, **{f"dpo__{name}": value})

    assert refused.status_code == 422
    error = re.search(rf'id="id_dpo.{name}_error">(.*?)</div>', refused.content.decode(), re.DOTALL)
    assert error
    assert said in error[1]
    assert ("open" in fold_of(refused, "dpo")) is (name != "loss")
    assert f'href="#id_dpo.{name}"' in refused.content.decode()


def test_empty_means_no_limit_where_it_may_be_empty(olga: Client, collecting: Round) -> None:
    sent(olga, dpo__max_steps="", dpo__micro_batch_size="4", reward__backbone="", dpo__ld_alpha="0.5")

    collecting.refresh_from_db()
    dpo = collecting.settings["dpo"]
    assert (dpo["max_steps"], dpo["micro_batch_size"], dpo["ld_alpha"]) == (None, 4, 0.5)
    assert collecting.settings["reward"]["backbone"] == ""


def test_the_settings_of_a_round_of_the_first_version_still_load_and_show(olga: Client, collecting: Round) -> None:
    loaded = RoundSettings.model_validate(SETTINGS_0_1)

    assert (loaded.dpo.loss, loaded.dpo.micro_batch_size, loaded.reward.ties) == ("sigmoid", 16, "half")
    shown = {section.title: section for section in settings_shown(SETTINGS_0_1)}
    assert "Micro-batch size" in [row.title for row in shown["Policy (DPO)"].telling]  # no longer the default
    assert "Ties" not in [row.title for row in shown["Policy (DPO)"].usual]  # nobody chose it then


def test_what_somebody_changed_is_told_before_what_is_as_by_default() -> None:
    changed = RoundSettings(dpo=DpoSettings(ties="davidson")).model_dump(mode="json")

    (dpo,) = [section for section in settings_shown(changed) if section.title == "Policy (DPO)"]

    assert ("Ties", "davidson") in [(row.title, row.value) for row in dpo.telling]
    assert "Layout" in [row.title for row in dpo.usual]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_goes_through_the_form_unchanged(olga: Client, collecting: Round, preset: str) -> None:
    fields = forms_of(olga.get(f"{ADDRESS}?preset={preset}"))["settings"].fields

    assert olga.post(ADDRESS, fields).status_code == 303

    collecting.refresh_from_db()
    assert collecting.settings == PRESETS[preset][1].model_dump(mode="json")
