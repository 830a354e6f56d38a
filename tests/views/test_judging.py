"""The rater's page over HTTP: with htmx, without JavaScript, twice, too late, and blind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.domain.protocols import PRESETS
from annotator.models import Assignment, Checkpoint, Judgment, Response, Round, User
from annotator.services.assignments import assignments_sweep
from annotator.services.judgments import judgment_submit
from annotator.services.protocols import protocol_publish
from annotator.services.rounds import round_abandon
from annotator.views import annotate
from tests.cast import Cast
from tests.factories import held, judged
from tests.keys import key
from tests.views.page import forms_of

HTMX = {"HX-Request": "true"}
JUDGE = "/p/shop/judge/"


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


def press(client: Client, page: Any, answer: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """Press a verdict button of the card on this page."""
    form = forms_of(page)["verdict"]
    return client.post(form.action, {**form.fields, "answer": answer, **more}, headers=headers or {})


# --- one judgment after another ------------------------------------------------


def test_without_javascript_a_verdict_is_stored_and_leads_to_the_next_card(ann: Client) -> None:
    page = ann.get(JUDGE)

    answered = press(ann, page, "slightly_b")

    assert (answered.status_code, answered["Location"]) == (303, JUDGE)
    assert Judgment.objects.get().answer == "slightly_b"
    assert forms_of(ann.get(JUDGE))["verdict"].action != forms_of(page)["verdict"].action


def test_with_htmx_the_next_card_and_a_receipt_come_in_the_same_answer(ann: Client) -> None:
    page = ann.get(JUDGE)

    answered = press(ann, page, "a", HTMX, milliseconds="4200")

    assert answered.status_code == 200
    assert forms_of(answered)["verdict"].action != forms_of(page)["verdict"].action
    assert "<html" not in answered.content.decode()
    assert "Saved: A is better" in answered.content.decode()
    assert Judgment.objects.get().seconds == 4.2


def test_a_reload_shows_the_same_comparison_again(ann: Client) -> None:
    first, again = ann.get(JUDGE), ann.get(JUDGE)

    assert forms_of(first)["verdict"].action == forms_of(again)["verdict"].action
    assert Assignment.objects.count() == 1


def test_sending_the_same_card_twice_stores_one_judgment(ann: Client) -> None:
    """A second press, or a retry after the answer was lost: the key of the card makes it harmless."""
    page = ann.get(JUDGE)

    press(ann, page, "a", HTMX)
    again = press(ann, page, "b", HTMX)

    assert again.status_code == 200
    assert Judgment.objects.get().answer == "a"


def test_every_card_draws_its_own_key(ann: Client) -> None:
    assert forms_of(ann.get(JUDGE))["verdict"].fields["key"] != forms_of(ann.get(JUDGE))["verdict"].fields["key"]


def test_a_reason_travels_with_the_verdict(ann: Client) -> None:
    press(ann, ann.get(JUDGE), "b", rationale="  It answers the question. ")

    assert Judgment.objects.get().rationale == "It answers the question."


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_answer_that_the_scale_does_not_have_is_said_on_the_card(ann: Client, headers: dict[str, str]) -> None:
    page = ann.get(JUDGE)

    refused = press(ann, page, "c", headers)

    assert refused.status_code == 422
    assert "“c” is not one of the answers; choose a button." in refused.content.decode()
    assert forms_of(refused)["verdict"].action == forms_of(page)["verdict"].action
    assert not Judgment.objects.exists()


def test_a_skip_gives_the_comparison_back_and_shows_another(ann: Client) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]
    skip = f"{verdict.action}skip/"

    assert ann.post(skip, verdict.fields).status_code == 303
    assert ann.post(skip, verdict.fields, headers=HTMX).status_code == 200  # twice is harmless
    assert forms_of(ann.get(JUDGE))["verdict"].action != verdict.action
    assert Assignment.objects.filter(state=AssignmentState.SKIPPED).count() == 1


def test_what_is_stored_while_the_page_is_made_is_not_shown_again(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was left in the middle of sending sends again, and the next one is asked for beside that."""
    claim, met = annotate.assignment_claim, []

    def claim_and_lose_time(**who: Any) -> Assignment | None:
        claimed = claim(**who)
        if not met and claimed is not None:
            judgment_submit(assignment=claimed, said=Said("a"), key=key(1))
        met.append(claimed)
        return claimed

    monkeypatch.setattr(annotate, "assignment_claim", claim_and_lose_time)

    page = ann.get(JUDGE).content.decode()

    assert "that you judged" not in page
    assert f"{JUDGE}{met[1].pk}/" in page
    assert met[0] != met[1]


