from __future__ import annotations

from pathlib import Path

import pytest

from alerting.actions import ActionPolicy
from alerting.alertmanager import AlertmanagerPolicy
from alerting.config import BridgeConfig, describe, load_config, require_slack
from alerting.delivery import DeliveryPolicy
from alerting.errors import ConfigError
from alerting.incidents import StatePolicy
from alerting.intake import IntakePolicy
from alerting.look import LinkPolicy, Look
from alerting.secret import Secret
from alerting.slack import SlackPolicy

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "bridge.yaml"
TOKEN = {"SLACK_BOT_TOKEN": "xoxb-planted-1"}
SMALL = """
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""


def load(tmp_path: Path, text: str = SMALL, **environ: str) -> BridgeConfig:
    """The configuration in a text."""
    path = tmp_path / "bridge.yaml"
    path.write_text(text)
    return load_config(path, environ)


def complaint(tmp_path: Path, text: str = SMALL, **environ: str) -> str:
    """What is said of a configuration that is refused."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    assert "planted" not in str(caught.value)
    return str(caught.value)


def test_the_shipped_file_says_exactly_the_defaults(tmp_path: Path) -> None:
    """Each value written there is the value of the policy it belongs to, and loopback is where it listens."""
    config = load_config(SHIPPED, TOKEN)
    assert config.state == StatePolicy()
    assert config.intake == IntakePolicy()
    assert config.slack == SlackPolicy()
    assert config.delivery == DeliveryPolicy()
    assert config.look == Look(links=LinkPolicy())
    assert config.actions == ActionPolicy()
    assert config.alertmanager == AlertmanagerPolicy()
    assert (config.listen.address, config.listen.port) == ("127.0.0.1", 9109)
    assert config.state_directory == Path(".driftgauge/bridge")
    assert config.channels == {"slack": "#model-alerts"}
    assert config.access.tokens == ()
    assert not config.access.open_metrics
    small = load(tmp_path, **TOKEN)
    assert (small.state, small.intake, small.listen) == (config.state, config.intake, config.listen)


def test_the_shipped_file_has_every_key(tmp_path: Path) -> None:
    """Whoever looks for a setting finds it there, with its reason."""
    text = SHIPPED.read_text()
    from alerting.config_file import File  # noqa: PLC0415 - its sections are looked through here alone

    for name, field in File.model_fields.items():
        assert f"\n{name}:" in text
        section = field.annotation
        for key in getattr(section, "model_fields", {}):
            assert f"\n  {key}:" in text, f"{name}.{key}"


def test_the_environment_overrides_addresses_and_brings_secrets(tmp_path: Path) -> None:
    """One file serves a laptop and a container."""
    config = load(
        tmp_path,
        SLACK_BOT_TOKEN="xoxb-a",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/x",
        SLACK_SIGNING_SECRET="s",
        SLACK_API_URL="http://127.0.0.1:9110/api",
        BRIDGE_TOKENS="a-token-of-16-chars b-token-of-16-chars",
        BRIDGE_LISTEN_ADDRESS="0.0.0.0",
        BRIDGE_LISTEN_PORT="9200",
        BRIDGE_STATE_DIRECTORY="/var/lib/bridge",
    )
    assert config.secrets.bot_token == Secret("xoxb-a")
    assert config.secrets.webhook_url == Secret("https://hooks.slack.com/services/x")
    assert config.secrets.signing_secret == Secret("s")
    assert config.slack.api_url == "http://127.0.0.1:9110/api/"
    assert config.access.tokens == (Secret("a-token-of-16-chars b-token-of-16-chars"),)
    assert (config.listen.address, config.listen.port) == ("0.0.0.0", 9200)
    assert config.state_directory == Path("/var/lib/bridge")


def test_each_variable_can_be_a_file(tmp_path: Path) -> None:
    """As container secrets are; both at once is a mistake, and so is an empty file."""
    secret = tmp_path / "secret"
    secret.write_text("xoxb-from-a-file\n")
    assert load(tmp_path, SLACK_BOT_TOKEN_FILE=str(secret)).secrets.bot_token == Secret("xoxb-from-a-file")
    assert "both SLACK_BOT_TOKEN and" in complaint(
        tmp_path, SLACK_BOT_TOKEN="xoxb-planted", SLACK_BOT_TOKEN_FILE=str(secret)
    )
    secret.write_text("\n")
    assert "found it empty" in complaint(tmp_path, SLACK_BOT_TOKEN_FILE=str(secret))
    assert "not readable" in complaint(tmp_path, SLACK_BOT_TOKEN_FILE=str(tmp_path / "absent"))


