"""Every receiver through the same loop, on a real state and real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alerting import outbox
from alerting.actions import Means, Request, perform
from alerting.buttons import Action
from alerting.calls import Letter, Outcome, Receiver, Search
from alerting.delivery import DeliveryPolicy, Destination, Sender
from alerting.digest import StormPolicy
from alerting.email import EmailPolicy, Mailbox
from alerting.metrics import BridgeMetrics
from alerting.pacing import Pace
from alerting.pagerduty import PagerDuty, PagerDutyPolicy
from alerting.retraining_request import RetrainingPolicy, RetrainingService
from alerting.secret import Secret
from alerting.testing import FakePagerDuty, FakeSMTP, FakeWebhook, Fault, alert, webhook
from alerting.testing.pagerduty import ROUTING_KEY
from alerting.testing.programs import SECRET
from alerting.webhook import Webhook, WebhookPolicy

if TYPE_CHECKING:
    from .conftest import Clock, State

FAST = Pace(per_second=1_000.0, burst=1_000.0)
KINDS = ("pagerduty", "email", "webhook", "retraining")


@dataclass
class Post:
    """A sender for one receiver, stepped by hand, with the fake on the other side."""

    kind: str
    fake: FakePagerDuty | FakeSMTP | FakeWebhook
    sender: Sender
    state: State
    metrics: BridgeMetrics
    clock: Clock

    def settle(self, *, patience: float = 0.0, limit: int = 200) -> None:
        """Step for `patience` seconds and until nothing is due then."""
        waited = 0.0
        for _ in range(limit):
            pause = self.sender.step()
            if pause and waited + pause > patience:
                self.clock.pass_(patience - waited)
                return
            waited += pause
            self.clock.pass_(pause)
        message = f"still not settled after {limit} steps"
        raise AssertionError(message)

    def fail(self, **fault: Any) -> None:
        """Let the call that has an effect fail."""
        method = {"pagerduty": "enqueue", "email": "content"}.get(self.kind, "webhook")
        self.fake.faults.add(Fault(method=method, **fault))

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value."""
        value = self.metrics.registry.get_sample_value(name, {"receiver": self.kind, **labels})
        assert value is not None, (name, labels)
        return value

    def pending(self) -> int:
        """Incidents whose newest state was not told."""
        found = self.state.database.write(lambda connection: outbox.backlog(connection, [self.kind])).result()
        return found[self.kind].pending


