"""The Mine's tree of errors. Each says what was wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sonar_core.base.errors import SonarError
from syft.privacy import Budget

#: What mends a Mine's state file.
REMEDY = "`ape mine rebuild` makes it anew from the chain, and keeps what is there"


class MineError(SonarError):
    """Root of everything that ape_mine raises."""


class HomeBusyError(MineError, RuntimeError):
    """Another process already works for this Mine."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"another Mine process uses {home}: stop it, or name another home with --home")


class HomeMissingError(MineError, LookupError):
    """There is no Mine in this folder yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"no Mine at {home}: run `ape mine init`, or name its home with --home")


class StateLostError(MineError, LookupError):
    """A Mine's folder without its state file, or with an empty one: what its datasets have told is in there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is gone, but not the datasets beside it: restore it from a copy, or {REMEDY}")


class HomeMismatchError(MineError, ValueError):
    """The home belongs to another account, chain or Sonar than the Mine is started with."""

    def __init__(self, home: Path, what: str, kept: object, given: object) -> None:
        self.home, self.what, self.kept, self.given = home, what, kept, given
        super().__init__(f"the Mine at {home} belongs to {what} {kept}, not {given}: use that, or another home")


class HomeLockedError(MineError, RuntimeError):
    """Rows that rest under a passphrase, and none was given."""

    def __init__(self, home: Path, variable: str) -> None:
        self.home = home
        super().__init__(f"the rows of the Mine at {home} are encrypted: set {variable}, or give the passphrase")


class EngineMissingError(MineError, ModuleNotFoundError):
    """What an engine needs is not installed."""

    def __init__(self, engine: str, package: str) -> None:
        self.engine, self.package = engine, package
        super().__init__(f"the engine {engine} needs the package {package}: pip install 'ape-mine[{engine}]'")


class EngineUnreachableError(MineError, ConnectionError):
    """Nothing that can compute is where an engine was said to be."""

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"{where}: {why}")


class DatasetError(MineError):
    """Root of what can be wrong with a dataset as a whole; a cell's faults are RowErrors of ape_sonar."""


class DatasetNameError(DatasetError, ValueError):
    """A name that cannot name a dataset."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r:.80} cannot name a dataset: use 1 to 64 lower-case letters, digits, - and _")


class DatasetFileError(DatasetError, ValueError):
    """A file that is no table."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class DatasetExistsError(DatasetError, FileExistsError):
    """A dataset of that name is there already."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the Mine already has a dataset {name!r}: choose another name, or give --replace")


class DatasetMissingError(DatasetError, LookupError):
    """No dataset of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the Mine has no dataset {name!r}: add it with `ape mine add {name} FILE SCHEMA`")


class DatasetCorruptError(DatasetError, ValueError):
    """A dataset in the home that is not as it was written."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"dataset {name!r} in the Mine's home is damaged ({why}): add it again with --replace")


class DatasetChangedError(DatasetError, RuntimeError):
    """A dataset that another process changed while a new version of it was being made."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"dataset {name!r} was changed by another process meanwhile: try again")


class DatasetSchemaError(DatasetError, ValueError):
    """Rows that cannot go beside those that a dataset has."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"dataset {name!r} {why}: choose another name, or give --replace")


class DatasetLockedError(DatasetError, RuntimeError):
    """Encrypted rows without the passphrase."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"dataset {name!r} is encrypted: give the Mine's passphrase")


class ImportingError(MineError):
    """Root of what can stand in the way of an import; nothing of it stays in the Mine."""