def test_empty_variables_are_absent(tmp_path: Path) -> None:
    """Compose files pass variables that nobody has set."""
    config = load(tmp_path, SLACK_BOT_TOKEN="", SLACK_API_URL=" ", BRIDGE_LISTEN_PORT="")
    assert config.secrets.bot_token is None
    assert config.slack == SlackPolicy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lissten: {}" + SMALL, "lissten: found an unknown key, did you mean listen?"),
        ("slack: {api_urll: x}" + SMALL, "slack.api_urll: found an unknown key, did you mean api_url?"),
        ("slack: {bot_token: xoxb-planted}" + SMALL, "slack.bot_token: found an unknown key"),
        ("listen: {port: 70000}" + SMALL, "listen.port: found 70000, need less than or equal to 65535"),
        ("listen: {port: '9109'}" + SMALL, "listen.port: found '9109', need a valid integer"),
        ("delivery: {post_burst: 0}" + SMALL, "delivery.post_burst: found 0, need"),
        ("slack: {api_url: 'ftp://x'}" + SMALL, "slack.api_url: found 'ftp://x', need"),
        ("state: 5" + SMALL, "state: found 5, need a valid dictionary"),
        ("access: {open_metrics: 'yes'}" + SMALL, "access.open_metrics: found 'yes', need a valid boolean"),
        ("sources: {default: {destinations: [slack]}}", "destinations: found nothing, need a value"),
        (SMALL.replace('channel: "#alerts"', ""), "destinations.slack.channel: found nothing"),
        (SMALL.replace("[slack]", "[slakc]"), "sources.default.destinations: found slakc, need one of slack"),
        (SMALL.replace("default:", "east:"), "sources: found no default"),
        (SMALL.replace("slack:", "Big Name:").replace("[slack]", "[x]"), "destinations.Big Name"),
        ("listen: {tls_key_file: k}" + SMALL, "need both or neither"),
        ("access: {token_files: [absent]}" + SMALL, "absent: not readable"),
        ("listen: {address: 0.0.0.0}" + SMALL, "listen.address: found 0.0.0.0, which others can reach"),
        ("just a text", "found str, need sections"),
        ("a: [1", "found no valid YAML in line 1"),
        ("a: &x [*x", "found no valid YAML"),
        ("", "found NoneType, need sections"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_key_found_and_needed(tmp_path: Path, text: str, said: str) -> None:
    """One sentence is enough to mend it."""
    found = complaint(tmp_path, text)
    assert said in found
    assert str(tmp_path) in found


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"SLACK_BOT_TOKEN": "planted"},
            "SLACK_BOT_TOKEN: found something else, need a token that begins with xoxb-",
        ),
        ({"SLACK_WEBHOOK_URL": "planted"}, "SLACK_WEBHOOK_URL: found something else"),
        ({"SLACK_API_URL": "planted://x"[7:]}, "SLACK_API_URL: found"),
        ({"BRIDGE_LISTEN_PORT": "x"}, "BRIDGE_LISTEN_PORT: found 'x'"),
        ({"BRIDGE_TOKENS": "planted"}, "BRIDGE_TOKENS: found a short token"),
    ],
)
def test_a_wrong_variable_is_named_and_never_shown(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    """A secret in the wrong place must not end in a log."""
    assert said in complaint(tmp_path, **environ)


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    """Nobody should have to start ten times."""
    text = complaint(tmp_path, "listen: {port: -1, portt: x}\nslack: {read_timeout_seconds: 0}" + SMALL)
    for key in ("listen.port", "listen.portt", "slack.read_timeout_seconds"):
        assert key in text


def test_an_absent_or_binary_file_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for a typing error in a path."""
    with pytest.raises(ConfigError, match="not readable"):
        load_config(tmp_path / "absent.yaml", {})
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "binary.yaml", {})


def test_a_webhook_has_one_destination(tmp_path: Path) -> None:
    """Its URL is of one channel; with a token there can be many."""
    two = "destinations: {a: {channel: x}, b: {channel: y}}\nsources: {default: {destinations: [a, b]}}"
    assert "incoming webhook" in complaint(tmp_path, two, SLACK_WEBHOOK_URL="https://h/planted")
    assert len(load(tmp_path, two, **TOKEN).channels) == 2


def test_without_slack_nothing_starts(tmp_path: Path) -> None:
    """A bridge that cannot tell anybody says so at once."""
    with pytest.raises(ConfigError, match="neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL"):
        require_slack(load(tmp_path))
    require_slack(load(tmp_path, **TOKEN))


def test_token_files_lie_beside_the_configuration(tmp_path: Path) -> None:
    """Two lines are two tokens; a source has its own."""
    (tmp_path / "shared").write_text("one-token-of-16-chars\ntwo-token-of-16-chars\n")
    (tmp_path / "own").write_text("own-token-of-16-chars\n")
    text = "access: {token_files: [shared]}\n" + SMALL.replace("[slack]}", "[slack], token_files: [own]}")
    config = load(tmp_path, text)
    (shared,) = config.access.tokens
    assert shared.reveal().split() == ["one-token-of-16-chars", "two-token-of-16-chars"]
    (tmp_path / "shared").write_text("three-token-of-16-chars\n")
    assert shared.reveal() == "three-token-of-16-chars"
    assert config.sources["default"].tokens == (Secret("own-token-of-16-chars"),)


def test_the_description_and_the_repr_show_no_secret(tmp_path: Path) -> None:
    """What --check prints can be pasted anywhere."""
    config = load(
        tmp_path,
        SLACK_BOT_TOKEN="xoxb-planted",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/planted",
        SLACK_SIGNING_SECRET="planted",
        BRIDGE_TOKENS="planted-token-of-16-chars",
    )
    text = describe(config)
    assert "planted" not in text + repr(config)
    assert "POST /alertmanager goes to slack (#alerts)" in text
    assert "bot token" in text
