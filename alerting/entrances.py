"""The ways in for actions, and the errands behind them, put together for the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.routing import Route

from .access import Gate
from .action_api import ActionApi
from .actions import Means
from .alertmanager import Alertmanager
from .config import BridgeConfig
from .database import Database
from .desk import Desk
from .interactivity import Interactivity
from .loop import Loop
from .metrics import BridgeMetrics
from .silences import Silencer
from .standings import Poller
from .usergroups import Usergroups, slack_fetch
from .web import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrances:
    """Addresses for the server, and loops for threads of their own."""

    routes: tuple[Route, ...]
    loops: tuple[Loop, ...]


def build(
    config: BridgeConfig,
    *,
    database: Database,
    metrics: BridgeMetrics,
    told: Callable[[], None],
    clock: Callable[[], float],
) -> Entrances:
    """The entrances that a configuration opens.

    Parameters
    ----------
    config : BridgeConfig
    database : Database
    metrics : BridgeMetrics
    told : callable
        Called after a commit that gives a destination something to show.
    clock : callable
        Seconds since 1970.
    """
    loops = list(_alertmanager_loops(config, database, metrics, told, clock))

    def wake() -> None:
        told()
        for loop in loops:
            loop.wake.set()

    desk = Desk(
        database=database,
        means=Means(
            silenceable=frozenset(config.alertmanager.sources if config.alertmanager.url else ()),
            retraining=config.retraining,
        ),
        told=wake,
        counted=metrics.action,
        clock=clock,
    )
    routes = ActionApi(desk=desk, gate=_actors(config), readers=_readers(config)).routes()
    secrets = config.secrets
    if secrets.signing_secret is not None and secrets.bot_token is not None:
        named = (*config.actions.acknowledge, *config.actions.silence, *config.actions.retrain)
        groups = Usergroups(
            [name for name in named if name.startswith("S")],
            slack_fetch(config.slack, secrets.bot_token),
            clock,
        )
        buttons = Interactivity(
            desk=desk,
            secret=secrets.signing_secret,
            policy=config.actions,
            admits=groups.admits,
            slack=config.slack,
        )
        answers = _loop("answers", buttons.step, metrics)
        buttons.answered = answers.wake.set
        loops += [answers, _loop("usergroups", groups.step, metrics)]
        routes += buttons.routes()
    return Entrances(routes=tuple(routes), loops=tuple(loops))


def _alertmanager_loops(
    config: BridgeConfig,
    database: Database,
    metrics: BridgeMetrics,
    told: Callable[[], None],
    clock: Callable[[], float],
) -> tuple[Loop, ...]:
    """The errands to Alertmanager, if it is known; the silencer is the first."""
    policy = config.alertmanager
    if policy.url is None:
        return ()
    there = Alertmanager(policy, config.secrets.alertmanager_token)
    silencer = Silencer(
        database=database,
        alertmanager=there,
        told=told,
        counted=partial(metrics.asked, "silences"),
        clock=clock,
    )
    poller = Poller(
        database=database,
        alertmanager=there,
        policy=policy,
        told=told,
        counted=partial(metrics.asked, "alerts"),
        clock=clock,
    )
    return (_loop("silences", silencer.step, metrics), _loop("alerts", poller.step, metrics))


def _loop(name: str, step: Callable[[], float], metrics: BridgeMetrics) -> Loop:
    return Loop(name=name, step=step, failed=partial(metrics.errand_error, name))


def _actors(config: BridgeConfig) -> Gate | None:
    """Who may act by HTTP: who shows a shared token; on loopback without any, everybody; else nobody."""
    own = any(source.tokens for source in config.sources.values())
    if config.access.tokens or (is_loopback(config.listen.address) and not own):
        return Gate(config.access.tokens)
    return None


def _readers(config: BridgeConfig) -> Gate:
    """Who may read: whoever shows any token."""
    own = [token for source in config.sources.values() for token in source.tokens]
    return Gate((*config.access.tokens, *own))
