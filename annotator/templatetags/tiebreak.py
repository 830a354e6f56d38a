"""How values are written on pages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_noop, ngettext
from django.utils.translation import gettext as _

from annotator.domain.gold import RIGHT_WORDS, Right
from annotator.domain.keys import ACTIONS
from annotator.domain.keys import shown as shown_key
from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL
from annotator.models import Checkpoint, Judgment, Project, Run, SittingAnswer
from annotator.rendering import chat_html, document_html
from annotator.selectors.queue import Progress
from annotator.selectors.sittings import rights_shown
from annotator.shells import hole, shell

register = template.Library()

DASH = "–"
RUN_NAMES = {
    "sft": gettext_noop("SFT run %(number)s"),
    "reward": gettext_noop("Reward run %(number)s"),
    "dpo": gettext_noop("DPO run %(number)s"),
    "evaluate": gettext_noop("Evaluate run %(number)s"),
    "generate": gettext_noop("Generate run %(number)s"),
    "score": gettext_noop("Score run %(number)s"),
    "merge": gettext_noop("Merge run %(number)s"),
    "push": gettext_noop("Push run %(number)s"),
}
# Codes that are not words yet; those of states are, and are marked where they are defined.
WORDS = {
    "tie": gettext_noop("tie"),
    "both_good": gettext_noop("both good"),
    "both_bad": gettext_noop("both bad"),
    "cannot_judge": gettext_noop("cannot judge"),
    # what a snapshot counts
    "judgments": gettext_noop("judgments"),
    "comparisons": gettext_noop("comparisons"),
    "comparisons_nobody_could_judge": gettext_noop("comparisons nobody could judge"),
    "judgments_of_excluded_raters": gettext_noop("judgments of excluded raters, left out"),
    "excluded_raters": gettext_noop("excluded raters"),
    "comparisons_of_excluded_raters": gettext_noop("comparisons that only excluded raters judged"),
    "train": gettext_noop("train"),
    "holdout": gettext_noop("holdout"),
    "ties": gettext_noop("ties"),
    # what a dataset counts beside
    "rows": gettext_noop("rows"),
    "raters": gettext_noop("raters"),
    "adjudicated": gettext_noop("adjudicated"),
    "judgments_that_count": gettext_noop("judgments that count"),
    "comparisons_with_too_few_votes": gettext_noop("comparisons with too few judgments, left out"),
    "comparisons_with_too_little_agreement": gettext_noop("comparisons with too little agreement, left out"),
    # and what it was made by
    "rounds": gettext_noop("rounds"),
    "tags": gettext_noop("tags"),
    "agreement": gettext_noop("agreement at least"),
    "votes": gettext_noop("judgments at least"),
    "consensus": gettext_noop("consensus"),
    "named": gettext_noop("raters under their user names"),
    "guideline_versions": gettext_noop("versions of the guidelines"),
    "protocol_versions": gettext_noop("versions of the protocol"),
    "code_version": gettext_noop("version of Tiebreak"),
    "dawid_skene": gettext_noop("Dawid and Skene"),
    "joint": gettext_noop("joint model"),
}


def _number(value: float, digits: int = 0) -> str:
    """A number as it is written in the language of the page."""
    return _number_in(get_language(), f"{value:.{digits}f}", digits)


@lru_cache(maxsize=4096)
def _number_in(_language: str | None, value: str, digits: int) -> str:
    return number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True)


@register.filter
def chat(text: str) -> SafeString:
    """A turn of a conversation, rendered and sanitised."""
    return chat_html(text)


@register.filter
def document(text: str) -> SafeString:
    """A guideline, rendered and sanitised."""
    return document_html(text)


@register.filter
def shown(value: float | None, kind: str = "number") -> str:
    """A measured number: shares in percent, coefficients with two decimals, others with at least three digits."""
    if value is None:
        return DASH
    if kind == "share":
        return f"{_number(value * 100, 0 if value in (0, 1) or 0.1 <= value <= 0.9 else 1)} %"
    if kind == "coefficient":
        return _number(round(value, 2) + 0.0, 2)  # + 0.0 turns -0.0 into 0.0
    if kind == "seconds":
        return duration(value)
    if kind == "count" or abs(value) >= 100:
        return _number(value)
    written = f"{value:#.3g}"
    return written if "e" in written else _number(value, len(written.partition(".")[2]))


@register.filter
def interval(estimate: Any) -> str:
    """The 95 % interval, in the unit of the value."""
    if estimate.low is None or estimate.high is None:
        return ""
    if estimate.kind == "share":
        digits = 0 if estimate.high - estimate.low >= 0.05 else 1
        return f"{_number(estimate.low * 100, digits)}–{_number(estimate.high * 100, digits)} %"
    low, high = shown(estimate.low, estimate.kind), shown(estimate.high, estimate.kind)
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


@register.filter
def points(share: float) -> str:
    """A difference of shares in percentage points."""
    return _number(share * 100, 0 if abs(share) >= 0.1 else 1 if abs(share) >= 0.01 else 2)


@register.filter
def hundredths(share: float | None) -> str:
    """A share as a coordinate from 0 to 100, for drawings."""
    return f"{min(max(share or 0.0, 0.0), 1.0) * 100:.2f}"


@register.filter
def width_between(low: float | None, high: float | None) -> str:
    return f"{max((min(high or 0.0, 1.0) - max(low or 0.0, 0.0)) * 100, 0.8):.2f}"


@register.filter
def thousands(number: int | None) -> str:
    return _number(number) if isinstance(number, int) else DASH  # a missing count arrives as an empty text


@register.filter
def duration(seconds: float | None) -> str:
    """12.3 s, 4 min 5 s, 2 h 10 min."""
    if seconds is None:
        return DASH
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": _number(seconds, 1)}
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}


@register.filter
def roughly(seconds: float) -> str:
    """A time that is only guessed: 40 s, 3 min, 2 h 10 min."""
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": _number(max(round(seconds, -1), 10))}
    minutes = round(seconds / 60)
    return _("%(minutes)s min") % {"minutes": minutes} if minutes < 60 else duration(minutes * 60)


@register.filter
def ago(moment: datetime | None) -> str:
    """A short distance in time: just now, 5 min ago, 3 h ago, 2 days ago."""
    if moment is None:
        return DASH
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 45:
        return _("just now")
    if seconds >= 86400:
        days = int(seconds // 86400)
        return ngettext("%(days)d day ago", "%(days)d days ago", days) % {"days": days}
    if seconds >= 3600:
        return _("%(hours)d h ago") % {"hours": seconds // 3600}
    return _("%(minutes)d min ago") % {"minutes": max(seconds // 60, 1)}


@register.filter
def brief(digest: str) -> str:
    """The first characters of a hash, enough to recognise it."""
    return digest[:12]


@register.filter
def named(run: Run) -> str:
    """A run as a heading: DPO run 7, Reward run 6."""
    return _(RUN_NAMES[run.kind]) % {"number": run.pk}


@register.filter
def words(code: str) -> str:
    """A code of ours as people read it."""
    return _(WORDS.get(code, code.replace("_", " ")))


@register.filter
def linked(fields: Iterable[BoundField]) -> SafeString:
    """Fields of a form as links to where they stand."""
    return format_html_join(_(", "), '<a href="#{}">{}</a>', ((field.id_for_label, field.label) for field in fields))


@register.filter
def linked_in(checkpoints: Iterable[Checkpoint], project: Project) -> SafeString:
    """Checkpoints of a project as links to their pages."""
    pages = ((reverse("checkpoint", args=[project.slug, row.pk]), row) for row in checkpoints)
    return format_html_join(_(", "), '<a href="{}">{}</a>', pages)


@register.filter
def setting(value: Any) -> str:
    """A stored setting as people write it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return _(", ").join(f"{words(name)} {setting(inner)}" for name, inner in value.items())
    return DASH if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)


