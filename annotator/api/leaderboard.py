"""Which checkpoint or imported model people prefer."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access, tasks
from annotator.api.estimates import EstimateOutput, FigureOutput, around
from annotator.api.operation import Operation, asked, person
from annotator.domain.ranking.votes import Ties
from annotator.exceptions import InputInvalid
from annotator.selectors.leaderboard import LEADERBOARD, Leaderboard, Wish, leaderboard_of, tags_of
from annotator.services.figures import figure_ask


class ContestantOutput(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    checkpoint = serializers.IntegerField(allow_null=True, help_text="null: its answers came with an import.")


class StandingOutput(serializers.Serializer[Any]):
    contestant = ContestantOutput()
    rating = EstimateOutput(help_text="On Elo's scale: 400 points are odds of ten to one.")
    best = serializers.IntegerField(allow_null=True, help_text="The best rank that the judgments leave open.")
    worst = serializers.IntegerField(allow_null=True)


class WinsOutput(serializers.Serializer[Any]):
    contestant = ContestantOutput()
    over = EstimateOutput(many=True, allow_null=True, help_text="Share won, in the order of `wins`; null over itself.")


class SwapOutput(serializers.Serializer[Any]):
    """Without `dropped` of the judgments, `below` stands above `above`."""

    above = ContestantOutput()
    below = ContestantOutput()
    dropped = serializers.IntegerField(allow_null=True, help_text="null: no number was found.")


class BoardOutput(serializers.Serializer[Any]):
    rows = StandingOutput(many=True, help_text="Best first; those without a rating last.")
    judgments = serializers.IntegerField(help_text="That count, of `of`.")
    of = serializers.IntegerField()
    raters = serializers.IntegerField()
    is_clustered = serializers.BooleanField(help_text="Whether raters, not judgments, are what varies.")
    wins = WinsOutput(many=True)
    swaps = SwapOutput(many=True)
    top = SwapOutput(allow_null=True)
    style = EstimateOutput(many=True, help_text="What each trait of an answer is worth, in points.")
    nu = serializers.FloatField(allow_null=True, help_text="What a tie is worth beside a win between equals.")
    anchor = ContestantOutput(allow_null=True, help_text="Who has 1000 points; null: the mean.")


class LeaderboardOutput(FigureOutput):
    leaderboard = BoardOutput(allow_null=True, help_text="null: not found for the first time yet; ask again soon.")


class LeaderboardApi(Operation):
    """Ratings with intervals, the ranks that judgments leave open, and how few judgments carry the order."""

    class FilterSerializer(serializers.Serializer[Any]):
        first_round = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
        last_round = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
        tag = serializers.CharField(required=False, max_length=60, help_text="Only prompts that carry it.")
        ties = serializers.ChoiceField(choices=[one.value for one in Ties], required=False)
        style = serializers.BooleanField(required=False, help_text="Take length and Markdown off the ratings.")
        anchor = serializers.ChoiceField(choices=["mean", "base"], required=False, help_text="Who has 1000 points.")

    @extend_schema(parameters=[FilterSerializer], responses=LeaderboardOutput)
    def get(self, request: Request, slug: str) -> Response:
        project = access.reader(person(request), slug).project
        said = asked(self.FilterSerializer, request)
        if said.get("tag") and said["tag"] not in tags_of(project):
            raise InputInvalid(_("No prompt of this project carries the tag “%(tag)s”.") % {"tag": said["tag"]})
        wish = Wish.of(said)
        if figure_ask(project=project, name=LEADERBOARD, wish=wish.said):
            tasks.count_soon()
        board = leaderboard_of(project, wish)
        found = {"leaderboard": board and _told(board), **around(project, LEADERBOARD, wish.said)}
        return Response(LeaderboardOutput(found).data)


def _told(board: Leaderboard) -> dict[str, Any]:
    return {**vars(board), "wins": [{"contestant": one, "over": row} for one, row in board.matrix]}
