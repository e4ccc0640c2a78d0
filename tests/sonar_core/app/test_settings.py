"""Settings come from the environment, then from the section `sonar` of ape-config.yaml, and one page lists them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ape.api.config import ApeConfig
from ape.managers.config import ConfigManager

from sonar_core.app.settings import SonarConfig, configured_store, settings
from sonar_core.base.errors import UsageError
from sonar_core.chain.gas_fees import HIGHEST_FEE
from sonar_core.store.embedded import EmbeddedStore

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/settings.md").read_text()


@pytest.fixture
def section(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a section `sonar` into the project's settings, with or without the plugin that declares it."""
    monkeypatch.delenv("SONAR_HOME", raising=False)
    monkeypatch.delenv("SONAR_STORE", raising=False)

    def put(content: dict[str, Any], *, plugin: bool) -> None:
        declared = [("sonar", SonarConfig)] if plugin else []
        monkeypatch.setattr(ApeConfig, "_get_config_plugin_classes", lambda self: declared)
        config = ApeConfig.model_validate({"sonar": content})
        monkeypatch.setattr(ConfigManager, "get_config", lambda self, name: config.get_config(name))

    return put


@pytest.mark.parametrize("plugin", [True, False], ids=["with ape_sonar", "without ape_sonar"])
def test_the_section_is_read_whichever_plugins_are_installed(section: Any, plugin: bool) -> None:
    section({"home": "elsewhere", "poll_interval": 7, "tokens": {424242: {"USDX": "0x" + "11" * 20}}}, plugin=plugin)
    known = settings()
    assert (known.home, known.poll_interval, known.highest_fee) == (Path("elsewhere"), 7.0, HIGHEST_FEE)
    assert known.tokens == {424242: {"USDX": "0x" + "11" * 20}}
    assert known.store_uri == "embedded:elsewhere/blobs"


@pytest.mark.parametrize("plugin", [True, False])
def test_the_environment_comes_first_and_an_empty_variable_is_none(
    section: Any, plugin: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    section({"home": "of the file", "store": "embedded:of-the-file"}, plugin=plugin)
    for name, value in {"SONAR_HOME": "", "SONAR_STORE": f"embedded:{tmp_path}", "SONAR_CONFIRMATIONS": "3"}.items():
        monkeypatch.setenv(name, value)
    known = settings()
    assert (known.home, known.store, known.confirmations) == (Path("of the file"), f"embedded:{tmp_path}", 3)
    assert isinstance(configured_store(), EmbeddedStore)


def test_a_wrong_setting_is_named(section: Any) -> None:
    section({"poll_intervall": 7}, plugin=False)
    with pytest.raises(UsageError, match=r"section `sonar` of ape-config.yaml.*poll_intervall"):
        settings()


def test_a_wrong_variable_is_named(section: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    section({}, plugin=True)
    monkeypatch.setenv("SONAR_POLL_INTERVAL", "soon")
    with pytest.raises(UsageError, match=r"SONAR_\*: poll_interval"):
        settings()


def test_the_page_lists_every_setting_and_no_other() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", PAGE, re.M))
    assert listed.keys() == SonarConfig.model_fields.keys()
    for name, field in SonarConfig.model_fields.items():
        default = field.get_default(call_default_factory=True)
        assert listed[name] == (str(default) if isinstance(default, Path) else repr(default)), name


def test_the_page_lists_every_variable_that_the_code_reads() -> None:
    named = set(re.findall(r"`(SONAR_\w+|APE_ACCOUNTS_<alias>_PASSPHRASE|\w+_RPC)`", PAGE))
    fields = {f"SONAR_{name.upper()}" for name in SonarConfig.model_fields}
    read = {"APE_ACCOUNTS_<alias>_PASSPHRASE"}
    for file in (ROOT / "plugins").rglob("*.py"):
        read |= set(re.findall(r"\"(SONAR_[A-Z_]+)\"", file.read_text()))
    read |= set(re.findall(r"\$\{(\w+)\}", (ROOT / "ape-config.yaml").read_text()))
    assert read - fields - {"SONAR_"} == named - fields
