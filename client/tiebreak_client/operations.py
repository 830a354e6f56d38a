"""Every operation of the API as a method. Written by write_operations.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tiebreak_client import types
from tiebreak_client.transport import LEFT_OUT, Transport


class Operations(Transport):
    """What can be done. Everything raises Problem where the server refuses."""

    def adjudication(self, slug: str, comparison_id: int) -> types.Adjudication:
        """A pair to decide, blind; once somebody has decided it, with votes and all that is known. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/adjudication/{comparison_id}/")

    def adjudication_add(self, slug: str, comparison_id: int, *, answer: str) -> types.Adjudication:
        """Decide it, or decide it anew; the newest decision stands above the votes in later snapshots. Scope:
        `write`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/adjudication/{comparison_id}/", body={"answer": answer})

    def adjudication_list(self, slug: str) -> types.WaitingQueue:
        """What you may decide: votes that are split or flagged, surprises, and gold that good raters miss. Scope:
        `read`.
        """
        return self._asked("GET", f"/api/v1/projects/{slug}/adjudication/")

    def adjudication_note(self, slug: str, comparison_id: int, *, note: str) -> types.Adjudication:
        """Write down why you decided as you did. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/adjudication/{comparison_id}/note/", body={"note": note})

    def agreement(self, slug: str, *, round: int = LEFT_OUT) -> types.Agreement:
        """Every coefficient: by question, by rater, by pair of raters, by tag and by round. For owners. Scope:
        `read`.
        """
        return self._asked("GET", f"/api/v1/projects/{slug}/agreement/", query={"round": round})

    def assignment(self, slug: str, assignment_id: int) -> types.Assignment:
        """One of your own pairs, to see it again. Scope: `judge`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/judge/assignments/{assignment_id}/")

    def assignment_judge(
        self,
        slug: str,
        assignment_id: int,
        *,
        answer: str,
        criteria: dict[str, str] = LEFT_OUT,
        points: dict[str, types.PointsInput] = LEFT_OUT,
        reasons: list[str] = LEFT_OUT,
        rationale: str = LEFT_OUT,
        edit_left: str = LEFT_OUT,
        edit_right: str = LEFT_OUT,
        flags: list[Literal["unsafe", "personal", "broken", "author", "language", "cannot"]] = LEFT_OUT,
        seconds: float = LEFT_OUT,
        key: str = LEFT_OUT,
        protocol: int | None = LEFT_OUT,
    ) -> types.Given:
        """Answer a pair that you hold, or correct your answer while the round collects. Scope: `judge`."""
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/judge/assignments/{assignment_id}/judge/",
            body={
                "answer": answer,
                "criteria": criteria,
                "points": points,
                "reasons": reasons,
                "rationale": rationale,
                "edit_left": edit_left,
                "edit_right": edit_right,
                "flags": flags,
                "seconds": seconds,
                "key": key,
                "protocol": protocol,
            },
        )

    def assignment_skip(
        self,
        slug: str,
        assignment_id: int,
        *,
        flags: list[Literal["unsafe", "personal", "broken", "author", "language", "cannot"]] = LEFT_OUT,
    ) -> None:
        """Pass on a pair, and say what is wrong with it, or not. Scope: `judge`."""
        self._asked("POST", f"/api/v1/projects/{slug}/judge/assignments/{assignment_id}/skip/", body={"flags": flags})

    def checked_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Checked]:
        """Who was checked, is paused or is excluded: who is stopped first, then by name. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/checks/raters/", query={"limit": limit})

    def checkpoint(self, slug: str, checkpoint_id: int) -> types.Checkpoint:
        """One checkpoint. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/")

    def checkpoint_card(self, slug: str, checkpoint_id: int) -> types.CheckpointCard:
        """The README.md that travels with the weights: what they are, where they come from, what was measured.
        Scope: `read`.
        """
        return self._asked("GET", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/card/")

    def checkpoint_download(self, slug: str, checkpoint_id: int, to: str | Path) -> Path:
        """The folder as an archive: it loads in peft or transformers as it is. For owners. Scope: `export`."""
        return self._saved(f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/download/", to)

    def checkpoint_list(
        self,
        slug: str,
        *,
        kind: Literal["policy", "reward"] = LEFT_OUT,
        limit: int = LEFT_OUT,
        state: Literal["candidate", "promoted", "retired"] = LEFT_OUT,
    ) -> Iterator[types.Checkpoint]:
        """The checkpoints of a project, newest first. Scope: `read`."""
        return self._pages(
            f"/api/v1/projects/{slug}/checkpoints/", query={"kind": kind, "limit": limit, "state": state}
        )

    def checkpoint_merge(self, slug: str, checkpoint_id: int) -> types.Run:
        """Have the whole weights made of base model and adapter; the run says when they are there. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/merged/")

    def checkpoint_merged_download(self, slug: str, checkpoint_id: int, to: str | Path) -> Path:
        """The whole weights as an archive, once they are made. For owners. Scope: `export`."""
        return self._saved(f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/merged/download/", to)

    def checkpoint_merged_remove(self, slug: str, checkpoint_id: int) -> None:
        """Remove the whole weights; they can be made again at any time. Scope: `train`."""
        self._asked("POST", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/merged/remove/")

    def checkpoint_promote(self, slug: str, checkpoint_id: int) -> types.Checkpoint:
        """Make this the policy that the next round starts from; the one before retires. This also rolls back.
        Scope: `train`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/promote/")

    def checkpoint_push(
        self,
        slug: str,
        checkpoint_id: int,
        *,
        repo: str,
        weights: Literal["trained", "merged"] = LEFT_OUT,
        private: bool = LEFT_OUT,
    ) -> types.Run:
        """Have weights sent to the hub of this server, as one commit with the card; the run says when they are
        there. Scope: `export`.
        """
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/push/",
            body={"repo": repo, "weights": weights, "private": private},
        )

    def checkpoint_retire(self, slug: str, checkpoint_id: int) -> types.Checkpoint:
        """Turn a candidate down. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/checkpoints/{checkpoint_id}/retire/")

    def checks(self, slug: str) -> types.Checks:
        """How the project checks its raters. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/checks/")

    def checks_change(
        self,
        slug: str,
        *,
        gold: float = LEFT_OUT,
        repeat: float = LEFT_OUT,
        swap: float = LEFT_OUT,
        min_seconds: float = LEFT_OUT,
        gold_least: float | None = LEFT_OUT,
        gold_after: int = LEFT_OUT,
        consistency_least: float | None = LEFT_OUT,
        consistency_after: int = LEFT_OUT,
        fast_most: float | None = LEFT_OUT,
        fast_after: int = LEFT_OUT,
    ) -> types.Checks:
        """Change rules, from the next pair on; what is left out stays as it is. Scope: `write`."""
        return self._asked(
            "PATCH",
            f"/api/v1/projects/{slug}/checks/",
            body={
                "gold": gold,
                "repeat": repeat,
                "swap": swap,
                "min_seconds": min_seconds,
                "gold_least": gold_least,
                "gold_after": gold_after,
                "consistency_least": consistency_least,
                "consistency_after": consistency_after,
                "fast_most": fast_most,
                "fast_after": fast_after,
            },
        )

    def checks_pausing(self, slug: str) -> types.Checks:
        """You have looked at why so many were paused: pause raters by themselves again. Scope: `people`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/checks/pausing/")

    def comparison(self, slug: str, comparison_id: int) -> types.Comparison:
        """One comparison. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/comparisons/{comparison_id}/")

    def comparison_list(
        self,
        slug: str,
        number: int,
        *,
        is_complete: bool | None = LEFT_OUT,
        is_set_aside: bool | None = LEFT_OUT,
        limit: int = LEFT_OUT,
        prompt: int = LEFT_OUT,
    ) -> Iterator[types.Comparison]:
        """The comparisons of a round, in the order of their making. Scope: `read`."""
        return self._pages(
            f"/api/v1/projects/{slug}/rounds/{number}/comparisons/",
            query={"is_complete": is_complete, "is_set_aside": is_set_aside, "limit": limit, "prompt": prompt},
        )

    def comparison_put_back(self, slug: str, comparison_id: int) -> types.Comparison:
        """Let it be judged and learnt from again; its flags so far are settled. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/comparisons/{comparison_id}/put-back/")

    def comparison_set_aside(self, slug: str, comparison_id: int) -> types.Comparison:
        """Show it to nobody and leave it out of snapshots; its judgments stay. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/comparisons/{comparison_id}/set-aside/")

    def dataset(self, slug: str, version: int) -> types.Dataset:
        """One dataset: what it was made by, how far it is, and what it holds. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/datasets/{version}/")

    def dataset_add(
        self,
        slug: str,
        *,
        shape: Literal["preference", "reward", "unpaired", "sft", "triples", "prompts", "judgments", "battles"],
        file_format: Literal["jsonl", "parquet", "csv"] = LEFT_OUT,
        filters: types.Filters = LEFT_OUT,
    ) -> types.Dataset:
        """Let a worker write the next version, as of now. Scope: `export`."""
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/datasets/",
            body={"shape": shape, "file_format": file_format, "filters": filters},
        )

    def dataset_difference(self, slug: str, version: int, *, earlier: int = LEFT_OUT) -> types.Difference:
        """How it differs from an earlier version of the same shape, in rows. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/datasets/{version}/difference/", query={"earlier": earlier})

    def dataset_download(self, slug: str, version: int, to: str | Path) -> Path:
        """The folder as an archive: rows of both splits, data card, manifest, guidelines. Scope: `export`."""
        return self._saved(f"/api/v1/projects/{slug}/datasets/{version}/download/", to)

    def dataset_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Dataset]:
        """The datasets of a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/datasets/", query={"limit": limit})

    def dataset_send(self, slug: str, version: int, *, limit: int = LEFT_OUT) -> Iterator[types.Sending]:
        """Where it was sent, the newest first; and sending it to the hub or the storage of this server. Scope:
        `read`.
        """
        return self._pages(f"/api/v1/projects/{slug}/datasets/{version}/send/", query={"limit": limit})

    def dataset_send_add(
        self,
        slug: str,
        version: int,
        *,
        depot: Literal["hub", "storage"],
        repo: str = LEFT_OUT,
        private: bool = LEFT_OUT,
    ) -> types.Sending:
        """Where it was sent, the newest first; and sending it to the hub or the storage of this server. Scope:
        `export`.
        """
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/datasets/{version}/send/",
            body={"depot": depot, "repo": repo, "private": private},
        )

    def dataset_start(self, slug: str, version: int) -> types.Dataset:
        """Begin again what broke or was stopped. Scope: `export`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/datasets/{version}/start/")

    def dataset_stop(self, slug: str, version: int) -> types.Dataset:
        """Stop it; nothing of it is kept. Scope: `export`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/datasets/{version}/stop/")

    def delivery_again(self, slug: str, webhook_id: int, delivery_id: int) -> None:
        """Send it once more, now; the message id stays the same. Scope: `write`."""
        self._asked("POST", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/deliveries/{delivery_id}/again/")

    def delivery_list(
        self,
        slug: str,
        webhook_id: int,
        *,
        limit: int = LEFT_OUT,
        state: Literal["waiting", "delivered", "given_up"] = LEFT_OUT,
    ) -> Iterator[types.Delivery]:
        """The log of a webhook, newest first; it goes back a month. Scope: `read`."""
        return self._pages(
            f"/api/v1/projects/{slug}/webhooks/{webhook_id}/deliveries/", query={"limit": limit, "state": state}
        )

    def entrance(self, slug: str) -> types.Entrance:
        """The guideline that you are to read, and what is asked about a pair. Scope: `judge`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/judge/")

    def entrance_content(self, slug: str, *, content: Literal["accepted", "declined"]) -> None:
        """Whether you want to see what the project warns about. Scope: `judge`."""
        self._asked("POST", f"/api/v1/projects/{slug}/judge/content/", body={"content": content})

    def exam(self, slug: str) -> types.Sitting:
        """Begin an attempt at the exam, or go on with it. Scope: `judge`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/judge/exam/")

    def flag_list(
        self,
        slug: str,
        *,
        comparison: int = LEFT_OUT,
        kind: Literal["unsafe", "personal", "broken", "author", "language", "cannot"] = LEFT_OUT,
        limit: int = LEFT_OUT,
    ) -> Iterator[types.Flag]:
        """Flags that nobody has settled yet, newest first. Scope: `read`."""
        return self._pages(
            f"/api/v1/projects/{slug}/flags/", query={"comparison": comparison, "kind": kind, "limit": limit}
        )

    def gold_add(
        self,
        slug: str,
        *,
        use: Literal["example", "practice", "exam", "check"],
        messages: list[types.Turn],
        first: str,
        second: str,
        right: list[Literal["first", "second", "tie", "both_good", "both_bad", "cannot_judge"]],
        explanation: str,
    ) -> types.Gold:
        """Write gold down; a hidden check stands in the collecting round at once. Scope: `write`."""
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/gold/",
            body={
                "use": use,
                "messages": messages,
                "first": first,
                "second": second,
                "right": right,
                "explanation": explanation,
            },
        )

    def gold_list(
        self,
        slug: str,
        *,
        is_retired: bool | None = LEFT_OUT,
        limit: int = LEFT_OUT,
        use: Literal["example", "practice", "exam", "check"] = LEFT_OUT,
    ) -> Iterator[types.Gold]:
        """All gold, newest first, retired ones too. Scope: `read`."""
        return self._pages(
            f"/api/v1/projects/{slug}/gold/", query={"is_retired": is_retired, "limit": limit, "use": use}
        )

    def gold_missed_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.GoldMissed]:
        """Hidden checks that are in use, the most often missed first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/checks/gold/", query={"limit": limit})

    def gold_retire(self, slug: str, gold_id: int) -> types.Gold:
        """Ask it no more; rounds and exams that asked it keep it. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/gold/{gold_id}/retire/")

    def guideline_acknowledge(self, slug: str, version: int) -> None:
        """Say that you have read this version of the guideline. Scope: `judge`."""
        self._asked("POST", f"/api/v1/projects/{slug}/judge/guidelines/{version}/read/")

    def guideline_add(self, slug: str, *, text: str, must_read: bool = LEFT_OUT) -> types.Guideline:
        """Publish the next version; the same text again changes nothing. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/guidelines/", body={"text": text, "must_read": must_read})

    def guideline_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Guideline]:
        """All versions of the guideline, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/guidelines/", query={"limit": limit})

    def hours_list(
        self, slug: str, *, first: str = LEFT_OUT, last: str = LEFT_OUT, limit: int = LEFT_OUT
    ) -> Iterator[types.Hours]:
        """Hours of work by person and day, both days included, for pay. For owners. Scope: `export`."""
        return self._pages(
            f"/api/v1/projects/{slug}/numbers/hours/", query={"first": first, "last": last, "limit": limit}
        )

    def import_(self, slug: str, import_id: int) -> types.ImportSample:
        """One import: how it is read, how far it is, and what came of it. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/imports/{import_id}/")

    def import_add(self, slug: str, file: BinaryIO, *, name: str = LEFT_OUT) -> types.ImportSample:
        """Keep a file and look at its first rows; start it when what was understood is right. The body is the file.
        Scope: `write`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/imports/", file=file, query={"name": name})

    def import_errors(self, slug: str, import_id: int, to: str | Path) -> Path:
        """The rows that did not fit, as JSON lines: where each stands, and why. Scope: `read`."""
        return self._saved(f"/api/v1/projects/{slug}/imports/{import_id}/errors/", to)

    def import_from_hub(self, slug: str, *, dataset: str) -> types.Import:
        """Let a worker fetch a data set from the hub of this server; when that is done, see what was understood.
        Scope: `write`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/imports/from-hub/", body={"dataset": dataset})

    def import_from_server(self, slug: str, *, name: str) -> types.ImportSample:
        """Look at a file or folder that lies on the server, where it stays. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/imports/from-server/", body={"name": name})

    def import_list(
        self,
        slug: str,
        *,
        limit: int = LEFT_OUT,
        state: Literal[
            "fetching", "uploaded", "recognised", "waiting", "reading", "imported", "broken", "stopped"
        ] = LEFT_OUT,
    ) -> Iterator[types.Import]:
        """What was brought into a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/imports/", query={"limit": limit, "state": state})

    def import_read_as(
        self,
        slug: str,
        import_id: int,
        *,
        format: Literal[
            "columns",
            "tiebreak",
            "triples",
            "oasst",
            "label_studio",
            "argilla",
            "openai",
            "arena",
            "alpaca_eval",
            "pandalm",
            "helpsteer",
            "hh",
            "sharegpt",
            "questions",
            "scores",
            "pairs",
            "trl",
            "instructions",
            "llmfao",
            "alpaca_eval_folder",
            "mt_bench_folder",
            "ukpconvarg_folder",
        ],
        columns: dict[str, str] = LEFT_OUT,
    ) -> types.ImportSample:
        """Say how to read it, and look at it again; not once it has started. Scope: `write`."""
        return self._asked(
            "POST", f"/api/v1/projects/{slug}/imports/{import_id}/read-as/", body={"format": format, "columns": columns}
        )

    def import_start(self, slug: str, import_id: int, *, license: str = LEFT_OUT) -> types.Import:
        """Let a worker read it, from the first row or behind the last one that is in. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/imports/{import_id}/start/", body={"license": license})

    def import_stop(self, slug: str, import_id: int) -> types.Import:
        """Stop it; what is in stays in. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/imports/{import_id}/stop/")

    def invitation_add(
        self, slug: str, *, role: Literal["owner", "reviewer", "rater"] = LEFT_OUT, days: int = LEFT_OUT
    ) -> types.InvitationMade:
        """Invite somebody: send them the link, which is told here and nowhere else. Scope: `people`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/invitations/", body={"role": role, "days": days})

    def invitation_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Invitation]:
        """Invitations that nobody has used yet and that have not run out, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/invitations/", query={"limit": limit})

    def judge_alive(self, slug: str) -> None:
        """You are still reading: what you hold stays yours, its lease begins anew. Scope: `judge`."""
        self._asked("POST", f"/api/v1/projects/{slug}/judge/alive/")

    def judge_next(self, slug: str) -> types.Next:
        """Take the next pair, or the one that you hold already; or learn why there is none. Scope: `judge`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/judge/next/")

    def judgment_list(
        self,
        slug: str,
        number: int,
        *,
        comparison: int = LEFT_OUT,
        is_current: bool | None = LEFT_OUT,
        limit: int = LEFT_OUT,
        rater: str = LEFT_OUT,
    ) -> Iterator[types.Judgment]:
        """The judgments of a round, in the order of their making; answers to hidden checks are none. Scope:
        `export`.
        """
        return self._pages(
            f"/api/v1/projects/{slug}/rounds/{number}/judgments/",
            query={"comparison": comparison, "is_current": is_current, "limit": limit, "rater": rater},
        )

    def judgment_mine_add(self, slug: str, rows: Sequence[types.JudgmentMineListInput]) -> list[types.RowResult]:
        """Answer many pairs that you hold: a list, or JSON lines. Each row is answered by itself. Scope: `judge`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/judge/judgments/", body=list(rows))

    def judgment_mine_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Given]:
        """What you said in this project, newest first; answers that you corrected later too. POST sends many at
        once. Scope: `judge`.
        """
        return self._pages(f"/api/v1/projects/{slug}/judge/judgments/", query={"limit": limit})

    def leaderboard(
        self,
        slug: str,
        *,
        anchor: Literal["mean", "base"] = LEFT_OUT,
        first_round: int = LEFT_OUT,
        last_round: int = LEFT_OUT,
        style: bool = LEFT_OUT,
        tag: str = LEFT_OUT,
        ties: Literal["half", "davidson", "dropped"] = LEFT_OUT,
    ) -> types.Leaderboard:
        """Ratings with intervals, the ranks that judgments leave open, and how few judgments carry the order.
        Scope: `read`.
        """
        return self._asked(
            "GET",
            f"/api/v1/projects/{slug}/leaderboard/",
            query={
                "anchor": anchor,
                "first_round": first_round,
                "last_round": last_round,
                "style": style,
                "tag": tag,
                "ties": ties,
            },
        )

    def lease_list(self, slug: str, number: int, *, limit: int = LEFT_OUT) -> Iterator[types.Lease]:
        """Who holds what in a round right now. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/rounds/{number}/leases/", query={"limit": limit})

    def lease_release(self, slug: str, number: int, assignment_id: int) -> None:
        """Free the slot of somebody who holds a comparison. Scope: `write`."""
        self._asked("POST", f"/api/v1/projects/{slug}/rounds/{number}/leases/{assignment_id}/release/")

    def member(self, slug: str, member_id: int) -> types.Member:
        """One member. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/members/{member_id}/")

    def member_attempt(self, slug: str, member_id: int) -> types.Member:
        """Grant one more attempt at the exam. Scope: `people`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/members/{member_id}/attempt/")

    def member_change(
        self,
        slug: str,
        member_id: int,
        *,
        role: Literal["owner", "reviewer", "rater"] = LEFT_OUT,
        groups: list[str] = LEFT_OUT,
    ) -> types.Member:
        """Change role or groups; what is left out stays as it is. Scope: `people`."""
        return self._asked(
            "PATCH", f"/api/v1/projects/{slug}/members/{member_id}/", body={"role": role, "groups": groups}
        )

    def member_exclude(self, slug: str, member_id: int) -> types.Member:
        """Give them no more pairs and learn nothing from their judgments, which stay where they are. Scope:
        `people`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/members/{member_id}/exclude/")

    def member_include(self, slug: str, member_id: int) -> types.Member:
        """Learn from their judgments again, and let them judge. Scope: `people`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/members/{member_id}/include/")

    def member_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Member]:
        """The people of a project, by name. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/members/", query={"limit": limit})

    def member_remove(self, slug: str, member_id: int) -> None:
        """Take them out of the project; their judgments stay. Scope: `people`."""
        self._asked("DELETE", f"/api/v1/projects/{slug}/members/{member_id}/")

    def member_resume(self, slug: str, member_id: int) -> types.Member:
        """Let a paused rater go on; their checks are counted anew from now. Scope: `people`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/members/{member_id}/resume/")

    def practice(self, slug: str) -> types.Sitting:
        """Begin to practise, or go on: gold whose answer is explained at once. Scope: `judge`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/judge/practice/")

    def project(self, slug: str) -> types.Project:
        """One project with its settings. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/")

    def project_add(
        self,
        *,
        name: str,
        slug: str,
        description: str = LEFT_OUT,
        overlap: int = LEFT_OUT,
        overlap_share: float = LEFT_OUT,
        lease_minutes: int = LEFT_OUT,
        prompts_per_round: int = LEFT_OUT,
        comparisons_per_prompt: int = LEFT_OUT,
        auto_promote: bool = LEFT_OUT,
        flags_to_set_aside: int = LEFT_OUT,
        content_warning: str = LEFT_OUT,
        is_blurred: bool = LEFT_OUT,
        exam_questions: int = LEFT_OUT,
        exam_pass_share: float = LEFT_OUT,
        exam_attempts: int = LEFT_OUT,
        exam_again: bool = LEFT_OUT,
        launch_at_judgments: int | None = LEFT_OUT,
        launch_every_hours: int | None = LEFT_OUT,
        base_model: str = LEFT_OUT,
        preset: Literal[
            "arena", "five_point", "forced_choice", "helpsteer", "hh", "llama2", "prism", "webgpt"
        ] = LEFT_OUT,
        guideline: str = LEFT_OUT,
    ) -> types.Project:
        """Start a project; you are its owner. Only people marked as staff may. Scope: `write`."""
        return self._asked(
            "POST",
            "/api/v1/projects/",
            body={
                "name": name,
                "description": description,
                "overlap": overlap,
                "overlap_share": overlap_share,
                "lease_minutes": lease_minutes,
                "prompts_per_round": prompts_per_round,
                "comparisons_per_prompt": comparisons_per_prompt,
                "auto_promote": auto_promote,
                "flags_to_set_aside": flags_to_set_aside,
                "content_warning": content_warning,
                "is_blurred": is_blurred,
                "exam_questions": exam_questions,
                "exam_pass_share": exam_pass_share,
                "exam_attempts": exam_attempts,
                "exam_again": exam_again,
                "launch_at_judgments": launch_at_judgments,
                "launch_every_hours": launch_every_hours,
                "slug": slug,
                "base_model": base_model,
                "preset": preset,
                "guideline": guideline,
            },
        )

    def project_change(
        self,
        slug: str,
        *,
        name: str = LEFT_OUT,
        description: str = LEFT_OUT,
        overlap: int = LEFT_OUT,
        overlap_share: float = LEFT_OUT,
        lease_minutes: int = LEFT_OUT,
        prompts_per_round: int = LEFT_OUT,
        comparisons_per_prompt: int = LEFT_OUT,
        auto_promote: bool = LEFT_OUT,
        flags_to_set_aside: int = LEFT_OUT,
        content_warning: str = LEFT_OUT,
        is_blurred: bool = LEFT_OUT,
        exam_questions: int = LEFT_OUT,
        exam_pass_share: float = LEFT_OUT,
        exam_attempts: int = LEFT_OUT,
        exam_again: bool = LEFT_OUT,
        launch_at_judgments: int | None = LEFT_OUT,
        launch_every_hours: int | None = LEFT_OUT,
    ) -> types.Project:
        """Change settings; what is left out stays as it is. Scope: `write`."""
        return self._asked(
            "PATCH",
            f"/api/v1/projects/{slug}/",
            body={
                "name": name,
                "description": description,
                "overlap": overlap,
                "overlap_share": overlap_share,
                "lease_minutes": lease_minutes,
                "prompts_per_round": prompts_per_round,
                "comparisons_per_prompt": comparisons_per_prompt,
                "auto_promote": auto_promote,
                "flags_to_set_aside": flags_to_set_aside,
                "content_warning": content_warning,
                "is_blurred": is_blurred,
                "exam_questions": exam_questions,
                "exam_pass_share": exam_pass_share,
                "exam_attempts": exam_attempts,
                "exam_again": exam_again,
                "launch_at_judgments": launch_at_judgments,
                "launch_every_hours": launch_every_hours,
            },
        )

    def project_list(self, *, limit: int = LEFT_OUT) -> Iterator[types.Membership]:
        """The projects that you are in, whatever your role. Scope: `read`."""
        return self._pages("/api/v1/projects/", query={"limit": limit})

    def prompt(self, slug: str, prompt_id: int) -> types.Prompt:
        """One prompt. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/prompts/{prompt_id}/")

    def prompt_add(self, slug: str, rows: Sequence[types.PromptListInput]) -> list[types.RowResult]:
        """Add prompts: a list, or JSON lines. Each row is answered: added, known already, or why it does not fit.
        Scope: `write`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/prompts/", body=list(rows))

    def prompt_list(
        self, slug: str, *, limit: int = LEFT_OUT, split: Literal["train", "holdout"] = LEFT_OUT, words: str = LEFT_OUT
    ) -> Iterator[types.Prompt]:
        """The prompts of a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/prompts/", query={"limit": limit, "split": split, "words": words})

    def prompt_response_list(self, slug: str, prompt_id: int, *, limit: int = LEFT_OUT) -> Iterator[types.Response]:
        """All answers to a prompt, newest first, with who wrote them. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/prompts/{prompt_id}/responses/", query={"limit": limit})

    def protocol_add(
        self,
        slug: str,
        *,
        preset: Literal["arena", "five_point", "forced_choice", "helpsteer", "hh", "llama2", "prism", "webgpt"],
        outcomes: list[Literal["tie", "both_good", "both_bad", "cannot_judge"]] | None = LEFT_OUT,
        criteria: list[types.Criterion] = LEFT_OUT,
        ratings: list[str] = LEFT_OUT,
        reason: Literal["off", "optional", "required"] = LEFT_OUT,
        reason_min: int = LEFT_OUT,
        reasons: list[str] = LEFT_OUT,
        edit: bool = LEFT_OUT,
    ) -> types.Protocol:
        """Ask in this way from the next pair on; the same again changes nothing. Scope: `write`."""
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/protocols/",
            body={
                "preset": preset,
                "outcomes": outcomes,
                "criteria": criteria,
                "ratings": ratings,
                "reason": reason,
                "reason_min": reason_min,
                "reasons": reasons,
                "edit": edit,
            },
        )

    def protocol_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Protocol]:
        """All versions of the protocol, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/protocols/", query={"limit": limit})

    def quality(self, slug: str, *, round: int = LEFT_OUT) -> types.Quality:
        """Agreement, side bias, ties and time of the newest judgments, and of the busiest raters. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/quality/", query={"round": round})

    def queue(self, slug: str) -> types.Queue:
        """The settings of the queue, the groups of the project, and whose answers may meet. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/queue/")

    def queue_change(
        self,
        slug: str,
        *,
        strategy: dict[str, float] = LEFT_OUT,
        informative_by: Literal["ranking", "disagreement"] = LEFT_OUT,
        control_share: float = LEFT_OUT,
        adaptive_most: int | None = LEFT_OUT,
        adaptive_certainty: float = LEFT_OUT,
        daily_quota: int | None = LEFT_OUT,
        tag_rules: list[types.Rule] = LEFT_OUT,
    ) -> types.Queue:
        """Change settings; what is left out stays as it is. A worker places what is collected by new rules. Scope:
        `write`.
        """
        return self._asked(
            "PATCH",
            f"/api/v1/projects/{slug}/queue/",
            body={
                "strategy": strategy,
                "informative_by": informative_by,
                "control_share": control_share,
                "adaptive_most": adaptive_most,
                "adaptive_certainty": adaptive_certainty,
                "daily_quota": daily_quota,
                "tag_rules": tag_rules,
            },
        )

    def queue_first(self, slug: str, *, one: types.Author, other: types.Author, priority: int) -> types.Moved:
        """Put what compares two authors before, or behind, the rest of the collecting round. Scope: `write`."""
        return self._asked(
            "POST", f"/api/v1/projects/{slug}/queue/first/", body={"one": one, "other": other, "priority": priority}
        )

    def queue_wanted(self, slug: str, *, wanted: int) -> types.Moved:
        """How many judgments each comparison of the collecting round gets; what is held or answered already stays.
        Scope: `write`.
        """
        return self._asked("POST", f"/api/v1/projects/{slug}/queue/wanted/", body={"wanted": wanted})

    def rater_list(
        self,
        slug: str,
        *,
        by: Literal["judgments", "skips", "seconds", "pace", "left", "last", "name"] = LEFT_OUT,
        limit: int = LEFT_OUT,
    ) -> Iterator[types.Rater]:
        """What each person did; each order goes from most to least, names by the alphabet. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/numbers/raters/", query={"by": by, "limit": limit})

    def rater_release(self, slug: str, user_id: int) -> types.Released:
        """Give back to the queue all that this person holds. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/numbers/raters/{user_id}/release/")

    def response_list(self, slug: str, rows: Sequence[types.ResponseListInput]) -> list[types.RowResult]:
        """Add answers to prompts: a list, or JSON lines. Each row is answered by itself. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/responses/", body=list(rows))

    def round(self, slug: str, number: int) -> types.Round:
        """One round. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/rounds/{number}/")

    def round_abandon(self, slug: str, number: int) -> types.Round:
        """Give a round up: its runs are cancelled, its judgments stay. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/rounds/{number}/abandon/")

    def round_add(self, slug: str) -> types.Round:
        """Begin the next round: the policies write its answers. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/rounds/")

    def round_launch(
        self,
        slug: str,
        number: int,
        *,
        preset: Literal["quick", "standard", "thorough"] = LEFT_OUT,
        settings: dict[str, Any] = LEFT_OUT,
    ) -> types.Round:
        """Launch a collecting round: a preset, and settings that differ from it. Scope: `train`."""
        return self._asked(
            "POST", f"/api/v1/projects/{slug}/rounds/{number}/launch/", body={"preset": preset, "settings": settings}
        )

    def round_list(
        self,
        slug: str,
        *,
        limit: int = LEFT_OUT,
        state: Literal["draft", "collecting", "frozen", "training", "evaluated", "closed", "abandoned"] = LEFT_OUT,
    ) -> Iterator[types.Round]:
        """The rounds of a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/rounds/", query={"limit": limit, "state": state})

    def round_progress(self, slug: str, number: int) -> types.Progress:
        """How far the judging of a round is. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/rounds/{number}/progress/")

    def round_queue(self, slug: str, number: int) -> types.QueueHealth:
        """Where the queue of a round stands, who holds what, and when it will be done. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/rounds/{number}/queue/")

    def round_retry(self, slug: str, number: int) -> types.Run:
        """Queue the stage again that failed or was cancelled. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/rounds/{number}/retry/")

    def run(self, slug: str, run_id: int) -> types.Run:
        """One run: its state, and its report once it succeeded. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/runs/{run_id}/")

    def run_cancel(self, slug: str, run_id: int) -> types.Run:
        """Cancel a live run; its process stops within seconds. Scope: `train`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/runs/{run_id}/cancel/")

    def run_event_list(
        self, slug: str, run_id: int, *, kind: str = LEFT_OUT, limit: int = LEFT_OUT
    ) -> Iterator[types.RunEvent]:
        """What a run said, oldest first: ask again behind the last one to follow it. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/runs/{run_id}/events/", query={"kind": kind, "limit": limit})

    def run_list(
        self,
        slug: str,
        *,
        kind: Literal["sft", "reward", "dpo", "evaluate", "generate", "score", "merge", "push"] = LEFT_OUT,
        limit: int = LEFT_OUT,
        state: Literal["queued", "running", "succeeded", "failed", "cancelled"] = LEFT_OUT,
    ) -> Iterator[types.Run]:
        """The runs of a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/runs/", query={"kind": kind, "limit": limit, "state": state})

    def server_file_list(self, slug: str) -> types.ServerFiles:
        """Files and folders that lie on the server and can be imported without sending them. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/imports/server-files/")

    def sitting(self, slug: str, sitting_id: int) -> types.Sitting:
        """One of your own sittings, with the question that is open. Scope: `judge`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/judge/sittings/{sitting_id}/")

    def sitting_answer(
        self, slug: str, sitting_id: int, *, number: int, answer: str, seconds: float = LEFT_OUT
    ) -> types.Answered:
        """Answer a question, once; in practice you hear what is right, and why. Scope: `judge`."""
        return self._asked(
            "POST",
            f"/api/v1/projects/{slug}/judge/sittings/{sitting_id}/answer/",
            body={"number": number, "answer": answer, "seconds": seconds},
        )

    def snapshot(self, slug: str, version: int) -> types.Snapshot:
        """One snapshot. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/snapshots/{version}/")

    def snapshot_download(self, slug: str, version: int, to: str | Path) -> Path:
        """The folder as an archive: rows, manifest, digests. Scope: `export`."""
        return self._saved(f"/api/v1/projects/{slug}/snapshots/{version}/download/", to)

    def snapshot_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Snapshot]:
        """The snapshots of a project, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/snapshots/", query={"limit": limit})

    def throughput(self, slug: str, *, span: Literal["day", "week", "month", "all"] = LEFT_OUT) -> types.Throughput:
        """Judgments, skips and people, hour by hour or day by day. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/numbers/throughput/", query={"span": span})

    def trend(self, slug: str, *, by: Literal["day", "number"] = LEFT_OUT) -> types.Trend:
        """Whether raters come to agree more, or less. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/numbers/trend/", query={"by": by})

    def value(self, slug: str) -> types.Value:
        """What judgments bought so far, and what another thousand would add. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/numbers/value/")

    def webhook(self, slug: str, webhook_id: int) -> types.Webhook:
        """One webhook. Scope: `read`."""
        return self._asked("GET", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/")

    def webhook_add(
        self,
        slug: str,
        *,
        url: str,
        kinds: list[
            Literal[
                "judgment.stored",
                "round.opened",
                "round.frozen",
                "round.evaluated",
                "round.closed",
                "round.abandoned",
                "run.finished",
                "run.failed",
                "snapshot.made",
                "checkpoint.registered",
                "checkpoint.promoted",
                "rater.paused",
            ]
        ],
    ) -> types.WebhookSecret:
        """Tell one more; its secret is told here and nowhere else. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/webhooks/", body={"url": url, "kinds": kinds})

    def webhook_change(
        self,
        slug: str,
        webhook_id: int,
        *,
        url: str = LEFT_OUT,
        kinds: list[
            Literal[
                "judgment.stored",
                "round.opened",
                "round.frozen",
                "round.evaluated",
                "round.closed",
                "round.abandoned",
                "run.finished",
                "run.failed",
                "snapshot.made",
                "checkpoint.registered",
                "checkpoint.promoted",
                "rater.paused",
            ]
        ] = LEFT_OUT,
    ) -> types.Webhook:
        """Change address or kinds; what is left out stays as it is. Scope: `write`."""
        return self._asked(
            "PATCH", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/", body={"url": url, "kinds": kinds}
        )

    def webhook_go_on(self, slug: str, webhook_id: int) -> types.Webhook:
        """Tell it again, beginning with what still waits. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/go-on/")

    def webhook_list(self, slug: str, *, limit: int = LEFT_OUT) -> Iterator[types.Webhook]:
        """Whom the project tells, newest first. Scope: `read`."""
        return self._pages(f"/api/v1/projects/{slug}/webhooks/", query={"limit": limit})

    def webhook_remove(self, slug: str, webhook_id: int) -> None:
        """Forget address, secret and log. Scope: `write`."""
        self._asked("DELETE", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/")

    def webhook_secret(self, slug: str, webhook_id: int) -> types.WebhookSecret:
        """A new secret; the old one signs beside it for a day. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/secret/")

    def webhook_stop(self, slug: str, webhook_id: int) -> types.Webhook:
        """Tell it nothing more; what waits goes on waiting. Scope: `write`."""
        return self._asked("POST", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/stop/")

    def webhook_test(self, slug: str, webhook_id: int) -> None:
        """Send it something that means nothing; the log shows how it went. Scope: `write`."""
        self._asked("POST", f"/api/v1/projects/{slug}/webhooks/{webhook_id}/test/")