@pytest.fixture
def post_of(state: State, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Post]]:
    """Make a sender for a kind of receiver; a second one is the same after a restart."""
    fakes: dict[str, FakePagerDuty | FakeSMTP | FakeWebhook] = {}
    with ExitStack() as ending:

        def fake_of(kind: str) -> FakePagerDuty | FakeSMTP | FakeWebhook:
            if kind not in fakes:
                made: FakePagerDuty | FakeSMTP | FakeWebhook
                if kind == "pagerduty":
                    made = FakePagerDuty(clock=clock)
                elif kind == "email":
                    made = FakeSMTP(tmp_path)
                else:
                    made = FakeWebhook(clock=clock)
                made.__enter__()
                ending.callback(made.__exit__, None, None, None)
                fakes[kind] = made
            return fakes[kind]

        def make(kind: str, *, pace: Pace = FAST) -> Post:
            fake = fake_of(kind)
            receiver: Receiver
            if isinstance(fake, FakePagerDuty):
                policy = PagerDutyPolicy(url=fake.url, read_timeout_seconds=0.5)
                receiver = PagerDuty(policy=policy, routing_key=Secret(ROUTING_KEY), clock=clock)
            elif isinstance(fake, FakeSMTP):
                mails = EmailPolicy(host=fake.host, port=fake.port, ca_file=fake.ca_file, timeout_seconds=0.5)
                receiver = Mailbox(policy=mails, to=("ann@example.org",))
            else:
                place = WebhookPolicy(url=fake.url, read_timeout_seconds=0.5)
                secret = Secret(SECRET)
                receiver = (
                    Webhook(policy=place, secret=secret, clock=clock)
                    if kind == "webhook"
                    else RetrainingService(policy=RetrainingPolicy(), place=place, secret=secret, clock=clock)
                )
            metrics = BridgeMetrics(["default"], [kind])
            place_ = Destination(name=kind, channel=kind, receiver=receiver, call_seconds=20.0, pace=pace)
            sender = Sender(
                destination=place_,
                database=state.database,
                metrics=metrics,
                policy=DeliveryPolicy(),
                clock=clock,
                draw=lambda: 0.0,
            )
            sender.database.write(sender.enroll).result()
            state.destinations = (kind,)
            return Post(kind, fake, sender, state, metrics, clock)

        yield make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fault",
    [
        {"drop": True, "when": "after"},
        {"drop": True, "when": "before"},
        {"delay_seconds": 0.8, "when": "after"},
        {"status": 503, "when": "before"},
    ],
    ids=["dropped after", "dropped before", "timeout", "unavailable"],
)
def test_trouble_that_passes_loses_nothing_and_doubles_nothing_that_can_be_known(
    post_of: Callable[..., Post], kind: str, fault: dict[str, Any]
) -> None:
    """Three times in a row, and then it works: each is told, and only an e-mail may stand there twice."""
    post = post_of(kind)
    if kind == "email" and "status" in fault:
        fault = {**fault, "status": 451}  # what mail servers say for trouble that passes
    for _ in range(3):
        post.fail(**fault)
    post.state.record(webhook(alert("a")))
    post.settle(patience=600.0)
    assert post.pending() == 0
    assert post.fake.lost(["ModelDriftDetected"]) == []
    if kind != "email":
        assert post.fake.counters().doubled == 0
        assert post.metric("bridge_doubles_suspected_total") == 0
    else:
        # Each double is one that was counted beforehand.
        assert post.fake.counters().doubled <= post.metric("bridge_doubles_suspected_total") <= 3
    assert post.metric("bridge_deliveries_total", outcome="delivered", reason="ok") == 1


@pytest.mark.parametrize("kind", ["pagerduty", "webhook", "retraining"])
def test_no_call_comes_before_the_time_that_was_asked_for(post_of: Callable[..., Post], kind: str) -> None:
    """A 429 with Retry-After closes this receiver, also for a new process."""
    post = post_of(kind)
    post.fail(status=429, retry_after="30")
    post.state.record(webhook(alert("a")))
    post.sender.step()
    again = post_of(kind)
    again.settle(patience=29.9)
    assert again.pending() == 1
    again.settle(patience=5.0)
    assert again.pending() == 0
    assert post.metric("bridge_deliveries_total", outcome="retry", reason="rate_limited") == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_a_kill_around_the_call_loses_nothing(post_of: Callable[..., Post], kind: str, moment: str) -> None:
    """The row says begun; a new process tells it again, with the same key."""
    post = post_of(kind)
    post.state.record(webhook(alert("a")))
    place = post.sender.destination
    receiver = place.receiver

    class Killed(BaseException):
        """Stands for kill -9: nothing after it runs."""

    class Dying:
        editable = False
        repeatable = receiver.repeatable

        def send(self, letter: Letter) -> Outcome:
            if moment == "after the call":
                receiver.send(letter)
            raise Killed

        def find(self, letter: Letter) -> Search:
            raise Killed

    object.__setattr__(place, "receiver", Dying())
    with pytest.raises(Killed):
        post.sender.step()
    again = post_of(kind)
    again.settle(patience=120.0)
    assert again.pending() == 0
    assert again.fake.lost(["ModelDriftDetected"]) == []
    doubled = 1 if kind == "email" and moment == "after the call" else 0
    assert again.fake.counters().doubled == doubled
    assert again.metric("bridge_doubles_suspected_total") == (1 if kind == "email" else 0)