@register.filter
def listed(value: Any) -> str:
    """A setting that may be a list."""
    return setting(_(", ").join(map(str, value)) if isinstance(value, list) else value)


@register.filter
def last_turn(messages: list[dict[str, str]]) -> str:
    """What the user asked last."""
    return messages[-1]["content"] if messages else ""


@register.filter
def side(value: float | None) -> str:
    """Which pane a button points at, so that hovering it can light the pane up."""
    return "both" if not value else ("a" if value < 0 else "b")


@register.filter
def key_shown(code: str) -> str:
    """A key as printed on a QWERTY keyboard."""
    return shown_key(code)


@register.filter
def key_table(keys: dict[str, str]) -> list[tuple[str, str, str]]:
    """(action, what it does, key) of everything that a key does."""
    return [(action, _(what), keys[action]) for action, (what, _usual) in ACTIONS.items()]


@register.filter
def sliders(chosen: str) -> list[tuple[str, str, str]]:
    """Two sliders as (letter, field, place); they begin in the middle."""
    left, _, right = chosen.partition("-")
    return [("A", "slider_left", left if right else "50"), ("B", "slider_right", right or "50")]


@register.filter
def rights(codes: Iterable[str]) -> str:
    """What is right about a gold comparison, first answer on the left."""
    return " / ".join(_(RIGHT_WORDS[Right(code)]) for code in codes)


@register.filter
def rights_as_shown(answer: SittingAnswer) -> str:
    """The same about the sides that a rater saw."""
    return rights(rights_shown(answer))


@register.filter
def answered(answer: SittingAnswer) -> str:
    """What a rater said to a question of a sitting."""
    return _(answer.sitting.asking.preset.answer(answer.answer).label)


@register.filter
def said(judgment: Judgment) -> str:
    """What the pressed button said; answers that came with an import show their code."""
    try:
        return _(PRESETS[judgment.preset].allowing(OPTIONAL).answer(judgment.answer).label)
    except KeyError:
        return words(judgment.answer)


@register.simple_tag
def progress_line(progress: Progress) -> SafeString:
    """How far this rater and everybody are. Written here rather than in a template, because every judgment wants it."""
    mine, answered, wanted = progress.answered_by_me, progress.answered, progress.wanted
    return shell(("progress", get_language()), _progress_drawn).filled(
        {
            "max": str(wanted or 1),
            "value": str(answered),
            "mine": _number(mine),
            "answered": _number(answered),
            "wanted": _number(wanted),
        }
    )


def _progress_drawn() -> str:
    mine = _("<strong>%(n)s</strong> by you") % {"n": hole("mine")}
    all_of_us = _("%(answered)s of %(wanted)s in this round") % {"answered": hole("answered"), "wanted": hole("wanted")}
    return format_html(
        '<progress max="{}" value="{}" aria-label="{}"></progress>\n<p>{} · <span>{}</span></p>\n',
        hole("max"), hole("value"), _("Judged in this round"), mark_safe(mine), all_of_us,
    )  # fmt: skip
