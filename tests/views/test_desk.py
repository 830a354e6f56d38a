"""The owner's pages: each write works, says what does not fit, and is harmless twice."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotator.domain.lifecycles import CheckpointState, RoundState, RunState
from annotator.models import Member, Project, Role, Round, Run, RunEvent, User
from annotator.services.projects import invitation_create
from annotator.services.rounds import round_launch, round_prepare
from annotator.services.runs import run_cancel
from annotator.store import store_path
from tests.cast import Cast
from tests.factories import PASSWORD, judged, person
from tests.views.page import forms_of
from training.config import PRESETS

HTMX = {"HX-Request": "true"}


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def text_of(response: Any) -> str:
    """What a person reads, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# --- people ------------------------------------------------------------------------


def test_signing_in_and_out(cast: Cast) -> None:
    client = Client()

    assert client.post("/login/", {"username": "ann", "password": "wrong"}).status_code == 200
    assert client.post("/login/", {"username": "ann", "password": PASSWORD})["Location"] == "/"
    assert client.get("/")["Location"] == "/p/shop/judge/"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"


def test_changing_the_password_keeps_the_person_signed_in(cast: Cast, olga: Client) -> None:
    new = {"old_password": PASSWORD, "new_password1": "tea before seven", "new_password2": "tea before seven"}

    assert olga.post("/password/", new)["Location"] == "/"
    assert "Your password is changed." in olga.get("/").content.decode()
    assert Client().login(username="olga", password="tea before seven")


def test_an_invitation_is_shown_once_and_makes_a_newcomer_a_rater(cast: Cast, olga: Client) -> None:
    made = olga.post("/p/shop/invitations/", {"role": "rater", "days": 7})
    link = re.search(r"http://testserver(/invitations/[^<]+/)", made.content.decode())
    assert link
    newcomer = Client()

    assert "Join “Shop”" in text_of(newcomer.get(link[1]))
    joined = newcomer.post(link[1], {"username": "nora", "password": "seven quiet mornings"})
    assert joined["Location"] == "/p/shop/judge/"
    assert newcomer.get("/p/shop/judge/").status_code == 200
    assert Member.objects.get(user__username="nora").role == Role.RATER
    assert "This invitation is spent" in text_of(Client().get(link[1]))
    assert Client().post(link[1], {"username": "nick", "password": "seven quiet mornings"}).status_code == 409
    assert link[1] not in olga.get("/p/shop/members/").content.decode()


def test_a_taken_name_or_a_weak_password_is_said_and_the_invitation_stays_open(cast: Cast) -> None:
    _, token = invitation_create(project=cast.shop, role="rater", by=cast.olga)

    taken = Client().post(f"/invitations/{token}/", {"username": "ann", "password": "seven quiet mornings"})
    weak = Client().post(f"/invitations/{token}/", {"username": "nora", "password": "12345"})

    assert (taken.status_code, weak.status_code) == (422, 422)
    assert "Somebody has this user name already" in text_of(taken)
    assert not User.objects.filter(username="nora").exists()
    assert "Create account and join" in text_of(Client().get(f"/invitations/{token}/"))


def test_the_last_owner_cannot_leave(cast: Cast, olga: Client) -> None:
    me = cast.shop.members.get(user=cast.olga)

    refused = olga.post(f"/p/shop/members/{me.pk}/remove/")

    assert refused.status_code == 409
    assert "A project needs an owner" in text_of(refused)
    assert cast.shop.members.filter(user=cast.olga).exists()


def test_a_role_that_does_not_exist_is_refused(cast: Cast, olga: Client) -> None:
    member = cast.shop.members.get(user=cast.ann)

    assert olga.post(f"/p/shop/members/{member.pk}/role/", {"role": "king"}).status_code == 422
    assert olga.post(f"/p/shop/members/{member.pk}/role/", {"role": "owner"}).status_code == 303


# --- project -------------------------------------------------------------------------


def test_staff_start_a_project_and_own_it(cast: Cast, client_of: Callable[[User | None], Client]) -> None:
    client = client_of(person("stella", is_staff=True))
    form = forms_of(client.get("/projects/new/"))[""]
    fields = {**form.fields, "name": "Bakery", "slug": "bakery", "preset": "hh", "guideline": "Warm."}

    assert client.post("/projects/new/", fields)["Location"] == "/p/bakery/"
    again = client.post("/projects/new/", fields)
    assert again.status_code == 422
    assert "Another project has this short name" in text_of(again)
    bakery = Project.objects.get(slug="bakery")
    assert (bakery.guidelines.get().text, bakery.protocols.get().preset) == ("Warm.", "hh")


