from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from exporter.config import load_config
from exporter.config_rollout import CandidateSettings, ChallengerSettings, RolloutSettings
from exporter.errors import ConfigError
from exporter.rollout import RolloutPolicy, Stage

CHALLENGER = "challenger: {version: '2', factory: 'a:b', reference: r.json}"


def load(folder: Path, text: str) -> RolloutSettings | None:
    path = folder / "exporter.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, {}).rollout


def test_a_challenger_is_enough(tmp_path: Path) -> None:
    """The policy is the default one, and files are relative to the configuration."""
    assert load(tmp_path, f"rollout: {{state_file: s.json, {CHALLENGER}}}") == RolloutSettings(
        state_path=tmp_path / "s.json",
        policy=RolloutPolicy(),
        challenger=ChallengerSettings(version="2", factory="a:b", reference=tmp_path / "r.json"),
    )


def test_every_key_reaches_the_policy(tmp_path: Path) -> None:
    """Stages in their order, guardrails, and a file that names candidates."""
    settings = load(
        tmp_path,
        """
        rollout:
          state_file: /var/s.json
          candidate_file: c.json
          loader: pkg.mod:load
          stages: [{kind: shadow}, {kind: ab, share: 0.5, min_rows: 10, min_seconds: 0}]
          alpha: 0.01
          promote_on: not_worse
          margin: 0.02
          max_rows: 5000
          max_seconds: 60
          guard_alpha: 0.02
          error_tolerance: 0.03
          slow_tolerance: 0.04
          fallback_tolerance: 0.05
          slow_seconds: 2
          max_waiting_calls: 7
          sync_seconds: 0.5
        """,
    )
    assert settings is not None
    assert settings.candidates == CandidateSettings(file=tmp_path / "c.json", loader="pkg.mod:load")
    assert settings.state_path == Path("/var/s.json")
    assert settings.policy == RolloutPolicy(
        stages=(Stage(kind="shadow"), Stage(kind="ab", share=0.5, min_rows=10, min_seconds=0)),
        alpha=0.01,
        promote_on="not_worse",
        margin=0.02,
        max_rows=5000,
        max_seconds=60,
        guard_alpha=0.02,
        error_tolerance=0.03,
        slow_tolerance=0.04,
        fallback_tolerance=0.05,
        slow_seconds=2,
        max_waiting_calls=7,
        sync_seconds=0.5,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", r"exporter.yaml: rollout.state_file: found nothing, need a value"),
        ("{state_file: s.json}", "rollout: found both or neither of challenger and candidate_file, need one"),
        (
            f"{{state_file: s.json, {CHALLENGER}, candidate_file: c.json, loader: 'a:b'}}",
            "rollout: found both or neither of challenger and candidate_file",
        ),
        (
            "{state_file: s.json, candidate_file: c.json}",
            "found only one of candidate_file and loader, need both or neither",
        ),
        (
            "{state_file: s.json, candidate_file: c.json, loader: 'a:b', stages: [{kind: ab, share: 0.5}]}",
            "rollout.stages: found ab as the first with candidate_file, need shadow",
        ),
        (
            "{state_file: s.json, stage: []}",
            "rollout.stage: unknown key, need one of state_file, challenger, candidate_file, loader, stages",
        ),
        (
            "{state_file: s.json, stages: [{kind: shadow, rows: 1}]}",
            "rollout.stages.0.rows: unknown key, need one of kind, share, min_rows, min_seconds",
        ),
        (
            "{state_file: s.json, stages: [{kind: half}]}",
            "rollout.stages.0.kind: found 'half', need 'shadow'",
        ),
        (
            "{state_file: s.json, challenger: {version: 2, factory: 'a:b', reference: r}}",
            "rollout.challenger.version: found 2, need a valid string",
        ),
        (
            "{state_file: s.json, challenger: {version: '2', factory: 'a.b', reference: r}}",
            "rollout.challenger.factory: found 'a.b'",
        ),
        (
            "{state_file: s.json, challenger: {version: '2', factory: 'a:b'}}",
            "rollout.challenger.reference: found nothing, need a value",
        ),
        (
            f"{{state_file: s.json, {CHALLENGER}, alpha: 2}}",
            "exporter.yaml: rollout.alpha: found 2.0, need a",
        ),
        (
            f"{{state_file: s.json, {CHALLENGER}, max_rows: 10}}",
            "exporter.yaml: rollout.max_rows: found 10, need the 6000 of all stages or more",
        ),
        (
            f"{{state_file: s.json, {CHALLENGER}, stages: [{{kind: ab, share: 0.5}}, {{kind: shadow}}]}}",
            "rollout.stages: found the shares 0.5, 0.0, need ones that never shrink",
        ),
        (f"{{state_file: s.json, {CHALLENGER}, promote_on: luck}}", "rollout.promote_on: found 'luck', need"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """File, key, what was found and what is needed, before anything is loaded."""
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, f"rollout: {text}")


def test_the_shipped_example_says_the_defaults(tmp_path: Path) -> None:
    """What the file shows in comments can be used as it stands."""
    lines = Path("config/exporter.yaml").read_text("utf-8").splitlines()
    begin = lines.index("# rollout:")
    block = itertools.takewhile(lambda line: line.startswith("#"), lines[begin:])
    settings = load(tmp_path, "\n".join(line.removeprefix("# ") for line in block))
    assert settings is not None
    assert settings.policy == RolloutPolicy()