# --- undo ----------------------------------------------------------------------


def test_undo_shows_the_last_comparison_with_the_earlier_answer_marked(ann: Client) -> None:
    first = ann.get(JUDGE)
    after = press(ann, first, "slightly_a", HTMX)
    undo = re.search(r'href="([^"]+)"[^>]*data-key="KeyZ', after.content.decode())

    assert undo
    assert undo[1] == forms_of(first)["verdict"].action
    shown = ann.get(undo[1], headers=HTMX).content.decode()
    assert "“A slightly”" in shown
    assert re.search(r'value="slightly_a"[^>]*aria-current="true"', shown)


def test_choosing_again_supersedes_and_returns_to_the_card_that_was_held(ann: Client) -> None:
    first = ann.get(JUDGE)
    after = press(ann, first, "slightly_a", HTMX)
    shown = ann.get(forms_of(first)["verdict"].action)

    corrected = press(ann, shown, "b", HTMX)

    assert Judgment.objects.current().get().answer == "b"
    assert Judgment.objects.count() == 2
    assert forms_of(corrected)["verdict"].action == forms_of(after)["verdict"].action


# --- the world moves on ----------------------------------------------------------


def test_a_lapsed_comparison_that_others_judged_is_said_and_the_next_one_shown(cast: Cast, ann: Client) -> None:
    page = ann.get(JUDGE)
    mine = Assignment.objects.get()
    assignments_sweep(now=timezone.now() + timedelta(days=1))
    for other in (cast.rui, cast.olga):
        judgment_submit(assignment=held(cast.shop, other), said=Said("a"), key=key(other.pk))

    late = press(ann, page, "a", HTMX)

    assert late.status_code == 409
    assert "was released because its time ran out" in late.content.decode()
    assert forms_of(late)["verdict"].action != f"{JUDGE}{mine.pk}/"


def test_without_javascript_the_same_is_said_on_the_next_page(cast: Cast, collecting: Round, ann: Client) -> None:
    page = ann.get(JUDGE)
    round_abandon(round=collecting)

    late = press(ann, page, "a")

    assert late.status_code == 303
    assert "takes no more judgments" in ann.get(JUDGE).content.decode()


def test_nothing_left_is_said_and_asked_again_by_itself(cast: Cast, ann: Client) -> None:
    judged(cast.shop, cast.ann)

    shown = ann.get(JUDGE).content.decode()

    assert "Nothing is left for you" in shown
    assert 'data-state="done"' in shown
    assert 'hx-get="/p/shop/judge/next/?seen=done-collecting"' in shown
    assert ann.get(f"{JUDGE}next/?seen=done-collecting", headers=HTMX).status_code == 204
    assert ann.get(f"{JUDGE}next/?seen=preparing-draft", headers=HTMX).status_code == 200


def test_a_waiting_page_turns_into_the_card_and_stops_asking(
    cast: Cast, client_of: Callable[[User | None], Client], request: pytest.FixtureRequest
) -> None:
    client = client_of(cast.ann)
    assert "This project has not begun" in client.get(JUDGE).content.decode()
    request.getfixturevalue("collecting")

    card = client.get(f"{JUDGE}next/", headers=HTMX).content.decode()

    assert 'id="verdict"' in card
    assert "every 3s" not in card