def test_settings_are_saved_and_nonsense_is_said_next_to_its_field(cast: Cast, olga: Client) -> None:
    fields = forms_of(olga.get("/p/shop/settings/"))[""].fields

    refused = olga.post("/p/shop/settings/", {**fields, "overlap_share": "7"})
    saved = olga.post("/p/shop/settings/", {**fields, "lease_minutes": "45"})

    assert refused.status_code == 422
    assert re.search(r'id="id_overlap_share_error"[^>]*>\s*<p>Ensure this value is less than', refused.content.decode())
    assert saved.status_code == 303
    assert Project.objects.get(slug="shop").lease_minutes == 45


def test_publishing_the_same_guideline_twice_makes_one_version(cast: Cast, olga: Client) -> None:
    for _ in range(2):
        olga.post("/p/shop/guidelines/", {"text": "Prefer **short** answers."})

    assert cast.shop.guidelines.count() == 2  # the first one came with the project
    assert "Version 2" in text_of(olga.get("/p/shop/guidelines/"))


# --- prompts -------------------------------------------------------------------------


def test_prompts_are_added_from_lines_and_from_a_file(cast: Cast, olga: Client) -> None:
    lines = [
        "A plain text?",
        {"prompt": "In an object?"},
        {"messages": [{"role": "user", "content": "As messages?"}]},
        [{"role": "user", "content": "As a list?"}],
        "Typed one?",
    ]
    file = SimpleUploadedFile("prompts.jsonl", "\n".join(map(json.dumps, lines)).encode())

    added = olga.post("/p/shop/prompts/add/", {"text": "Typed one?\n\nTyped two?", "file": file, "system": ""})

    assert added.status_code == 303
    assert "6 prompts are added. 1 were here already." in text_of(olga.get("/p/shop/prompts/"))
    assert cast.shop.prompts.count() == 14


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{broken", "Line 1:"),
        (b"[" * 100_000, "Line 1: maximum recursion depth"),
        (b'{"text": "no prompt"}', "Line 1: expected a text"),
        (b'\n[{"role": "robot", "content": "?"}]', "every turn needs"),
        ("ä".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_said_and_nothing_is_added(
    cast: Cast, olga: Client, content: bytes, said: str
) -> None:
    refused = olga.post("/p/shop/prompts/add/", {"file": SimpleUploadedFile("prompts.jsonl", content)})

    assert refused.status_code == 422
    assert said in text_of(refused)
    assert cast.shop.prompts.count() == 8


def test_prompts_are_paged_by_id_in_both_directions(cast: Cast, olga: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.selectors.prompts.PAGE", 3)

    def shown(page: Any) -> list[str]:
        return re.findall(r"/p/shop/prompts/(\d+)/", page.content.decode())

    def link(page: Any, rel: str) -> str:
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page.content.decode())
        assert found
        return "/p/shop/prompts/" + found[1].replace("&amp;", "&")

    first = olga.get("/p/shop/prompts/")
    second = olga.get(link(first, "next"))
    third = olga.get(link(second, "next"))

    assert [len(shown(page)) for page in (first, second, third)] == [3, 3, 2]
    assert 'rel="next"' not in third.content.decode()
    assert shown(olga.get(link(third, "prev"))) == shown(second)
    assert shown(olga.get(link(second, "prev"))) == shown(first)


def test_prompts_are_found_by_their_words(cast: Cast, olga: Client) -> None:
    olga.post("/p/shop/prompts/add/", {"text": "May my zebra return a teapot?"})

    page = olga.get("/p/shop/prompts/?words=TEAPOT+zebra")

    assert len(re.findall(r"/p/shop/prompts/\d+/", page.content.decode())) == 1


# --- rounds --------------------------------------------------------------------------


def test_the_first_round_begins_with_a_press_and_twice_is_said(cast: Cast, olga: Client) -> None:
    assert "Start the first round" in text_of(olga.get("/p/shop/"))

    assert olga.post("/p/shop/rounds/prepare/")["Location"] == "/p/shop/rounds/1/"
    assert olga.post("/p/shop/rounds/prepare/").status_code == 409
    assert Run.objects.get().state == RunState.QUEUED


def test_a_round_is_launched_with_the_settings_of_the_page(cast: Cast, collecting: Round, olga: Client) -> None:
    judged(cast.shop, cast.ann)
    page = olga.get("/p/shop/rounds/1/launch/?preset=thorough")
    fields = forms_of(page)["settings"].fields

    launched = olga.post("/p/shop/rounds/1/launch/", {**fields, "dpo.beta": "0.3"})

    assert launched["Location"] == "/p/shop/rounds/1/"
    collecting.refresh_from_db()
    assert collecting.state == RoundState.FROZEN
    assert collecting.settings["dpo"]["beta"] == 0.3
    assert collecting.settings["reward"]["epochs"] == PRESETS["thorough"][1].reward.epochs
    again = olga.post("/p/shop/rounds/1/launch/", fields)
    assert again.status_code == 409
    assert "cannot become frozen" in text_of(again)


def test_untouched_settings_are_those_of_the_preset(cast: Cast, collecting: Round, olga: Client) -> None:
    """The page must not change a number on its way through the form."""
    judged(cast.shop, cast.ann)
    fields = forms_of(olga.get("/p/shop/rounds/1/launch/?preset=quick"))["settings"].fields

    olga.post("/p/shop/rounds/1/launch/", fields)

    collecting.refresh_from_db()
    assert collecting.settings == PRESETS["quick"][1].model_dump(mode="json")


@pytest.mark.parametrize(
    ("value", "said"), [("0", "greater than 0"), ("", "required"), ("99", "less than or equal to 10")]
)
def test_a_setting_out_of_range_is_said_next_to_it(
    cast: Cast, collecting: Round, olga: Client, value: str, said: str
) -> None:
    fields = forms_of(olga.get("/p/shop/rounds/1/launch/"))["settings"].fields

    refused = olga.post("/p/shop/rounds/1/launch/", {**fields, "dpo.beta": value})

    assert refused.status_code == 422
    error = re.search(r'id="id_dpo.beta_error">(.*?)</div>', refused.content.decode(), re.DOTALL)
    assert error
    assert said in error[1]


def test_a_round_without_judgments_is_not_launched(cast: Cast, collecting: Round, olga: Client) -> None:
    fields = forms_of(olga.get("/p/shop/rounds/1/launch/"))["settings"].fields

    refused = olga.post("/p/shop/rounds/1/launch/", fields)

    assert refused.status_code == 409
    assert "Nothing to learn from yet" in text_of(refused)


def test_choosing_a_preset_swaps_the_settings_only(cast: Cast, collecting: Round, olga: Client) -> None:
    fragment = olga.get("/p/shop/rounds/1/launch/?preset=quick", headers=HTMX).content.decode()

    assert fragment.lstrip().startswith('<form id="settings"')


def test_a_stage_that_was_cancelled_is_retried_with_a_press(cast: Cast, olga: Client) -> None:
    round_prepare(project=cast.shop)
    run_cancel(run=Run.objects.get())

    assert "Retry the stage" in text_of(olga.get("/p/shop/"))
    assert olga.post("/p/shop/rounds/1/retry/").status_code == 303
    assert olga.post("/p/shop/rounds/1/retry/").status_code == 409
    assert Run.objects.filter(state=RunState.QUEUED).count() == 1


def test_a_round_that_rests_is_not_asked_for_again(cast: Cast, collecting: Round, olga: Client) -> None:
    judged(cast.shop, cast.ann)
    resting = olga.get("/p/shop/rounds/1/status/").content.decode()
    round_launch(round=collecting, settings=PRESETS["quick"][1], by=cast.olga)
    moving = olga.get("/p/shop/rounds/1/status/").content.decode()

    assert "hx-get" not in resting
    assert 'hx-trigger="every 2s"' in moving


def test_a_round_that_moved_on_reloads_the_whole_page(cast: Cast, collecting: Round, olga: Client) -> None:
    assert "HX-Refresh" not in olga.get("/p/shop/rounds/1/status/?state=collecting")
    assert olga.get("/p/shop/rounds/1/status/?state=draft")["HX-Refresh"] == "true"


def test_every_number_of_a_turned_round_comes_with_n_and_interval(cast: Cast, turned: Round, olga: Client) -> None:
    page = text_of(olga.get("/p/shop/rounds/1/"))

    assert "Win rate over the parent" in page
    assert "75 % 60–85 % 64" in page
    assert re.search(r"Agreement \d+ % 95 %: [\d.]+–[\d.]+ % · n = \d+ comparisons", page)


def test_a_number_that_is_undefined_says_why(cast: Cast, collecting: Round, olga: Client) -> None:
    page = text_of(olga.get("/p/shop/rounds/1/"))

    assert page.count("No comparison has two judgments yet.") == 2
    assert "nan" not in page.lower().split()


# --- runs ----------------------------------------------------------------------------


def test_a_live_run_is_watched_and_a_finished_one_is_not(cast: Cast, olga: Client) -> None:
    round_prepare(project=cast.shop)
    run = Run.objects.get()
    live = olga.get(f"/p/shop/runs/{run.pk}/status/").content.decode()

    assert olga.post(f"/p/shop/runs/{run.pk}/cancel/").status_code == 303
    assert olga.post(f"/p/shop/runs/{run.pk}/cancel/").status_code == 303
    ended = olga.get(f"/p/shop/runs/{run.pk}/status/").content.decode()

    assert 'hx-trigger="every 2s"' in live
    assert "Waiting for a free worker." in live
    assert "hx-get" not in ended
    assert "Cancelled by a person." in ended


def test_curves_are_images_for_both_themes_that_change_with_the_run(cast: Cast, turned: Round, olga: Client) -> None:
    run = turned.runs.get(kind="dpo")
    page = olga.get(f"/p/shop/runs/{run.pk}/").content.decode()
    addresses = re.findall(r'src(?:set)?="(/p/shop/runs/[^"]+\.svg\?step=\d+)"', page)

    assert len(addresses) == 2
    for address in addresses:
        chart = olga.get(address)
        assert chart["Content-Type"] == "image/svg+xml"
        assert chart.content.startswith(b"<svg")
        assert "immutable" in chart["Cache-Control"]
    RunEvent.objects.create(
        run=run, number=99, kind="metrics", payload={"step": 2, "total_steps": 2, "values": {"train/loss": 0.4}}
    )
    assert addresses[0] not in olga.get(f"/p/shop/runs/{run.pk}/").content.decode()
    assert olga.get(f"/p/shop/runs/{run.pk}/charts/nosuch.light.svg").status_code == 404


# --- checkpoints and snapshots -------------------------------------------------------


def test_promoting_is_undone_by_promoting_the_one_before(cast: Cast, turned: Round, olga: Client) -> None:
    made, base = turned.runs.get(kind="dpo").checkpoint, turned.parent
    assert base is not None
    made.refresh_from_db()
    assert made.state == CheckpointState.PROMOTED

    for _ in range(2):
        assert olga.post(f"/p/shop/checkpoints/{base.pk}/promote/").status_code == 303

    made.refresh_from_db()
    base.refresh_from_db()
    assert (made.state, base.state) == (CheckpointState.RETIRED, CheckpointState.PROMOTED)
    assert olga.post(f"/p/shop/checkpoints/{base.pk}/retire/").status_code == 409


def test_a_checkpoint_tells_where_it_comes_from(cast: Cast, turned: Round, olga: Client) -> None:
    made = turned.runs.get(kind="dpo").checkpoint

    page = text_of(olga.get(f"/p/shop/checkpoints/{made.pk}/"))

    assert "base round-1" in page
    assert re.search(r"Version 1 , \d+ judgments", page)
    assert made.sha256 in page


def test_a_snapshot_says_how_judgments_became_rows(cast: Cast, turned: Round, olga: Client) -> None:
    assert "Consensus votes" in text_of(olga.get("/p/shop/snapshots/1/"))

    Round.objects.filter(pk=turned.pk).update(settings={**turned.settings, "consensus": "joint"})

    assert "Consensus joint" in text_of(olga.get("/p/shop/snapshots/1/"))


def test_downloads_are_whole_zip_files_of_the_folders(cast: Cast, turned: Round, olga: Client) -> None:
    made = turned.runs.get(kind="dpo").checkpoint

    for address, name, member in (
        (f"/p/shop/checkpoints/{made.pk}/download/", "shop-round-1", "adapter.txt"),
        (f"/p/shop/checkpoints/{made.pk}/download/", "shop-round-1", "best/adapter.txt"),
        (f"/p/shop/checkpoints/{made.pk}/download/", "shop-round-1", "README.md"),
        ("/p/shop/snapshots/1/download/", "shop-snapshot-1", "comparisons.jsonl"),
    ):
        response = olga.get(address)
        archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))  # type: ignore[attr-defined]
        assert archive.testzip() is None
        assert {f"{name}/manifest.json", f"{name}/{member}"} <= set(archive.namelist())
        assert response["Content-Disposition"] == f'attachment; filename="{name}.zip"'


