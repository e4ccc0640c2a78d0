"""The Mine's tree of errors. Each message says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sonar_core.base.errors import SonarError
from syft.privacy import Budget

#: Remedy for a damaged state file.
REMEDY = "`ape mine rebuild` makes a new one from the chain, and keeps the old one"


class MineError(SonarError):
    """Root of all errors of ape_mine."""


class HomeBusyError(MineError, RuntimeError):
    """Another process runs this Mine."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"another Mine process uses {home}: stop it, or name another home with --home")


class HomeMissingError(MineError, LookupError):
    """The folder holds no Mine."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"no Mine at {home}: run `ape mine init`, or name its home with --home")


class StateLostError(MineError, LookupError):
    """A Mine's state file, which records what its datasets disclosed, is missing or empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is missing, but not the datasets beside it: restore it from a copy, or {REMEDY}")


class HomeMismatchError(MineError, ValueError):
    """The home belongs to another account, chain or Sonar than the Mine is started with."""

    def __init__(self, home: Path, what: str, kept: object, given: object) -> None:
        self.home, self.what, self.kept, self.given = home, what, kept, given
        super().__init__(f"the Mine at {home} belongs to {what} {kept}, not {given}: use that, or another home")


class HomeLockedError(MineError, RuntimeError):
    """The rows are encrypted, and no passphrase was given."""

    def __init__(self, home: Path, variable: str) -> None:
        self.home = home
        super().__init__(f"the rows of the Mine at {home} are encrypted: set {variable}, or give the passphrase")


class ExtraMissingError(MineError, ModuleNotFoundError):
    """A package of an optional extra is not installed.

    Attributes:
        user: what needs the package.
        package: its name.
        extra: of ape-mine, that installs it.
    """

    def __init__(self, user: str, package: str, *, extra: str) -> None:
        self.user, self.package, self.extra = user, package, extra
        super().__init__(f"{user} needs the package {package}: pip install 'ape-mine[{extra}]'")


class EngineUnreachableError(MineError, ConnectionError):
    """No usable Dask cluster at the given address."""

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"{where}: {why}")


class DatasetError(MineError):
    """Root of errors of a dataset as a whole; errors of single cells are `sonar_core.data.row_errors.RowError`."""


class DatasetNameError(DatasetError, ValueError):
    """Not a valid name of a dataset."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r:.80} is no valid name for a dataset: use 1 to 64 lower-case letters, digits, - and _"
        )


class DatasetFileError(DatasetError, ValueError):
    """A file that cannot be imported as a table."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class DatasetExistsError(DatasetError, FileExistsError):
    """A dataset of that name exists."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the Mine already has a dataset {name!r}: choose another name, or give --replace")


class DatasetMissingError(DatasetError, LookupError):
    """No dataset of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the Mine has no dataset {name!r}: add it with `ape mine add {name} FILE SCHEMA`")


class DatasetCorruptError(DatasetError, ValueError):
    """A dataset's file in the home is damaged."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"dataset {name!r} in the Mine's home is damaged ({why}): add it again with --replace")


class DatasetChangedError(DatasetError, RuntimeError):
    """Another process changed the dataset while a new version was being made."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"dataset {name!r} was changed by another process meanwhile: try again")


class DatasetSchemaError(DatasetError, ValueError):
    """Rows that cannot be merged with those of a dataset."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"dataset {name!r} {why}: choose another name, or give --replace")


class DatasetLockedError(DatasetError, RuntimeError):
    """The rows are encrypted, and the store is locked."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"dataset {name!r} is encrypted: give the Mine's passphrase")


class ImportingError(MineError):
    """Root of errors of an import, which then changes nothing."""


class AdapterUnknownError(ImportingError, LookupError):
    """No adapter of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(f"unknown source {name!r:.80}: choose one of {', '.join(known)}, or install its plugin")


class AdapterBrokenError(ImportingError, TypeError):
    """A plugin's adapter cannot be used."""

    def __init__(self, name: str, value: str, why: str) -> None:
        self.name, self.value, self.why = name, value, why
        super().__init__(f"the plugin's adapter {name!r} ({value}) cannot be used: {why}")


class ImportOptionError(ImportingError, ValueError):
    """A missing, unknown or invalid option of an import."""

    def __init__(self, option: str, why: str) -> None:
        self.option, self.why = option, why
        super().__init__(f"{option}: {why}")


