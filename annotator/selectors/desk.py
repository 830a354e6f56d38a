"""All that the judgment page knows around the pair, in one statement."""

from __future__ import annotations

from dataclasses import dataclass

from annotator.models import Guideline, Member, Protocol
from annotator.selectors.entrance import Entrance, Standing, entrance_of
from annotator.selectors.kept import guideline_kept, protocol_kept
from annotator.selectors.queue import Progress, answered_seen
from annotator.sql import Question

STATEMENT = """
SELECT (SELECT id FROM annotator_protocol WHERE project_id = m.project_id ORDER BY version DESC LIMIT 1),
       (SELECT id FROM annotator_guideline WHERE project_id = m.project_id ORDER BY version DESC LIMIT 1),
       (SELECT g.id FROM annotator_guideline g JOIN annotator_acknowledgement a ON a.guideline_id = g.id
         WHERE g.project_id = m.project_id AND a.user_id = m.user_id ORDER BY g.version DESC LIMIT 1),
       (SELECT max(version) FROM annotator_guideline WHERE project_id = m.project_id AND must_read),
       r.id, r.state, t.answered, t.wanted,
       h.answered, h.checks,
       CASE WHEN %(is_counted)s THEN
            (SELECT sum(h.answered) FROM annotator_raterhour h JOIN annotator_round hr ON hr.id = h.round_id
              WHERE h.rater_id = m.user_id AND hr.project_id = m.project_id
                AND h.hour >= date_trunc('day', now(), 'UTC')) END
  FROM annotator_member m
  LEFT JOIN LATERAL (SELECT id, state FROM annotator_round
                      WHERE project_id = m.project_id AND state <> 'abandoned' ORDER BY number DESC LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT sum(answered) AS answered, sum(wanted) AS wanted
                       FROM annotator_roundtally WHERE round_id = r.id) t ON true
  LEFT JOIN LATERAL (SELECT sum(answered) AS answered, sum(checks) AS checks
                       FROM annotator_raterhour WHERE rater_id = m.user_id AND round_id = r.id) h ON true
 WHERE m.id = %(member)s
"""


@dataclass(frozen=True)
class Desk:
    """Where a member sits: what is asked, what they must have read, how far everybody is."""

    protocol: Protocol
    guideline: Guideline | None
    entrance: Entrance
    progress: Progress


def desk_asked(member: Member) -> Question:
    """What `desk_of` asks, to go along with something else."""
    return Question(STATEMENT, {"member": member.pk, "is_counted": member.project.daily_quota is not None})


def desk_of(member: Member, asked: Question | None = None) -> Desk:
    """asked: `desk_asked`, where it went along with something else."""
    [found] = (asked or desk_asked(member)).rows()
    protocol, guideline, read, must_read, round, state, answered, wanted, mine, checks, today = found
    its_protocol = protocol_kept(protocol)
    assert its_protocol  # every project has had one since it was made
    newest = guideline_kept(guideline) if guideline else None
    standing = Standing(newest, guideline_kept(read) if read else None, must_read or 0, int(today or 0))
    return Desk(
        protocol=its_protocol,
        guideline=newest,
        entrance=entrance_of(member, standing),
        progress=Progress(
            answered_by_me=int(mine or 0), wanted=int(wanted or 0),
            answered=answered_seen(int(answered or 0), int(wanted or 0), int(checks or 0)),
            rater=member.user, round_id=round, round_state=state,
        ),
    )  # fmt: skip
