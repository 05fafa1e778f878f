"""The same recommender twice: one always shows what it likes best, one shows something else now and then.

    python examples/recommender/recommender.py

Four weeks pass in seconds, since the predictors get a clock of their own. All data are synthetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shop import CATALOG, HITS, NEW_DAY, ClickModel, click_rates, in_stock

from exporter import BusinessMeasure, InstrumentedPredictor, Window
from exporter.feedback import explore

SEED, DAYS, EDITORS_DAYS, WEEK = 5, 28, 7, 7
"""In the first week editors show everything alike; then the model takes over."""

EPSILONS = {"greedy": 0.0, "exploring": 0.1}
START, DAY_SECONDS = 1_767_225_600.0, 86_400.0
PRINTED_DAYS = (7, 8, 9, 10, 14, 21, 28)
KNOWN_SHOWN = 30
"""Times that an item must have been shown for its click rate to be more than a guess."""

NARROWED, COVERAGE_KEPT = 0.1, 0.8
"""As `exposure_excess_increase` and `catalog_coverage_kept_ratio` in alerting/rules/thresholds.rules.yaml."""

EVENTS = {EDITORS_DAYS + 1: "the model takes over", NEW_DAY: "new items come, five of them hits"}

ITEMS = pd.DataFrame({"number": np.arange(len(CATALOG))})


@dataclass
class Page:
    """One version of the page, with its own model, log and metrics.

    Attributes
    ----------
    history : list of dict
        What the metrics said at the end of each day.
    by_chance : list of float
        What each visit counts for, weighted as if items had been chosen by chance.
    chance_rates : list of float
        What that is in truth, which only the author of the shop can know.
    """

    name: str
    epsilon: float
    model: ClickModel = field(default_factory=ClickModel)
    now: float = START
    history: list[dict[str, float]] = field(default_factory=list)
    by_chance: list[float] = field(default_factory=list)
    chance_rates: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_editors = self.model.shown.copy()
        # Both know the same shop, have the same visitors, and differ in chance alone.
        self.rng = np.random.default_rng(SEED)
        self.rates = click_rates(self.rng)
        self.predictor = InstrumentedPredictor(
            self.model,
            name=self.name,
            version="1",
            catalog=CATALOG,
            windows=[Window("1d", DAY_SECONDS)],
            business={"clicks": BusinessMeasure(name="clicks", kind="counter")},
            clock=lambda: self.now,
            background=False,
        )

    def read(self, metric: str, **labels: str) -> float:
        """A metric as a scrape would show it; NaN where it is absent."""
        labels = {"model_name": self.name, "model_version": "1", **labels}
        value = self.predictor.registry.get_sample_value(metric, labels)
        return float("nan") if value is None else value

    def step(self, day: int) -> None:
        """One day of visits, then a check, then the model learns from its own log."""
        stock = in_stock(self.rng, day)
        scores = np.where(stock, self.predictor.predict(ITEMS), np.nan)
        choices = explore(scores, 1.0 if day <= EDITORS_DAYS else self.epsilon, self.rng)
        clicks = self.rng.random(len(scores)) < self.rates[choices.chosen]
        self.now += DAY_SECONDS

        self.predictor.record_exposures(CATALOG[number] for number in choices.chosen)
        self.predictor.record_business("clicks", float(clicks.sum()))
        self.predictor.check_now()
        self.model.learn(choices.chosen, clicks)
        if day > EDITORS_DAYS:
            self.by_chance += (clicks / stock.sum(axis=1) / choices.propensities).tolist()
            self.chance_rates += ((stock @ self.rates) / stock.sum(axis=1)).tolist()
        else:
            self.by_editors = self.model.shown.copy()
        self.history.append(
            {
                "gini": self.read("model_exposure_gini", window="1d"),
                "gini_even": self.read("model_exposure_gini_even", window="1d"),
                "coverage": self.read("model_catalog_coverage_ratio", window="1d"),
                "coverage_even": self.read("model_catalog_coverage_ratio_even", window="1d"),
                "clicks": float(clicks.mean()),
            }
        )

    def shown(self) -> NDArray[np.float64]:
        """How often each item was shown since the model took over."""
        return np.asarray(self.model.shown - self.by_editors)

    def alerts(self) -> list[str]:
        """What would fire: the conditions of alerting/rules/feedback.rules.yaml, today against a week ago."""
        if len(self.history) <= WEEK:
            return []
        today, before = self.history[-1], self.history[-1 - WEEK]
        rise = _excess(today) - _excess(before)
        kept = (today["coverage"] / today["coverage_even"]) / (before["coverage"] / before["coverage_even"])
        holds = {"ModelExposureNarrowed": rise > NARROWED, "ModelCatalogCoverageFell": kept < COVERAGE_KEPT}
        return [name for name, holding in holds.items() if holding]


def _excess(day: dict[str, float]) -> float:
    """Concentration beyond chance, as a share of what is possible."""
    return (day["gini"] - day["gini_even"]) / (1.0 - day["gini_even"])


def clicks_by_chance(page: Page) -> str:
    """What showing any item would have earned, from the log alone: clicks weighted by 1 / propensity."""
    return f"{np.mean(page.by_chance):.1%}" if page.epsilon else "unknown"


LEARNT: dict[str, Callable[[Page], str]] = {
    f"items that the model showed {KNOWN_SHOWN} times": lambda page: (
        f"{np.mean(page.shown() >= KNOWN_SHOWN):.0%}"
    ),
    "new hits among them, of five": lambda page: str(np.sum(page.shown()[-HITS:] >= KNOWN_SHOWN)),
    "clicks": lambda page: f"{page.read('model_business_value_total', measure='clicks'):,.0f}",
    "clicked if chosen by chance, from the log": clicks_by_chance,
    "  the same, in truth": lambda page: f"{np.mean(page.chance_rates):.1%}",
}


def main() -> None:
    """Print both side by side."""
    pages = [Page(name, epsilon) for name, epsilon in EPSILONS.items()]
    print("".join(["     ", *(f"{page.name:32}" for page in pages)]).rstrip())
    print("day  " + "    ".join(["gini  coverage  clicked     "] * len(pages)).rstrip())
    fired: dict[str, list[str]] = {page.name: [] for page in pages}
    for day in range(1, DAYS + 1):
        for page in pages:
            page.step(day)
        if day in EVENTS:
            print(f"     ({EVENTS[day]})")
        if day in PRINTED_DAYS:
            values = (
                "{gini:.3f}    {coverage:4.0%}    {clicks:5.1%}".format(**page.history[-1]) for page in pages
            )
            print(f"{day:3}  " + "          ".join(values))
        for page in pages:
            if (alerts := page.alerts()) != fired[page.name]:
                print(f"     day {day}, {page.name}: {', '.join(alerts) or 'no alert any more'}")
                fired[page.name] = alerts

    print(f"\n{'After four weeks':44}" + "".join(f"{page.name:>12}" for page in pages))
    for what, of in LEARNT.items():
        print(f"{what:44}" + "".join(f"{of(page):>12}" for page in pages))


if __name__ == "__main__":
    main()