class SourceError(ImportingError, ValueError):
    """A source that cannot be read.

    Attributes:
        where: path or URL, and the part of it.
        why: the reason.
    """

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"{where}: {why}")


class LabelError(ImportingError, ValueError):
    """A file of labels that cannot be joined with a source's records."""

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class PolicyError(MineError, ValueError):
    """An invalid policy: nothing leaves until it is corrected."""

    def __init__(self, why: str, source: Path | None = None) -> None:
        self.why, self.source = why, source
        super().__init__(f"{source or 'policy'}: {why}")


class BudgetExceededError(MineError, ValueError):
    """A Gradient would disclose more of a dataset than its privacy budget allows.

    Attributes:
        dataset: its name.
        budget: the policy's.
        asked: epsilon of the release that the Gradient needs, at the budget's delta; 0 if it needs no new one.
        left: epsilon that may still be spent, at the same delta.
    """

    def __init__(self, dataset: str, budget: Budget, *, asked: float, left: float) -> None:
        self.dataset, self.budget, self.asked, self.left = dataset, budget, asked, left
        super().__init__(
            f"dataset {dataset!r}: epsilon {left:.3g} of {budget.epsilon:g} is left at delta {budget.delta:g}, but "
            f"this needs {asked:.3g}: raise its budget in the policy, or remove its rules"
        )


class ExactStatisticsLeftError(MineError, ValueError):
    """No privacy budget can hold for a dataset whose exact statistics were used before.

    Attributes:
        dataset: its name.
        gradients: number of Gradients from its exact statistics.
    """

    def __init__(self, dataset: str, gradients: int) -> None:
        self.dataset, self.gradients = dataset, gradients
        super().__init__(
            f"dataset {dataset!r}: {gradients} Gradients were made from its exact statistics, so no epsilon can be "
            "kept: put new rows into another dataset, or remove its privacy from the policy"
        )


class SpendingUnknownError(MineError, ValueError):
    """The record of a dataset's disclosures was lost with the state file, so its budget counts as spent."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(
            f"dataset {dataset!r}: its disclosures before the state file was rebuilt are unknown, so its budget counts "
            "as spent: restore the old file from a copy, or put new rows into another dataset"
        )


class ReleaseCorruptError(MineError, ValueError):
    """Noisy statistics in the home are damaged; they are never drawn a second time."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        super().__init__(
            f"the noisy statistics of dataset {dataset!r} are damaged: restore the Mine's home from a copy"
        )


class CampaignUnusableError(MineError, ValueError):
    """A Campaign published something that a Mine must not work with."""


class AccountBusyError(MineError, RuntimeError):
    """A transaction of the account is pending, so that the next nonce is uncertain."""

    def __init__(self, account: str) -> None:
        self.account = account
        super().__init__(f"another transaction of {account} is pending: give the Mine an account of its own")


class LogsMissingError(MineError, RuntimeError):
    """The node returned fewer Gradients than the contract counts; the Mine's own may be among the missing ones.

    Attributes:
        campaign: id.
        reported, counted: number of Gradients in the node's logs, and in the contract.
    """

    def __init__(self, campaign: bytes, reported: int, counted: int) -> None:
        self.campaign, self.reported, self.counted = campaign, reported, counted
        super().__init__(
            f"the node reports {reported} Gradients of Campaign 0x{campaign.hex()}, but the contract counts {counted}: "
            "nothing is submitted until the node returns all logs"
        )


class TroubleError(MineError, RuntimeError):
    """An error of `ape mine run --once` or `ape mine claim`; the next run tries again."""

    def __init__(self, campaign: bytes | None, why: str) -> None:
        self.campaign, self.why = campaign, why
        super().__init__(f"Campaign 0x{campaign.hex()}: {why}" if campaign else why)


def raise_trouble(troubles: Iterable[tuple[bytes | None, str]]) -> None:
    """Raises TroubleError for the first of the given Campaigns and messages, if there is any."""
    for campaign, why in troubles:
        raise TroubleError(campaign, why)


class NothingToApproveError(MineError, LookupError):
    """No Campaign of that id awaits approval by hand."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        super().__init__(f"no Campaign {campaign} awaits approval: `ape mine status` lists those that do")