@pytest.mark.parametrize(
    ("kind", "fault", "reason"),
    [
        ("pagerduty", {"status": 400, "error": "Invalid routing key"}, "auth"),
        ("webhook", {"status": 404}, "address"),
        ("retraining", {"status": 401}, "auth"),
    ],
)
def test_what_somebody_must_mend_parks_the_receiver(
    post_of: Callable[..., Post], kind: str, fault: dict[str, Any], reason: str
) -> None:
    """It is tried every five minutes, its parking is in the state for others to see, and it recovers."""
    post = post_of(kind)
    post.fail(**fault, times=3)
    post.state.record(webhook(alert("a")))
    post.settle(patience=620.0)
    assert post.metric("bridge_deliveries_total", outcome="rejected", reason=reason) == 3
    (row,) = post.state.rows("SELECT parked_at, parked_reason FROM destinations WHERE name = ?", kind)
    assert row["parked_at"] is not None
    post.settle(patience=301.0)
    (row,) = post.state.rows("SELECT parked_at, parked_reason FROM destinations WHERE name = ?", kind)
    assert row == {"parked_at": None, "parked_reason": None}
    assert post.pending() == 0


@pytest.mark.parametrize(("kind", "status"), [("pagerduty", 400), ("email", 554), ("webhook", 422)])
def test_what_is_refused_is_told_in_fewer_words_and_then_given_up(
    post_of: Callable[..., Post], kind: str, status: int
) -> None:
    """Two calls, never a third, until something changes."""
    post = post_of(kind)
    post.fail(status=status, error="x", times=2)
    post.state.record(webhook(alert("a")))
    post.settle(patience=600.0)
    assert post.metric("bridge_deliveries_total", outcome="rejected", reason="content") == 2
    assert post.pending() == 0
    post.state.record(webhook(alert("a", "resolved")))
    post.settle()
    assert post.metric("bridge_deliveries_total", outcome="delivered", reason="ok") == 1


def test_the_life_of_an_incident_on_a_pager(post_of: Callable[..., Post]) -> None:
    """Triggered, joined, resolved: one alert of PagerDuty, resolved at the end; a new one is another."""
    post = post_of("pagerduty")
    for body in (
        webhook(alert("a")),
        webhook(alert("a"), alert("b", severity="critical")),
        webhook(alert("a"), alert("b", severity="critical"), commonAnnotations={"summary": "other words"}),
        webhook(alert("a", "resolved"), alert("b", "resolved", severity="critical")),
    ):
        post.state.record(body)
        post.settle()
    assert isinstance(post.fake, FakePagerDuty)
    (first,) = post.fake.alerts.values()
    assert first.state == "resolved"
    assert [event["event_action"] for event in first.events] == ["trigger", "trigger", "resolve"]
    assert first.payload["severity"] == "critical"
    post.clock.pass_(400.0)
    post.state.record(webhook(alert("a", starts_at="2026-01-01T01:00:00Z")))
    post.settle()
    assert [entry.state for entry in post.fake.alerts.values()] == ["resolved", "triggered"]


def test_a_trigger_that_arrives_late_cannot_follow_the_resolution(post_of: Callable[..., Post]) -> None:
    """After a call of unknown fate the next one waits until that has surely ended."""
    post = post_of("pagerduty")
    post.state.record(webhook(alert("a")))
    post.fail(drop=True, when="after")
    post.sender.step()
    broken_at = post.clock()
    post.state.record(webhook(alert("a", "resolved")))
    post.settle(patience=DeliveryPolicy().reconcile_margin_seconds - 0.1)
    assert isinstance(post.fake, FakePagerDuty)
    assert [found.state for found in post.fake.alerts.values()] == ["triggered"]
    post.settle(patience=60.0)
    assert post.clock() >= broken_at + DeliveryPolicy().reconcile_margin_seconds
    assert [found.state for found in post.fake.alerts.values()] == ["resolved"]


def test_an_outage_is_told_as_the_newest_state(post_of: Callable[..., Post]) -> None:
    """Changes during an hour without a mail server are one mail, with what happened meanwhile."""
    post = post_of("email")
    post.fake.faults.add(Fault(method="connect", drop=True, times=None))
    post.state.record(webhook(alert("a")))
    post.settle(patience=1_800.0)
    post.state.record(webhook(alert("a"), alert("b")))
    post.settle(patience=1_800.0)
    post.fake.faults.clear()
    post.settle(patience=400.0)
    assert isinstance(post.fake, FakeSMTP)
    (mail,) = post.fake.mails
    assert "2 alerts firing" in mail.part("plain")
    assert mail.part("plain").count("fired") == 1


