"""One rollout in several workers: what each has seen comes together in the state file, and one decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from ..errors import ConfigError
from ..rollout_policy import RolloutPolicy
from .calls import merged
from .evidence import Evidence
from .state import Event, RolloutState, apply, decide, ended, fresh_guards, resumes
from .state_file import StateFile


class SharedRollout:
    """A worker's view of a rollout.

    Parameters
    ----------
    file : StateFile
        Shared by all workers.
    policy : RolloutPolicy
        How it is decided.
    start : RolloutState
        As it would begin now. The file's own state goes on instead if it is of the same two versions.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    ConfigError
        If the file is damaged, or says that another version is champion.
    StoreError
        If it cannot be read or written.
    """

    def __init__(
        self, file: StateFile, policy: RolloutPolicy, start: RolloutState, clock: Callable[[], float]
    ) -> None:
        self._file = file
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        with file.locked():
            found = file.read()
            self.state = start if found is None else _continued(found, start, policy, file)
            if self.state is not found:
                file.write(self.state)
        self._forget()

    def _forget(self) -> None:
        self._outcomes = Evidence(centre=self.state.outcomes.centre)
        self._guards: Mapping[str, Evidence] = fresh_guards()

    def add(self, outcomes: Evidence) -> None:
        """Take evidence from outcomes until the next `sync`."""
        with self._lock:
            self._outcomes = self._outcomes.merge(outcomes)

    def sync(self, guards: Mapping[str, Evidence]) -> tuple[Event, ...]:
        """Bring what this worker has seen to all others, decide, and take over what they have decided.

        Returns
        -------
        tuple of Event
            What nobody has announced yet; only one worker is told of each.

        Raises
        ------
        ConfigError, StoreError
            If the file cannot be used. Nothing is lost: the next call tries again.
        """
        with self._lock:
            self._guards = merged(self._guards, guards)
            with self._file.locked():
                found = self._file.read()
                if found is not None and not _same_rollout(found, self.state):
                    self._give_way(found)
                    return ()
                state = (found or self.state).with_evidence(self._outcomes, self._guards)
                now = self._clock()
                # Two configurations may meet in a rolling update; only who knows the stages decides.
                step = decide(state, self._policy, now) if resumes(state, self._policy) else None
                if step is not None:
                    state = apply(state, step, self._policy, now)
                news = tuple(event for event in state.events if not event.announced)
                if news:
                    told = tuple(replace(event, announced=True) for event in state.events)
                    state = replace(state, events=told)
                if news or found is None or self._outcomes.rows or any(e.rows for e in self._guards.values()):
                    self._file.write(state)
            self.state = state
            self._forget()
            return news

    def _give_way(self, found: RolloutState) -> None:
        """Follow a file about another rollout: serve the champion that it names, if that is one of ours."""
        pair = (self.state.name, self.state.champion, self.state.challenger)
        if (found.name, found.champion, found.challenger) == pair:
            self.state = found  # begun anew with other stages
        else:
            promoted = found.name == self.state.name and found.serving == self.state.challenger
            self.state = replace(self.state, status="promoted" if promoted else "rolled_back")
        self._forget()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what its parent has seen is the parent's to write."""
        self._lock = threading.Lock()
        self._forget()


def decide_by_hand(
    file: StateFile, what: Literal["promoted", "rolled_back"], *, note: str, now: float
) -> RolloutState:
    """Promote or roll back for a person; running workers follow at their next look.

    Parameters
    ----------
    file : StateFile
        Of the rollout.
    what : {"promoted", "rolled_back"}
        A promoted challenger can be rolled back, too.
    note : str
        Who and why, for the audit log.
    now : float
        Seconds since 1970.

    Raises
    ------
    ConfigError
        If there is no rollout that this could be done to.
    StoreError
        If the file cannot be read or written.
    """
    with file.locked():
        state = file.read()
        allowed = ("running",) if what == "promoted" else ("running", "promoted")
        if state is None or state.status not in allowed:
            found = "nothing" if state is None else f"a rollout that is {state.status}"
            raise ConfigError(f"{file.path}: found {found}, need one that is {' or '.join(allowed)}")
        state = ended(state, what, "manual", note, now)
        file.write(state)
    return state


def take_back(file: StateFile, key: str, reason: str, *, note: str, now: float) -> RolloutState | None:
    """Roll back a rollout, also one that was promoted, and count that as told; what the file then says.

    Parameters
    ----------
    file : StateFile
        Of the rollout.
    key : str
        Of the rollout that is meant: another one that has begun since stays.
    reason, note : str
        Why.
    now : float
        Seconds since 1970.

    Raises
    ------
    ConfigError, StoreError
        If the file cannot be used.
    """
    with file.locked():
        state = file.read()
        if state is None or state.key != key or state.status == "rolled_back":
            return state
        state = ended(state, "rolled_back", reason, note, now)
        events = (*state.events[:-1], replace(state.events[-1], announced=True))
        state = replace(state, events=events)
        file.write(state)
    return state


def begin_after(file: StateFile, before: RolloutState | None, start: RolloutState) -> bool:
    """Begin a rollout where the file still says what was decided on; False if another worker was first.

    Raises
    ------
    ConfigError, StoreError
        If the file cannot be used.
    """
    with file.locked():
        found = file.read()
        if found is not None and (before is None or found.key != before.key or found.status != before.status):
            return False
        file.write(start)
    return True


def _continued(
    found: RolloutState, start: RolloutState, policy: RolloutPolicy, file: StateFile
) -> RolloutState:
    """What a file's state means for two versions that are started now."""
    if found.name != start.name:
        raise ConfigError(
            f"{file.path}: found the model {found.name!r}, need {start.name!r}: a file for each"
        )
    if (found.champion, found.challenger) == (start.champion, start.challenger):
        goes_on = found.status != "running" or resumes(found, policy)
        return found if goes_on else replace(start, origins=found.origins)
    if found.serving != start.champion:
        raise ConfigError(
            f"{file.path}: found version {found.serving!r} as champion, need it and not {start.champion!r} "
            "as champion, or another file"
        )
    return start


def _same_rollout(found: RolloutState, own: RolloutState) -> bool:
    return (found.name, found.champion, found.challenger, found.key) == (
        own.name, own.champion, own.challenger, own.key,
    )  # fmt: skip
