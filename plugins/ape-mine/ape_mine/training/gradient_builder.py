"""Where a Mine's work is done: a Campaign's blobs fetched and checked, the task run, its Gradient sealed.

Nothing is published here: what leaves the workshop is sealed and has its address, no more.
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

from ape_mine.datasets.store import Dataset
from ape_mine.errors import CampaignUnusableError
from ape_mine.policy.document import Privacy
from ape_mine.policy.schema_matching import Match
from ape_mine.training.gradient_task import (
    LocalResult,
    gradient,
    noisy_statistics,
    own_statistics,
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
from sonar_core.store.artifacts import read_frozen, read_public_key, read_ring, read_spec, read_tensor, read_texts
from syft import TaskExecutor, wire
from syft.nn import LocalStatistics, Model
from syft.paillier import EncryptedTensor, PublicContext
from syft.privacy import Release

#: Features of the largest Model that is trained, unless the Miner allows more: statistics take their square.
MOST_FEATURES = 4_096
#: Ciphertexts of the largest Model that is trained: each costs as many multiplications as there are features.
MOST_CIPHERTEXTS = 65_536
_SPECS_KEPT, _BENCHES_KEPT = 256, 4
#: Encoders of texts are large.
_ENCODERS_KEPT = 1


@dataclass(frozen=True, slots=True)
class SealedGradient:
    """A Gradient as it may leave.

    Attributes:
        version: of the Model that it was computed from.
        sealed: the bundle, sealed to the Capsule.
        commitment: to the bundle.
        release: key of the noisy statistics that it came from; None for exact ones.
    """

    version: int
    sealed: bytes
    commitment: bytes
    release: bytes | None


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all rounds of one Campaign share: its Model, and its key with a re-randomiser of the Mine's own."""

    model: Model
    context: PublicContext


class GradientBuilder:
    """Fetches, trains and seals.

    Args:
        store: where Campaigns publish.
        statistics: where exact local statistics are kept.
        releases: where noisy ones are.
        most_features: of the largest Model that is trained.
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
        self._specs: LRUCache[bytes, CampaignSpec] = LRUCache(_SPECS_KEPT)
        self._encoders: LRUCache[bytes, RowEncoder] = LRUCache(_ENCODERS_KEPT)
        self._benches: LRUCache[Hashable, _Bench] = LRUCache(_BENCHES_KEPT)
        self._projected: LRUCache[bytes, LocalStatistics] = LRUCache(_BENCHES_KEPT)

    @cachedmethod(attrgetter("_specs"), key=lambda _self, campaign: campaign.terms.spec)
    def spec(self, campaign: CampaignState) -> CampaignSpec:
        """The Campaign's spec. Raises StoreError, BlobError, SpecError."""
        return read_spec(self._store, campaign.terms.spec)

    def question(self, campaign: CampaignState, dataset: Dataset, match: Match) -> bytes:
        """Key of the statistics that a Campaign asks of a dataset, 32 bytes. Raises as `spec` does."""
        return statistics_key(self.spec(campaign), dataset.version, match)

    def seal(
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
        """A Gradient of the Campaign's newest Model from a dataset.

        Args:
            campaign, dataset, match: what to train for, and on.
            privacy: the policy's terms for the dataset; None for exact statistics.
            own_mu: whether the rows choose how far a fresh Model is pulled (exact statistics only).
            chain_id, contract, miner: whose it is.

        Raises:
            StoreError, BlobError: a blob cannot be fetched.
            FormatError, SyftError, CertificateError: a blob is not what it should be.
            CampaignUnusableError: a Model that this Mine does not train, or rows that do not serve it.
            DatasetError: the dataset cannot be read.
            BudgetExceededError, ExactStatisticsLeftError: its privacy does not allow it.
            ReleaseCorruptError: noisy statistics that were released are damaged.
        """
        head, version = self.train(campaign, dataset, match, privacy, own_mu=own_mu), campaign.model.version
        release = self.question(campaign, dataset, match) if privacy else None
        bundle = Bundle(chain_id, contract, campaign.id, miner, version, new_salt(), wire.dumps_tensor(head))
        ring = read_ring(self._store, campaign.certificates)
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
        """The Gradient itself, re-randomised. Raises as `seal` does."""
        spec = self.spec(campaign)
        bench = self._set_up(campaign, spec)
        head = read_tensor(self._store, campaign.model.address, campaign.model.root, bench.context)
        if len(head.ciphertexts) > MOST_CIPHERTEXTS:
            raise CampaignUnusableError(
                f"its Model has {len(head.ciphertexts)} ciphertexts, and a Mine trains at most {MOST_CIPHERTEXTS}"
            )
        asked = _Asked(spec, bench.model, dataset, match)
        if privacy:
            # No mu of its own: to choose one by noisy parts would cost budget, or more noise in their sum.
            return gradient(bench.model, self._noisy(asked, privacy), head)
        own = self._exact(asked, own_mu and _is_fresh(campaign))
        return gradient(bench.model, own.statistics, head, own.mu)

    @cachedmethod(attrgetter("_benches"), key=lambda _self, campaign, _spec: (campaign.id, campaign.start))
    def _set_up(self, campaign: CampaignState, spec: CampaignSpec) -> _Bench:
        assert campaign.start is not None  # an open Campaign has one
        model = spec.model(read_frozen(self._store, spec))
        features = model.shape[0]
        if features > self._most_features:
            raise CampaignUnusableError(
                f"its Model has {features} features, and this Mine trains at most {self._most_features}"
            )
        start = campaign.start
        published = read_public_key(self._store, start.public_key, start.public_key_root, bits=spec.key_bits)
        return _Bench(model, PublicContext(published.public_key, executor=self._executor))

    @cachedmethod(attrgetter("_encoders"), key=lambda _self, spec: spec.to_bytes())
    def _encoder(self, spec: CampaignSpec) -> RowEncoder:
        """What makes integers of rows; fetched when rows are read, which most rounds do not."""
        return spec.encoder(read_texts(self._store, spec))

    def _exact(self, asked: _Asked, own_mu: bool) -> LocalResult:
        key = asked.key_with_mu if own_mu else asked.key
        found = self._statistics.get(key)
        if found is None:
            with _no_value_in_errors(asked.dataset):
                found = own_statistics(
                    asked.model,
                    self._encoder(asked.spec),
                    asked.match,
                    asked.frames(),
                    seed=asked.dataset.version if own_mu else None,
                    executor=self._executor,
                )
            self._statistics.put(key, found)
        return found

    def _noisy(self, asked: _Asked, privacy: Privacy) -> LocalStatistics:
        def draw(rho: Fraction) -> Release:
            with _no_value_in_errors(asked.dataset):
                return noisy_statistics(
                    asked.model,
                    self._encoder(asked.spec),
                    asked.match,
                    asked.frames(),
                    clip=privacy.clip,
                    rho=rho,
                    executor=self._executor,
                )

        # The ledger is asked each round; a projection of the same release is the same each time, and takes an eigh.
        release = self._releases.take(asked.key, asked.dataset, privacy, draw)
        if asked.key not in self._projected:
            self._projected[asked.key] = release.statistics()
        return self._projected[asked.key]


@dataclass(frozen=True, slots=True)
class _Asked:
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
        """Of statistics of which a mu was chosen, too: others are made faster."""
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
        raise CampaignUnusableError(f"dataset {dataset.name}: {where} has a value it does not take") from None


def _is_fresh(campaign: CampaignState) -> bool:
    """Whether nobody has trained the head: cross-validation weighs the rows against a Model that knows nothing."""
    return campaign.model.version == 0 and not any(campaign.terms.parent)