def test_a_lost_session_makes_htmx_leave_the_page_instead_of_swapping_a_log_in_into_it(
    client_of: Callable[[User | None], Client], db: None
) -> None:
    url = "http://testserver/p/shop/judge/"

    response = client_of(None).get(f"{JUDGE}next/", headers={**HTMX, "HX-Current-URL": url})

    assert response["HX-Redirect"].startswith("/login/?next=")


# --- blind -----------------------------------------------------------------------


def test_nothing_on_the_page_says_who_wrote_what(
    cast: Cast, turned: Round, client_of: Callable[[User | None], Client]
) -> None:
    """Round two holds answers of two checkpoints. Texts are made alike first, so that only the page could tell."""
    Response.objects.update(text="The same words.")
    client = client_of(cast.ann)
    page = client.get(JUDGE).content.decode()
    assignment = Assignment.objects.get(rater=cast.ann, state=AssignmentState.HELD)
    comparison = assignment.comparison

    for checkpoint in Checkpoint.objects.all():
        assert checkpoint.name not in page
        assert not checkpoint.sha256 or checkpoint.sha256 not in page
    # What is left after the assignment's own id, the key and the CSRF tokens holds no number but progress and keys.
    rest = page.replace(f"{JUDGE}{assignment.pk}/", "")
    rest = re.sub(r'name="(key|csrfmiddlewaretoken|protocol)" value="[^"]+"', "", rest)
    rest = re.sub(rf"{JUDGE}\d+/", "", rest)  # undo: the rater's own assignment
    for secret in (comparison.pk, comparison.first_id, comparison.second_id):
        assert not re.search(rf'(?:id|data-[a-z]+|href|name|value)="[^"]*\b{secret}\b', rest)
    left, right = re.findall(r'<article class="pane pane-[ab]".*?</article>', page, re.DOTALL)
    for a, b in (
        ("answer-a", "answer-b"),
        ("pane-a", "pane-b"),
        (">A<", ">B<"),
        ("answer A", "answer B"),
        ("Answer A", "Answer B"),
    ):
        left = left.replace(a, b)
    assert left.replace('"left"', '"right"') == right


def test_the_stored_order_decides_who_sits_left(cast: Cast, ann: Client) -> None:
    page = ann.get(JUDGE).content.decode()
    assignment = Assignment.objects.get()

    shown = re.findall(r'data-answer="(left|right)"><p>(.*?)</p>', page)

    assert dict(shown) == {"left": assignment.left.text, "right": assignment.right.text}


# --- hostile text ------------------------------------------------------------------

HOSTILE = """<script>alert(1)</script>
<img src=x onerror=alert(2)> <svg onload=alert(3)><style>body{display:none}</style>
[click](javascript:alert(4)) ![pixel](https://evil.example/p.png) <javascript:alert(5)>
[data](data:text/html;base64,PHNjcmlwdD4=) </article></main><form action="https://evil.example">

```html" onmouseover="alert(6)
</code></pre><script>alert(7)</script>
```
"""


def test_what_a_model_wrote_cannot_act(cast: Cast, ann: Client) -> None:
    Response.objects.update(text=HOSTILE)
    page = ann.get(JUDGE).content.decode()

    panes = "".join(re.findall(r'<div class="text" data-answer.*?</article>', page, re.DOTALL))

    assert panes.count("alert(1)") == 2  # both answers are there, as text
    tags = set(re.findall(r"<([a-z0-9]+)", panes))
    assert tags <= {"div", "p", "br", "pre", "code", "span", "a", "em", "strong"}
    assert not re.search(r"<[^>]*\s(?:on\w+|style|src)\s*=", panes)
    assert not re.search(r'href="(?:javascript|data):', panes)
    assert "https://evil.example" not in "".join(re.findall(r"<form[^>]*>", page))