def test_a_retraining_that_is_not_needed_is_not_a_call(post_of: Callable[..., Post]) -> None:
    """The row is crossed out, nothing is counted as delivered, and nothing waits."""
    post = post_of("retraining")
    post.state.record(webhook(alert("a")))
    post.settle()
    worse = alert("a", severity="critical", fingerprint="a critical")
    post.state.record(webhook(alert("a"), worse))
    post.settle()
    post.state.record(webhook(alert("a", "resolved"), {**worse, "status": "resolved"}))
    post.settle()
    assert post.fake.counters().doubled == 0
    assert post.metric("bridge_deliveries_total", outcome="delivered", reason="ok") == 1
    assert post.pending() == 0


def test_a_feature_that_joins_an_incident_is_asked_for_once(post_of: Callable[..., Post]) -> None:
    """What was asked for is in the state, so that a new process knows it, too."""
    post_of("retraining").state.record(webhook(alert("a")))
    for alerts in ([alert("a")], [alert("a"), alert("b")], [alert("a")], [alert("b"), alert("a")]):
        post = post_of("retraining")
        post.state.record(webhook(*alerts))
        post.settle()
        assert post.pending() == 0
    assert isinstance(post.fake, FakeWebhook)
    assert [body["features"] for body in post.fake.taken] == [["a"], ["a", "b"]]
    assert post.fake.counters().repeated == 0


@pytest.mark.parametrize(
    ("kind", "told"), [("pagerduty", 30), ("webhook", 30), ("retraining", 30), ("email", 1)]
)
def test_a_storm_is_one_mail_and_nothing_is_folded_for_what_knows_each_incident(
    post_of: Callable[..., Post], kind: str, told: int
) -> None:
    """A pager must be able to resolve each alert, and a service must get each request."""
    post = post_of(kind)
    post.sender.storms = StormPolicy()
    for number in range(30):
        post.state.record(webhook(alert(str(number)), group_key=str(number)))
    post.settle(patience=60.0)
    if isinstance(post.fake, FakePagerDuty):
        assert len(post.fake.alerts) == told
    else:
        assert post.metric("bridge_deliveries_total", outcome="delivered", reason="ok") == told
    assert post.pending() == 0


def test_a_receiver_keeps_its_own_pace(post_of: Callable[..., Post]) -> None:
    """Twenty incidents at two a second after a burst of ten: not one 429."""
    post = post_of("pagerduty", pace=Pace(per_second=2.0, burst=10.0))
    for number in range(20):
        post.state.record(webhook(alert(str(number)), group_key=str(number)))
    started = post.clock()
    post.settle(patience=60.0)
    assert post.clock() - started >= 5.0
    assert isinstance(post.fake, FakePagerDuty)
    assert len(post.fake.alerts) == 20


def act(post: Post, action: Action) -> str:
    """Let somebody take an action on the first incident; what became of it."""
    request = Request(action=action, incident_id=1, via="http", by="ann")
    means = Means(retraining=["retraining"])
    return (
        post.state.database.write(
            lambda connection: perform(connection, request, now=post.clock(), means=means)
        )
        .result()
        .outcome
    )


def test_an_acknowledgement_reaches_the_pager(post_of: Callable[..., Post]) -> None:
    """Whoever takes it on in the bridge stops the pager, too."""
    post = post_of("pagerduty")
    post.state.record(webhook(alert("a")))
    post.settle()
    assert act(post, "acknowledge") == "done"
    post.settle()
    assert isinstance(post.fake, FakePagerDuty)
    assert [entry.state for entry in post.fake.alerts.values()] == ["acknowledged"]


@pytest.mark.parametrize("told_before", [True, False])
def test_the_button_for_a_retraining_reaches_the_service(
    post_of: Callable[..., Post], told_before: bool
) -> None:
    """Whether the incident was a cause by itself or not, the wish is one request with the name."""
    post = post_of("retraining")
    if not told_before:
        post.state.destinations = ()
    post.state.record(webhook(alert("a")))
    post.settle()
    assert act(post, "retrain") == "done"
    post.settle()
    assert isinstance(post.fake, FakeWebhook)
    triggers = [body["cause"]["trigger"] for body in post.fake.taken]
    assert triggers == (["alert", "manual"] if told_before else ["manual"])
    assert post.fake.taken[-1]["cause"]["by"] == "ann"
