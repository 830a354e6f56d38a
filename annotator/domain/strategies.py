"""In which order the queue hands out, and how orders are mixed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _


class Order(StrEnum):
    """Each is an index of the comparisons that are free."""

    IN_ORDER = "in_order"
    RANDOM = "random"
    FEWEST = "fewest"
    STARTED = "started"
    INFORMATIVE = "informative"


class Informative(StrEnum):
    """What a judgment should tell most about."""

    RANKING = "ranking"  # whose answers are better
    DISAGREEMENT = "disagreement"  # what reward models do not know


WORDS = {
    Order.IN_ORDER: (_("In order"), _("As the round was made.")),
    Order.RANDOM: (_("By chance"), _("Every comparison is equally likely to come next.")),
    Order.FEWEST: (_("Fewest judgments first"), _("Everything is judged once before anything is judged twice.")),
    Order.STARTED: (_("Finish what is started"), _("What has judgments gets the rest of them first.")),
    Order.INFORMATIVE: (_("Most informative"), _("What a judgment is expected to tell most about comes first.")),
}

INFORMATIVE_WORDS = {
    Informative.RANKING: _("who is above whom"),
    Informative.DISAGREEMENT: _("where reward models disagree"),
}


def order_of(strategy: Mapping[str, float]) -> dict[str, float]:
    """The share of the claims that each order gets, summing to 1; in order where nothing else is said.

    Raises Unfit for an order that does not exist and for shares that are negative or all nothing.
    """
    if not strategy:
        return {Order.IN_ORDER.value: 1.0}
    if unknown := set(strategy) - set(Order):
        raise Unfit(_("There is no order “%(name)s”."), name=min(unknown))
    total = sum(strategy.values())
    if min(strategy.values()) < 0 or not 0 < total < float("inf"):
        raise Unfit(_("The shares of a strategy are numbers from 0 up, and one of them is more."))
    return {name: share / total for name, share in strategy.items() if share > 0}


def is_by_count(strategy: Mapping[str, float]) -> bool:
    """Whether the queue has to find comparisons by how many leases and judgments they have."""
    return any(strategy.get(order, 0) > 0 for order in (Order.FEWEST, Order.STARTED))