def test_every_page_forbids_inline_scripts_and_styles_and_has_none(cast: Cast, ann: Client) -> None:
    response = ann.get(JUDGE)
    policy, page = response["Content-Security-Policy"], response.content.decode()

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on", page)


# --- held ahead, kept, and looked at again ---------------------------------------


AHEAD = {"X-Tiebreak-Cards": ""}


def test_a_page_that_holds_cards_is_sent_only_what_it_does_not_hold(ann: Client) -> None:
    first = forms_of(ann.get(JUDGE))["verdict"].action.split("/")[-2]

    ahead = ann.get(f"{JUDGE}next/", headers={"X-Tiebreak-Cards": first})

    held_now = [str(pk) for pk in Assignment.objects.order_by("claimed_at", "id").values_list("pk", flat=True)]
    assert (held_now[0], len(held_now)) == (first, 3)
    assert re.findall(rf'id="verdict"[^>]*action="{JUDGE}([0-9]+)/"', ahead.content.decode()) == held_now[1:]
    assert ann.get(f"{JUDGE}next/", headers={"X-Tiebreak-Cards": ",".join(held_now)}).content.count(b"data-card") == 0


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_card_that_was_filled_is_the_card_that_would_have_been_drawn(
    cast: Cast, ann: Client, preset: str, language: str
) -> None:
    protocol_publish(project=cast.shop, preset=preset, edit=True, criteria=[{"name": "Tone", "preset": "five_point"}])
    headers = {"Accept-Language": language}
    drawn = ann.get(JUDGE, headers=headers).content.decode()
    number = re.findall(rf'id="verdict"[^>]*action="{JUDGE}([0-9]+)/"', drawn)[0]

    ahead = ann.get(f"{JUDGE}next/", headers={**headers, **AHEAD}).content.decode()

    cards = re.findall(r'<section id="card".*?</section>', ahead, re.DOTALL)
    filled = next(card for card in cards if f'action="{JUDGE}{number}/"' in card)
    assert same_card(filled) == same_card(re.findall(r'<section id="card".*?</section>', drawn, re.DOTALL)[0])


def same_card(html: str) -> str:
    """Without what is drawn anew for each card, and without the spaces between."""
    html = re.sub(r'(name="(?:key|csrfmiddlewaretoken)" value=)"[^"]+"', r"\1", html)
    return re.sub(r">\s+<", "><", html)


def test_a_judgment_from_a_page_that_holds_cards_brings_the_receipt_and_one_more(ann: Client) -> None:
    page = ann.get(JUDGE)

    answered = press(ann, page, "a", {"X-Tiebreak-Cards": "0"})

    assert "Saved: A is better" in answered.content.decode()
    assert answered.content.count(b"<template data-card>") == 3  # it holds none of hers
    assert Assignment.objects.filter(state=AssignmentState.HELD).count() == 3


def test_what_does_not_fit_comes_back_as_the_card_it_was_sent_from(ann: Client) -> None:
    page = ann.get(JUDGE)

    refused = press(ann, page, "c", AHEAD)

    assert refused.status_code == 422
    assert "data-again" in refused.content.decode()
    assert forms_of(refused)["verdict"].action == forms_of(page)["verdict"].action


def test_whoever_is_still_reading_keeps_the_lease(ann: Client) -> None:
    ann.get(JUDGE)
    Assignment.objects.update(leased_until=timezone.now() + timedelta(seconds=5))

    ann.post(f"{JUDGE}alive/")

    assert Assignment.objects.get().leased_until > timezone.now() + timedelta(minutes=19)


def test_a_rater_sees_their_own_judgments_with_what_they_said_before(cast: Cast, ann: Client) -> None:
    page = ann.get(JUDGE)
    press(ann, page, "a")
    press(ann, page, "tie", key=str(key(9)))
    judged(cast.shop, cast.rui, limit=2, answer="b")

    mine = ann.get(f"{JUDGE}mine/").content.decode()

    assert mine.count("<li>") == 1
    assert re.search(r"<strong>Tie</strong>.*Before: A is better", mine, re.DOTALL)
    assert "B is better" not in mine