class AdapterUnknownError(ImportingError, LookupError):
    """No adapter of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(f"nothing reads {name!r:.80}: choose one of {', '.join(known)}, or install its plugin")


class AdapterBrokenError(ImportingError, TypeError):
    """A plugin names an adapter that cannot be used."""

    def __init__(self, name: str, value: str, why: str) -> None:
        self.name, self.value, self.why = name, value, why
        super().__init__(f"the plugin's adapter {name!r} ({value}) cannot be used: {why}")


class ImportOptionError(ImportingError, ValueError):
    """An option of an import that is missing, unknown or wrong."""

    def __init__(self, option: str, why: str) -> None:
        self.option, self.why = option, why
        super().__init__(f"{option}: {why}")


class SourceError(ImportingError, ValueError):
    """A source that cannot be read.

    Attributes:
        where: path or address of it, and of the part.
        why: what is wrong.
    """

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"{where}: {why}")


class LabelError(ImportingError, ValueError):
    """A file of labels that cannot be joined to a source's records."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class PolicyError(MineError, ValueError):
    """A policy that cannot be followed: nothing leaves until it is put right."""

    def __init__(self, why: str, source: Path | None = None) -> None:
        self.why, self.source = why, source
        super().__init__(f"{source or 'policy'}: {why}")


class BudgetExceededError(MineError, ValueError):
    """A Gradient would tell more of a dataset than its policy allows.

    Attributes:
        dataset: its name.
        budget: the policy's.
        asked: epsilon of what would be released, at the budget's delta; 0 where nothing new would be.
        left: epsilon of what may still be released, at the same delta.
    """

    def __init__(self, dataset: str, budget: Budget, *, asked: float, left: float) -> None:
        self.dataset, self.budget, self.asked, self.left = dataset, budget, asked, left
        super().__init__(
            f"dataset {dataset!r}: epsilon {left:.3g} of {budget.epsilon:g} is left at delta {budget.delta:g}, and "
            f"this asks for {asked:.3g}: raise its budget in the policy, or keep it out of the rules"
        )


class ExactStatisticsLeftError(MineError, ValueError):
    """Nothing can be promised of a dataset of which Gradients without noise were made before.

    Attributes:
        dataset: its name.
        gradients: how many there were.
    """

    def __init__(self, dataset: str, gradients: int) -> None:
        self.dataset, self.gradients = dataset, gradients
        super().__init__(
            f"dataset {dataset!r}: {gradients} Gradients were made from its exact statistics, so no epsilon can be "
            "kept: give rows that were not in it a dataset of their own, or take its privacy out of the policy"
        )


class SpendingUnknownError(MineError, ValueError):
    """Nobody knows what was told of a dataset: the state file that held it was lost. So all of it counts as told."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(
            f"dataset {dataset!r}: what was told of it before the state file was rebuilt is not known, so its budget "
            "counts as spent: restore the old file from a copy, or give rows that were not in it a dataset of their own"
        )


class ReleaseCorruptError(MineError, ValueError):
    """Noisy statistics in the home that are not as they were written; they are not drawn a second time."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(
            f"the noisy statistics of dataset {dataset!r} are damaged: restore the Mine's home from a copy"
        )


class CampaignUnusableError(MineError, ValueError):
    """Something a Campaign published that a Mine must not work with: the message says what."""


class AccountBusyError(MineError, RuntimeError):
    """A transaction of the account waits for a block, so that the next nonce is not known for certain."""

    def __init__(self, account: str) -> None:
        self.account = account
        super().__init__(f"another transaction of {account} waits for its block: give the Mine an account of its own")


class LogsMissingError(MineError, RuntimeError):
    """The node tells of fewer Gradients than the contract counts: whether the Mine's own is among them is not known.

    Attributes:
        campaign: id.
        told, counted: Gradients by the node's logs, and by the contract.
    """

    def __init__(self, campaign: bytes, told: int, counted: int) -> None:
        self.campaign, self.told, self.counted = campaign, told, counted
        super().__init__(
            f"the node tells of {told} Gradients of Campaign 0x{campaign.hex()}, and the contract counts {counted}: "
            "nothing is submitted until the node gives all logs"
        )


class TroubleError(MineError, RuntimeError):
    """Something stood in the way of a single pass; the same is tried again at the next."""

    def __init__(self, campaign: bytes | None, why: str) -> None:
        self.campaign, self.why = campaign, why
        super().__init__(f"Campaign 0x{campaign.hex()}: {why}" if campaign else why)


class NothingToApproveError(MineError, LookupError):
    """No Campaign awaits an approval by hand under that id."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        super().__init__(f"no Campaign {campaign} awaits approval: `ape mine status` lists those that do")