def test_a_checkpoint_says_what_its_folder_holds_and_how_to_use_it(cast: Cast, turned: Round, olga: Client) -> None:
    made = turned.runs.get(kind="dpo").checkpoint
    size = sum(path.stat().st_size for path in store_path(made.path).rglob("*") if path.is_file())

    page = text_of(olga.get(f"/p/shop/checkpoints/{made.pk}/"))

    assert f"Folder {filesizeformat(size)}; best/ inside of it holds".replace("\xa0", " ") in page.replace("\xa0", " ")
    assert 'model = AutoPeftModelForCausalLM.from_pretrained("shop-round-1")' in unescape(page)


def test_a_checkpoint_whose_folder_is_gone_still_has_a_page(cast: Cast, turned: Round, olga: Client) -> None:
    made = turned.runs.get(kind="dpo").checkpoint
    shutil.rmtree(store_path(made.path))

    assert "Folder" not in text_of(olga.get(f"/p/shop/checkpoints/{made.pk}/"))
    assert olga.get(f"/p/shop/checkpoints/{made.pk}/download/").status_code == 404


def test_the_base_model_has_nothing_to_download(cast: Cast, olga: Client) -> None:
    base = cast.shop.checkpoints.get()

    refused = olga.get(f"/p/shop/checkpoints/{base.pk}/download/")

    assert refused.status_code == 404
    assert "the base model as it is" in text_of(refused)