def test_a_frozen_judgment_can_be_seen_and_not_changed(cast: Cast, ann: Client, collecting: Round) -> None:
    press(ann, ann.get(JUDGE), "a")
    Round.objects.filter(pk=collecting.pk).update(state="frozen")

    mine = ann.get(f"{JUDGE}mine/").content.decode()

    assert "Frozen" in mine
    assert "Look again" not in mine


def test_judgments_come_a_page_at_a_time(cast: Cast, ann: Client) -> None:
    judged(cast.shop, cast.ann)
    count = Judgment.objects.count()

    first = ann.get(f"{JUDGE}mine/")
    older = re.search(r'href="\?before=([0-9]+)"', first.content.decode())

    shown = first.content.decode().count("<li>")
    if count <= 20:
        assert (shown, older) == (count, None)
    else:
        assert older
        assert shown + ann.get(f"{JUDGE}mine/?before={older[1]}").content.decode().count("<li>") == count


def test_keys_of_ones_own_stand_on_the_buttons(cast: Cast, ann: Client) -> None:
    ann.post(f"{JUDGE}keys/", {"lower-1": "KeyJ", "undo": "KeyU"})

    assert 'value="a" data-side="a" data-place="1" data-key="KeyJ"' in ann.get(JUDGE).content.decode()
    ann.post(f"{JUDGE}keys/", {"usual": "yes"})
    assert 'value="a" data-side="a" data-place="1" data-key="KeyA"' in ann.get(JUDGE).content.decode()


def test_a_key_used_twice_is_refused_with_its_name(cast: Cast, ann: Client) -> None:
    ann.post(f"{JUDGE}keys/", {"lower-1": "KeyX"})

    assert "X is used twice" in ann.get(JUDGE).content.decode()
    cast.ann.refresh_from_db()
    assert cast.ann.keys == {}


def test_of_a_long_conversation_only_the_last_turns_stand_open(ann: Client) -> None:
    ann.get(JUDGE)
    prompt = Assignment.objects.get().comparison.prompt
    said = [
        ("system", "The rules"),
        *[("user", f"Question {n}") if n % 2 else ("assistant", f"Reply {n}") for n in range(1, 6)],
    ]
    type(prompt).objects.filter(pk=prompt.pk).update(messages=[{"role": role, "content": text} for role, text in said])

    page = ann.get(JUDGE).content.decode()

    before, _, rest = page.partition('<details class="earlier">')
    folded, _, last = rest.partition("</details>")
    assert "The rules" in before
    assert [text for _, text in said if text in folded] == ["Question 1", "Reply 2", "Question 3"]
    assert "Reply 4" in last
    assert "3 earlier turns" in folded


# --- cost --------------------------------------------------------------------------


def test_a_verdict_with_the_next_card_costs_a_fixed_number_of_queries(cast: Cast, ann: Client) -> None:
    press(ann, ann.get(JUDGE), "a", HTMX)
    page = ann.get(JUDGE)

    with CaptureQueriesContext(connection) as few:
        page = press(ann, page, "a", HTMX)
    judged(cast.shop, cast.rui, limit=6)
    with CaptureQueriesContext(connection) as later:
        press(ann, page, "b", HTMX)

    assert len(later) <= len(few)  # fewer where a text was rendered before
    assert len(few) <= 37


def test_the_page_and_what_it_loads_stay_small(ann: Client) -> None:
    """CSS and scripts of the judge page, compressed: at most 60 KB."""
    page = ann.get(JUDGE).content.decode()
    total = 0
    for path in re.findall(r'(?:src|href)="/static/([^"]+\.(?:js|css))"', page):
        found = finders.find(path)
        assert isinstance(found, str)
        total += len(gzip.compress(Path(found).read_bytes()))

    assert total < 60 * 1024
