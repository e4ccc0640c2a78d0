"""Builds a Gradient: fetches and checks a Campaign's blobs, trains, and seals the result to the Capsule.

Nothing is published here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter

import pandas as pd
from cachetools import LRUCache, cachedmethod

from ape_mine.datasets.dataset import Dataset
from ape_mine.errors import CampaignUnusableError
from ape_mine.policy.document import Privacy
from ape_mine.policy.schema_matching import Match
from ape_mine.training.gradient_task import (
    LocalResult,
    gradient,
    local_statistics,
    noisy_statistics,
    rows_at_once,
    statistics_key,
)
from ape_mine.training.noisy_releases import NoisyReleases
from ape_mine.training.statistics_cache import StatisticsCache
from sonar_core.crypto.sealed_messages import seal_anonymous
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.data.row_errors import RowError
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.gradient_bundle import Bundle, new_salt
from sonar_core.protocol.ledger import CampaignState
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import read_frozen, read_keyring, read_public_key, read_spec, read_tensor, read_texts
from syft import TaskExecutor, wire
from syft.nn import LocalStatistics, Model
from syft.paillier import EncryptedTensor, PublicContext
from syft.privacy import Release

#: Default limit of a Model's features: the size of statistics is quadratic in it.
MOST_FEATURES = 4_096
#: Limit of a Model's ciphertexts: each costs one multiplication per feature.
MOST_CIPHERTEXTS = 65_536
_CACHED_SPECS, _CACHED_CAMPAIGNS = 256, 4
#: One only, since text encoders are large.
_CACHED_ENCODERS = 1


@dataclass(frozen=True, slots=True)
class SealedGradient:
    """A Gradient that is ready for submission.

    Attributes:
        version: Model version that it was computed from.
        sealed: the bundle, sealed to the Capsule.
        commitment: to the bundle's content.
        release: key of the noisy statistics that it was computed from; None for exact statistics.
    """

    version: int
    sealed: bytes
    commitment: bytes
    release: bytes | None


@dataclass(frozen=True, slots=True)
class _TrainingSetup:
    """Shared by all rounds of a Campaign: its Model, and its public key with the Mine's own re-randomiser."""

    model: Model
    context: PublicContext


