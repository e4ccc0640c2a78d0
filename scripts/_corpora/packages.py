"""Packages of data, unpacked apart from the product's environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sonar_core.base.errors import SonarError

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


class CorpusMissingError(SonarError, LookupError):
    """A package of data that could not be fetched; what was in the way is on standard error."""

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(f"the package {package} could not be fetched: see above, and try scripts/_corpora/fetch.sh")


def unpacked(package: str) -> Path:
    """The folder of a package of `corpora.lock` or `package.json`, fetched by its hashes the first time.

    Raises:
        CorpusMissingError: it could not be fetched.
    """
    if subprocess.run([_HERE / "fetch.sh", package], check=False).returncode:
        raise CorpusMissingError(package)
    return _ROOT / ".build" / "corpora" / package