# --- errors --------------------------------------------------------------------------


def test_an_error_is_a_page_for_browsers_and_a_fragment_for_htmx(cast: Cast, olga: Client) -> None:
    whole, part = olga.get("/p/nowhere/"), olga.get("/p/nowhere/", headers=HTMX)

    assert (whole.status_code, part.status_code) == (404, 404)
    assert "There is no such page, or it is not yours to see." in text_of(whole)
    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()


def test_going_back_leads_only_to_our_own_pages(cast: Cast, olga: Client) -> None:
    ours = olga.get("/p/nowhere/", headers={"Referer": "http://testserver/p/shop/"}).content.decode()
    theirs = olga.get("/p/nowhere/", headers={"Referer": "https://evil.example/"}).content.decode()

    assert 'href="http://testserver/p/shop/"' in ours
    assert "evil.example" not in theirs


# --- cost ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "at_most"),
    [
        ("/", 4),
        ("/p/shop/", 22),
        ("/p/shop/rounds/", 5),
        ("/p/shop/rounds/1/", 15),
        ("/p/shop/rounds/2/launch/", 8),
        ("/p/shop/runs/", 5),
        ("RUN", 16),
        ("CHECKPOINT", 14),
        ("/p/shop/checkpoints/", 6),
        ("/p/shop/snapshots/", 5),
        ("/p/shop/prompts/", 6),
        ("/p/shop/members/", 6),
    ],
)
def test_a_page_costs_a_fixed_number_of_queries(
    cast: Cast, turned: Round, olga: Client, address: str, at_most: int
) -> None:
    run = turned.runs.get(kind="reward")
    places = {"RUN": f"/p/shop/runs/{run.pk}/", "CHECKPOINT": f"/p/shop/checkpoints/{run.checkpoint.pk}/"}
    address = places.get(address, address)
    with CaptureQueriesContext(connection) as few:
        assert olga.get(address).status_code == 200
    judged(cast.shop, cast.ann, limit=3)
    judged(cast.shop, cast.rui, limit=3)
    olga.post("/p/shop/prompts/add/", {"text": "One more?\nAnd another?"})
    olga.get("/p/shop/")  # the message of the upload is shown here
    with CaptureQueriesContext(connection) as later:
        assert olga.get(address).status_code == 200

    assert len(later) <= max(len(few), at_most)
    assert len(few) <= at_most
