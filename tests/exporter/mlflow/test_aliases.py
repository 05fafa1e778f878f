from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from exporter import ConfigError
from exporter.mlflow.aliases import Move, Standing, moves

STANDINGS: tuple[Standing, ...] = ("running", "promoted", "rolled_back")


@pytest.mark.parametrize(
    ("found", "standing", "expected"),
    [
        ({}, "running", [Move("champion", "1"), Move("challenger", "2")]),
        ({"champion": "1"}, "running", [Move("challenger", "2")]),
        ({"champion": "1", "challenger": "2"}, "running", []),
        ({"champion": "1", "challenger": "3"}, "running", []),
        ({"champion": "1", "challenger": "2"}, "promoted", [Move("champion", "2"), Move("challenger", None)]),
        ({"champion": "2", "challenger": "2"}, "promoted", [Move("challenger", None)]),
        ({"champion": "2", "challenger": "3"}, "promoted", []),
        ({"champion": "1", "challenger": "2"}, "rolled_back", [Move("challenger", None)]),
        ({"champion": "2"}, "rolled_back", [Move("champion", "1")]),
        ({"champion": "1", "challenger": "3"}, "rolled_back", []),
    ],
)
def test_aliases_are_moved_to_where_the_rollout_stands(
    found: dict[str, str], standing: Standing, expected: Sequence[Move]
) -> None:
    """The challenger's alias is taken away only from the rollout's own."""
    assert list(moves(found, champion="1", challenger="2", standing=standing)) == list(expected)


def test_any_part_of_the_moves_leaves_a_champion_and_can_be_finished() -> None:
    """Killed after any move, the next look ends where an undisturbed one does."""
    versions = (None, "1", "2")
    for champion, challenger, standing in itertools.product(versions, (*versions, "3"), STANDINGS):
        start = {"champion": champion, "challenger": challenger}
        found = {alias: version for alias, version in start.items() if version is not None}
        planned = moves(found, champion="1", challenger="2", standing=standing)
        whole = applied(found, planned)
        for done in range(len(planned) + 1):
            part = applied(found, planned[:done])
            assert "champion" in part or champion is None
            rest = moves(part, champion="1", challenger="2", standing=standing)
            assert applied(part, rest) == whole
        assert moves(whole, champion="1", challenger="2", standing=standing) == ()
        assert whole["champion"] == ("2" if standing == "promoted" else "1")


def applied(found: dict[str, str], planned: Sequence[Move]) -> dict[str, str]:
    after = dict(found)
    for move in planned:
        after.pop(move.alias, None)
        if move.version is not None:
            after[move.alias] = move.version
    return after


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_champion_that_is_not_of_the_rollout_stays(standing: Standing) -> None:
    """Somebody else has moved it; the message says what was found."""
    with pytest.raises(ConfigError, match="alias champion: found version '9', need '1' or '2'"):
        moves({"champion": "9", "challenger": "2"}, champion="1", challenger="2", standing=standing)