class GradientBuilder:
    """Fetches, trains and seals.

    Args:
        store: of the Campaigns' blobs.
        statistics: cache of exact local statistics.
        releases: noisy statistics.
        most_features: limit of a Model's features.
        executor: computes statistics and matrix products; None computes them in this process.
    """

    def __init__(
        self,
        store: BlobStore,
        statistics: StatisticsCache,
        releases: NoisyReleases,
        *,
        most_features: int = MOST_FEATURES,
        executor: TaskExecutor | None = None,
    ) -> None:
        self._store = store
        self._statistics = statistics
        self._releases = releases
        self._most_features = most_features
        self._executor = executor
        self._specs: LRUCache[bytes, CampaignSpec] = LRUCache(_CACHED_SPECS)
        self._encoders: LRUCache[bytes, RowEncoder] = LRUCache(_CACHED_ENCODERS)
        self._setups: LRUCache[Hashable, _TrainingSetup] = LRUCache(_CACHED_CAMPAIGNS)
        self._projected: LRUCache[bytes, LocalStatistics] = LRUCache(_CACHED_CAMPAIGNS)

    @cachedmethod(attrgetter("_specs"), key=lambda _self, campaign: campaign.terms.spec)
    def spec(self, campaign: CampaignState) -> CampaignSpec:
        """The Campaign's spec. Raises StoreError, BlobError, SpecError."""
        return read_spec(self._store, campaign.terms.spec)

    def statistics_key(self, campaign: CampaignState, dataset: Dataset, match: Match) -> bytes:
        """Key of the statistics that a Campaign needs from a dataset, 32 bytes. Raises as `spec`."""
        return statistics_key(self.spec(campaign), dataset.version, match)

    def build(
        self,
        campaign: CampaignState,
        dataset: Dataset,
        match: Match,
        privacy: Privacy | None,
        *,
        own_mu: bool = False,
        chain_id: int,
        contract: str,
        miner: str,
    ) -> SealedGradient:
        """Builds a Gradient of the Campaign's newest Model from a dataset.

        Args:
            campaign, dataset, match: the Campaign, the rows, and the columns for its fields.
            privacy: the policy's terms for the dataset; None for exact statistics.
            own_mu: whether cross-validation chooses mu for a fresh Model (exact statistics only).
            chain_id, contract, miner: stated in the bundle.

        Raises:
            StoreError, BlobError: a blob cannot be fetched.
            FormatError, SyftError, CertificateError: a blob is invalid.
            CampaignUnusableError: the Model is too large, or a row has a value that it does not take.
            DatasetError: the dataset cannot be read.
            BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError: the privacy budget forbids it.
            ReleaseCorruptError: the noisy statistics are damaged.
        """
        head, version = self.train(campaign, dataset, match, privacy, own_mu=own_mu), campaign.model.version
        release = self.statistics_key(campaign, dataset, match) if privacy else None
        bundle = Bundle(chain_id, contract, campaign.id, miner, version, new_salt(), wire.dumps_tensor(head))
        ring = read_keyring(self._store, campaign.certificates)
        sealed = seal_anonymous(bundle.to_bytes(), ring)
        return SealedGradient(version, sealed, bundle.commitment(tensor_root(head)), release)

    def train(
        self,
        campaign: CampaignState,
        dataset: Dataset,
        match: Match,
        privacy: Privacy | None,
        *,
        own_mu: bool = False,
    ) -> EncryptedTensor:
        """Computes the Gradient, re-randomised. Raises as `build`."""
        spec = self.spec(campaign)
        setup = self._set_up(campaign, spec)
        head = read_tensor(self._store, campaign.model.address, campaign.model.root, setup.context)
        if len(head.ciphertexts) > MOST_CIPHERTEXTS:
            raise CampaignUnusableError(
                f"its Model has {len(head.ciphertexts)} ciphertexts, but a Mine trains at most {MOST_CIPHERTEXTS}"
            )
        question = _Question(spec, setup.model, dataset, match)
        if privacy:
            # Cross-validation on noisy folds would cost more budget, or add more noise.
            return gradient(setup.model, self._noisy(question, privacy), head)
        local = self._exact(question, own_mu and _is_fresh(campaign))
        return gradient(setup.model, local.statistics, head, local.mu)

    @cachedmethod(attrgetter("_setups"), key=lambda _self, campaign, _spec: (campaign.id, campaign.start))
    def _set_up(self, campaign: CampaignState, spec: CampaignSpec) -> _TrainingSetup:
        assert campaign.start is not None  # an open Campaign has one
        model = spec.model(read_frozen(self._store, spec))
        features = model.shape[0]
        if features > self._most_features:
            raise CampaignUnusableError(
                f"its Model has {features} features, but --most-features allows {self._most_features}"
            )
        start = campaign.start
        published = read_public_key(self._store, start.public_key, start.public_key_root, bits=spec.key_bits)
        return _TrainingSetup(model, PublicContext(published.public_key, executor=self._executor))

    @cachedmethod(attrgetter("_encoders"), key=lambda _self, spec: spec.to_bytes())
    def _encoder(self, spec: CampaignSpec) -> RowEncoder:
        """Row encoder; fetched only if rows are read, which most rounds do not need."""
        return spec.encoder(read_texts(self._store, spec))

    def _exact(self, question: _Question, own_mu: bool) -> LocalResult:
        key = question.key_with_mu if own_mu else question.key
        found = self._statistics.get(key)
        if found is None:
            with _no_value_in_errors(question.dataset):
                found = local_statistics(
                    question.model,
                    self._encoder(question.spec),
                    question.match,
                    question.frames(),
                    seed=question.dataset.version if own_mu else None,
                    executor=self._executor,
                )
            self._statistics.put(key, found)
        return found

    def _noisy(self, question: _Question, privacy: Privacy) -> LocalStatistics:
        def draw(rho: Fraction) -> Release:
            with _no_value_in_errors(question.dataset):
                return noisy_statistics(
                    question.model,
                    self._encoder(question.spec),
                    question.match,
                    question.frames(),
                    clip=privacy.clip,
                    rho=rho,
                    executor=self._executor,
                )

        # The budget is checked each round. The projection, an eigendecomposition, is cached.
        release = self._releases.take(question.key, question.dataset, privacy, draw)
        if question.key not in self._projected:
            self._projected[question.key] = release.statistics()
        return self._projected[question.key]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a Campaign asks of a dataset's rows."""

    spec: CampaignSpec
    model: Model
    dataset: Dataset
    match: Match

    @property
    def key(self) -> bytes:
        return statistics_key(self.spec, self.dataset.version, self.match)

    @property
    def key_with_mu(self) -> bytes:
        """Key of statistics with a mu: those without are computed faster, and cached separately."""
        return hashlib.sha256(b"mu of its own" + self.key).digest()

    def frames(self) -> Iterator[pd.DataFrame]:
        columns = [*self.match.columns, *self.match.outputs]
        return self.dataset.frames(columns, rows_at_once=rows_at_once(self.model))


@contextmanager
def _no_value_in_errors(dataset: Dataset) -> Iterator[None]:
    try:
        yield
    except RowError as error:
        where = f"row {error.row}, column {error.column!r}"
        raise CampaignUnusableError(
            f"dataset {dataset.name}: {where} has a value that the Model does not take"
        ) from None


def _is_fresh(campaign: CampaignState) -> bool:
    """Whether the newest Model is untrained, which cross-validation assumes."""
    return campaign.model.version == 0 and not any(campaign.terms.parent)
