"""The cast and the stage of every test that needs a chain. Suites without one never touch these fixtures."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No test measures time, and a busy machine fails none.
settings.register_profile("sonar", deadline=None)
settings.load_profile("sonar")

#: Fixtures of Ape's test plugin: whoever asks for one needs a chain.
_ON_CHAIN = {"accounts", "chain", "networks", "project"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a chain, so that the suites without one leave it out."""
    for item in items:
        if _ON_CHAIN & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.chain)


def _role(place: int):
    """The fixture of a party: one of Ape's test accounts."""
    return pytest.fixture(lambda accounts: accounts[place])


deployer, scientist, capsule, miner, second_miner, arbiter, stranger, attacker = map(_role, range(8))


@pytest.fixture
def sonar(project, deployer):
    """The Sonar contract, with a registry of its own."""
    registry = deployer.deploy(project.CapsuleRegistry)
    return deployer.deploy(project.Sonar, registry)


@pytest.fixture
def token(project, deployer, scientist, capsule, attacker):
    """An honest ERC-20; everybody who puts money in trust has some."""
    token = deployer.deploy(project.PlainToken)
    for holder in (scientist, capsule, attacker):
        token.mint(holder, 10**15, sender=deployer)
    return token


@pytest.fixture
def stage(sonar, chain, scientist, capsule, miner):
    """Sonar with an announced Capsule, and short words for what the parties do."""
    from tests.world.contracts import Stage

    return Stage(sonar, chain, scientist, capsule, miner)
