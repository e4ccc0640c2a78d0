// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICapsuleRegistry, RequestedTerms} from "./interfaces/ICapsuleRegistry.sol";
import {ISonar} from "./interfaces/ISonar.sol";
import {Clock} from "./libraries/Clock.sol";
import {Currency} from "./libraries/Currency.sol";
import {Digest} from "./libraries/Digest.sol";
import {Payout} from "./libraries/Payout.sol";
import {Campaign} from "./types/Campaign.sol";
import {CampaignStart, Gradient, Next, Rejection, Score, ScoredGradient} from "./types/Gradient.sol";
import {Status} from "./types/Status.sol";
import {Terms} from "./types/Terms.sol";

/// @title The marketplace's trust account: see `ISonar` for what each function promises.
/// @dev Every function keeps one rhythm: checks, effects, event, interaction.
contract Sonar is ISonar, ReentrancyGuardTransient {
    using Clock for Campaign;

    uint256 private constant WAD = 1e18;
    uint256 private constant LONGEST_REASON = 256;

    /// @inheritdoc ISonar
    ICapsuleRegistry public immutable registry;

    mapping(bytes32 campaign => Campaign) private _campaigns;
    mapping(bytes32 campaign => mapping(uint32 number => bytes32)) private _digests;

    constructor(ICapsuleRegistry registry_) {
        require(address(registry_) != address(0), ZeroAddress());
        registry = registry_;
    }

    // ------------------------------------------------------------------ DATA SCIENTIST

    /// @inheritdoc ISonar
    function create(uint256 nonce, Terms calldata terms) external payable nonReentrant returns (bytes32 campaign) {
        campaign = idOf(msg.sender, nonce, terms);
        Campaign storage c = _campaigns[campaign];
        require(c.recorded == Status.None, CampaignExists(campaign));
        _requireValidTerms(terms);
        // Called for its refusals only: the certificates in force are read again at opening.
        // slither-disable-next-line unused-return
        registry.certificatesFor(_requestedTerms(terms));

        c.recorded = Status.Requested;
        c.endsAt = uint40(block.timestamp + terms.openWithin);
        c.capsule = terms.capsule;
        c.targetAccuracy = terms.targetAccuracy;
        c.deliveryWindow = terms.deliveryWindow;
        c.scoringFee = terms.scoringFee;
        c.minImprovement = terms.minImprovement;
        c.scoringWindow = terms.scoringWindow;
        c.perGradient = terms.perGradient;
        c.unavailabilityWindow = terms.unavailabilityWindow;
        c.scientist = msg.sender;
        c.startingAccuracy = terms.startingAccuracy;
        c.duration = terms.duration;
        c.currency = terms.currency;
        c.capsuleFee = terms.capsuleFee;
        c.bounty = terms.bounty;
        c.capsuleBond = terms.capsuleBond;
        c.arbiter = terms.arbiter;
        c.compensation = terms.compensation;
        c.auditWindow = terms.auditWindow;
        c.noticePeriod = terms.noticePeriod;
        emit CampaignCreated(campaign, msg.sender, terms.capsule, nonce, terms);

        Currency.take(terms.currency, uint256(terms.bounty) + terms.capsuleFee);
    }

    /// @inheritdoc ISonar
    function cancel(bytes32 campaign) external {
        Campaign storage c = _known(campaign);
        _requireScientist(campaign, c);
        _requireRequested(campaign, c);

        c.recorded = Status.Cancelled;
        emit CampaignCancelled(campaign);
    }

    /// @inheritdoc ISonar
    function stop(bytes32 campaign) external {
        Campaign storage c = _known(campaign);
        _requireScientist(campaign, c);
        _requireOpen(campaign, c);
        uint40 endsAt = uint40(block.timestamp + c.noticePeriod);
        require(endsAt < c.endsAt, EndNotNearer(campaign, c.endsAt));

        c.endsAt = endsAt;
        emit CampaignStopped(campaign, endsAt);
    }

    /// @inheritdoc ISonar
    function refund(bytes32 campaign, address to) external nonReentrant {
        Campaign storage c = _known(campaign);
        _requireScientist(campaign, c);
        require(to != address(0), ZeroAddress());
        Status status = c.status();
        if (status != Status.Declined && status != Status.Cancelled) _requireClaimsOpen(campaign, c);
        uint256 amount = _refundable(c);
        require(amount != 0 && !c.refunded, NothingToRefund(campaign));

        c.refunded = true;
        emit Refunded(campaign, msg.sender, to, amount);

        Currency.pay(c.currency, to, amount);
    }

    // ------------------------------------------------------------------ CAPSULE

    /// @inheritdoc ISonar
    function open(bytes32 campaign, CampaignStart calldata start) external payable nonReentrant {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        _requireRequested(campaign, c);
        require(start.accuracy < c.targetAccuracy, StartNotBelowTarget(start.accuracy, c.targetAccuracy));
        require(start.publicKey != 0 && start.publicKeyRoot != 0 && start.model != 0 && start.modelRoot != 0, NoContent());
        bytes32 certificates = registry.certificatesFor(_requestedTerms(c));

        uint40 endsAt = uint40(block.timestamp + c.duration);
        c.recorded = Status.Open;
        c.endsAt = endsAt;
        c.startingAccuracy = start.accuracy;
        c.accuracy = start.accuracy;
        emit CampaignOpened(campaign, start, certificates, endsAt);

        Currency.take(c.currency, c.capsuleBond);
    }

    /// @inheritdoc ISonar
    function decline(bytes32 campaign, string calldata reason) external {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        _requireRequested(campaign, c);
        require(bytes(reason).length <= LONGEST_REASON, ReasonTooLong(bytes(reason).length, LONGEST_REASON));

        c.recorded = Status.Declined;
        emit CampaignDeclined(campaign, reason);
    }

    /// @inheritdoc ISonar
    function scoreGradient(bytes32 campaign, Gradient calldata gradient, Score calldata score, Next calldata next) external {
        Campaign storage c = _known(campaign);
        bytes32 core = _requireOldest(campaign, c, gradient);
        require(score.accuracy <= WAD, AccuracyOutOfRange(score.accuracy));
        require(score.modelRoot != 0 && score.unsealedBundle != 0 && score.evidence != 0, NoContent());
        uint64 accuracyBefore = c.accuracy;
        uint256 needed = accuracyBefore + Payout.smallestRise(accuracyBefore, c.targetAccuracy, c.minImprovement);
        bool improved = score.accuracy >= needed;
        require(!improved || score.model != 0, ImprovementWithoutModel(campaign, score.accuracy, needed));
        require(improved || score.model == 0, ModelWithoutImprovement(campaign, score.accuracy, needed));

        uint64 accuracyAfter = improved ? score.accuracy : accuracyBefore;
        if (improved) {
            c.accuracy = accuracyAfter;
            ++c.version;
        }
        bytes32 details = Digest.scoreDetails(core, score, uint40(block.timestamp));
        _digests[campaign][gradient.number] = Digest.scored(gradient.miner, accuracyBefore, accuracyAfter, details);
        uint40 due = _advance(campaign, c, next);
        emit GradientScored(campaign, gradient.number, gradient.miner, accuracyBefore, accuracyAfter, c.version, due, score);
        if (c.targetMet()) {
            c.endsAt = uint40(block.timestamp);
            emit TargetReached(campaign, accuracyAfter, c.submitted - c.scored);
        }
    }

    /// @inheritdoc ISonar
    function rejectGradient(
        bytes32 campaign,
        Gradient calldata gradient,
        Rejection reason,
        bytes32 unsealedBundle,
        bytes32 evidence,
        Next calldata next
    ) external {
        Campaign storage c = _known(campaign);
        bytes32 core = _requireOldest(campaign, c, gradient);
        if (reason == Rejection.Unavailable) {
            uint256 notBefore = uint256(gradient.submittedAt) + c.unavailabilityWindow;
            require(block.timestamp >= notBefore, UnavailableTooEarly(campaign, gradient.number, notBefore));
        }

        uint64 accuracy = c.accuracy;
        bytes32 details = Digest.rejectionDetails(core, reason, unsealedBundle, evidence, uint40(block.timestamp));
        _digests[campaign][gradient.number] = Digest.scored(gradient.miner, accuracy, accuracy, details);
        uint40 due = _advance(campaign, c, next);
        emit GradientRejected(campaign, gradient.number, gradient.miner, accuracy, due, reason, unsealedBundle, evidence);
    }

    /// @inheritdoc ISonar
    function rebase(bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        _requireRunning(campaign, c);
        require(model != 0 && modelRoot != 0, NoContent());

        uint32 version = ++c.version;
        emit ModelRebased(campaign, version, model, modelRoot, evidence);
    }

    /// @inheritdoc ISonar
    function deliver(bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        Status status = _requireRunning(campaign, c);
        require(status == Status.Closing, DeliveryTooEarly(campaign, c.endsAt));
        require(!c.awaitsScore(), GradientsUnscored(campaign, c.submitted - c.scored));
        require(delivery != 0 && openingsRoot != 0, NoContent());

        _settle(c, Status.Delivered, c.scored);
        emit CampaignDelivered(campaign, delivery, openingsRoot);
    }

    /// @inheritdoc ISonar
    function collectBond(bytes32 campaign, address to) external nonReentrant {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);
        uint256 amount = c.recorded == Status.Delivered ? uint256(c.capsuleFee) + c.capsuleBond : 0;
        require(amount != 0 && !c.bondCollected, NothingToCollect(campaign));

        c.bondCollected = true;
        emit BondCollected(campaign, msg.sender, to, amount);

        Currency.pay(c.currency, to, amount);
    }

    /// @inheritdoc ISonar
    function collectScoringFees(bytes32 campaign, address to) external nonReentrant {
        Campaign storage c = _known(campaign);
        _requireCapsule(campaign, c);
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);
        uint256 amount = uint256(c.scoringFee) * c.validBelow;
        require(amount != 0 && !c.scoringFeesCollected, NothingToCollect(campaign));

        c.scoringFeesCollected = true;
        emit ScoringFeesCollected(campaign, msg.sender, to, amount);

        Currency.pay(Currency.COIN, to, amount);
    }

    // ------------------------------------------------------------------ MINER

    /// @inheritdoc ISonar
    function submitGradient(bytes32 campaign, bytes32 bundle, bytes32 commitment, uint32 version)
        external
        payable
        nonReentrant
        returns (uint32 number)
    {
        Campaign storage c = _known(campaign);
        _requireOpen(campaign, c);
        require(msg.value == c.scoringFee, WrongValue(msg.value, c.scoringFee));
        require(version <= c.version, VersionUnknown(campaign, version, c.version));
        require(bundle != 0 && commitment != 0, NoContent());

        number = c.submitted;
        uint256 ahead = number - c.scored;
        uint40 submittedAt = uint40(block.timestamp);
        uint40 due = _dueAfter(uint256(c.scoringWindow) + ahead * c.perGradient);
        bytes32 core = Digest.core(msg.sender, bundle, commitment, version, submittedAt);
        _digests[campaign][number] = Digest.submitted(due, core);
        c.submitted = number + 1;
        if (ahead == 0) c.due = due;
        emit GradientSubmitted(campaign, number, msg.sender, bundle, commitment, version, submittedAt, due);
    }

    /// @inheritdoc ISonar
    function claim(bytes32 campaign, ScoredGradient[] calldata gradients, address to) external nonReentrant {
        Campaign storage c = _campaigns[campaign];
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);

        uint256 total = 0;
        for (uint256 i = 0; i < gradients.length; ++i) {
            total += _claimOne(campaign, c, gradients[i], to);
        }

        Currency.pay(c.currency, to, total);
    }

    /// @inheritdoc ISonar
    function reclaimScoringFees(bytes32 campaign, Gradient[] calldata gradients, address to) external nonReentrant {
        Campaign storage c = _campaigns[campaign];
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);

        for (uint256 i = 0; i < gradients.length; ++i) {
            Gradient calldata gradient = gradients[i];
            bytes32 core = Digest.core(msg.sender, gradient.bundle, gradient.commitment, gradient.version, gradient.submittedAt);
            _reclaim(campaign, c, gradient.number, Digest.submitted(gradient.due, core), to);
        }

        Currency.pay(Currency.COIN, to, gradients.length * c.scoringFee);
    }

    /// @inheritdoc ISonar
    function reclaimVoidedScoringFees(bytes32 campaign, ScoredGradient[] calldata gradients, address to) external nonReentrant {
        Campaign storage c = _campaigns[campaign];
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);

        for (uint256 i = 0; i < gradients.length; ++i) {
            _reclaim(campaign, c, gradients[i].number, Digest.scoredBy(msg.sender, gradients[i]), to);
        }

        Currency.pay(Currency.COIN, to, gradients.length * c.scoringFee);
    }

    /// @inheritdoc ISonar
    function compensate(bytes32 campaign, uint32[] calldata numbers, address to) external nonReentrant {
        Campaign storage c = _campaigns[campaign];
        require(to != address(0), ZeroAddress());
        _requireClaimsOpen(campaign, c);
        (uint256 share,) = _divideBond(c);

        bytes32 expected = Digest.compensable(msg.sender);
        for (uint256 i = 0; i < numbers.length; ++i) {
            _takeDigest(campaign, numbers[i], expected);
            emit Compensated(campaign, numbers[i], msg.sender, to, share);
        }

        Currency.pay(c.currency, to, numbers.length * share);
    }

    // ------------------------------------------------------------------ ANYONE AND ARBITER

    /// @inheritdoc ISonar
    function expire(bytes32 campaign) external {
        Campaign storage c = _known(campaign);
        Status status = c.status();
        uint256 due = c.dueOf();
        require(c.recorded == Status.Open && status == Status.Expired, NothingMissed(campaign, status, due));

        _settle(c, Status.Expired, c.scored);
        emit CampaignExpired(campaign, uint40(due));
    }

    /// @inheritdoc ISonar
    function convict(bytes32 campaign, address miner, ScoredGradient calldata firstFalse) external {
        Campaign storage c = _known(campaign);
        require(msg.sender == c.arbiter, NotArbiter(campaign, msg.sender, c.arbiter));
        Status recorded = c.recorded;
        require(recorded == Status.Open || recorded == Status.Delivered || recorded == Status.Expired, NotConvictable(campaign, c.status()));
        if (recorded != Status.Open) {
            uint256 opensAt = _claimsOpenAt(c);
            require(block.timestamp < opensAt, ConvictionTooLate(campaign, opensAt));
        }
        require(firstFalse.number < c.scored, NotNextInOrder(campaign, firstFalse.number, c.scored));
        bytes32 expected = _digests[campaign][firstFalse.number];
        require(Digest.scoredBy(miner, firstFalse) == expected, WrongGradient(campaign, firstFalse.number, expected));

        c.accuracy = firstFalse.accuracyBefore;
        _settle(c, Status.Convicted, firstFalse.number);
        emit CapsuleConvicted(campaign, firstFalse.number, firstFalse.accuracyBefore);
    }

    // ------------------------------------------------------------------ VIEWS

    /// @inheritdoc ISonar
    function idOf(address scientist, uint256 nonce, Terms calldata terms) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), scientist, nonce, terms));
    }

    /// @inheritdoc ISonar
    function statusOf(bytes32 campaign) external view returns (Status) {
        return _campaigns[campaign].status();
    }

    /// @inheritdoc ISonar
    function campaignOf(bytes32 campaign) external view returns (Campaign memory) {
        return _campaigns[campaign];
    }

    /// @inheritdoc ISonar
    function dueOf(bytes32 campaign) external view returns (uint256) {
        return _campaigns[campaign].dueOf();
    }

    /// @inheritdoc ISonar
    function digestOf(bytes32 campaign, uint32 number) external view returns (bytes32) {
        return _digests[campaign][number];
    }

    /// @inheritdoc ISonar
    function earned(bytes32 campaign, uint64 accuracy) external view returns (uint256) {
        return _earned(_known(campaign), accuracy);
    }

    /// @inheritdoc ISonar
    function claimsOpenAt(bytes32 campaign) external view returns (uint256) {
        Campaign storage c = _campaigns[campaign];
        return c.settledAt == 0 ? 0 : _claimsOpenAt(c);
    }

    /// @inheritdoc ISonar
    function refundable(bytes32 campaign) external view returns (uint256) {
        Campaign storage c = _campaigns[campaign];
        return c.refunded ? 0 : _refundable(c);
    }

    // ------------------------------------------------------------------ CALLERS AND TIMES

    function _known(bytes32 campaign) private view returns (Campaign storage c) {
        c = _campaigns[campaign];
        require(c.recorded != Status.None, UnknownCampaign(campaign));
    }

    function _requireScientist(bytes32 campaign, Campaign storage c) private view {
        require(msg.sender == c.scientist, NotScientist(campaign, msg.sender, c.scientist));
    }

    function _requireCapsule(bytes32 campaign, Campaign storage c) private view {
        require(msg.sender == c.capsule, NotCapsule(campaign, msg.sender, c.capsule));
    }

    function _requireRequested(bytes32 campaign, Campaign storage c) private view {
        require(c.recorded == Status.Requested, NotRequested(campaign, c.recorded));
        require(block.timestamp < c.endsAt, OpeningTooLate(campaign, c.endsAt));
    }

    function _requireOpen(bytes32 campaign, Campaign storage c) private view {
        Status status = _requireRunning(campaign, c);
        require(status == Status.Open, MiningOver(campaign, c.endsAt));
    }

    /// @dev Open or Closing: the Capsule must act.
    function _requireRunning(bytes32 campaign, Campaign storage c) private view returns (Status status) {
        require(c.recorded == Status.Open, NotOpen(campaign, c.recorded));
        status = c.status();
        // Not `require`: it would evaluate its arguments, which read one more slot, on every call.
        if (status == Status.Expired) revert WindowMissed(campaign, c.dueOf());
    }

    /// @dev The caller is the Capsule, in time, and `gradient` is the preimage of the oldest unscored Gradient's digest.
    function _requireOldest(bytes32 campaign, Campaign storage c, Gradient calldata gradient) private view returns (bytes32 core) {
        _requireCapsule(campaign, c);
        Status status = _requireRunning(campaign, c);
        require(c.awaitsScore(), NothingToScore(campaign, status));
        require(gradient.number == c.scored, NotNextInOrder(campaign, gradient.number, c.scored));
        core = Digest.coreOf(gradient);
        bytes32 expected = _digests[campaign][gradient.number];
        require(Digest.submitted(gradient.due, core) == expected, WrongGradient(campaign, gradient.number, expected));
    }

    /// @dev Reads only one slot, so that claims stay cheap.
    function _requireClaimsOpen(bytes32 campaign, Campaign storage c) private view {
        if (c.settledAt == 0) revert NotSettled(campaign, _known(campaign).status());
        uint256 opensAt = _claimsOpenAt(c);
        require(block.timestamp >= opensAt, ClaimsNotOpen(campaign, opensAt));
    }

    function _claimsOpenAt(Campaign storage c) private view returns (uint256) {
        return uint256(c.settledAt) + c.auditWindow;
    }

    function _dueAfter(uint256 window) private view returns (uint40) {
        uint256 due = block.timestamp + window;
        return due < type(uint40).max ? uint40(due) : type(uint40).max;
    }

    // ------------------------------------------------------------------ TERMS

    function _requireValidTerms(Terms calldata t) private view {
        require(t.capsule != address(0), ZeroAddress());
        require(t.spec != 0 && t.validation != 0 && t.validationRoot != 0, NoContent());
        require(t.bounty != 0, ZeroBounty());
        require(t.targetAccuracy != 0 && t.targetAccuracy <= WAD, TargetOutOfRange(t.targetAccuracy));
        require(t.startingAccuracy < t.targetAccuracy, StartNotBelowTarget(t.startingAccuracy, t.targetAccuracy));
        require(t.minImprovement != 0 && t.minImprovement <= t.targetAccuracy, MinImprovementOutOfRange(t.minImprovement, t.targetAccuracy));
        require(Payout.earnedDown(t.bounty, t.minImprovement, t.targetAccuracy) != 0, MinImprovementWorthless(t.minImprovement, t.bounty));
        require(
            t.openWithin != 0 && t.duration != 0 && t.scoringWindow != 0 && t.deliveryWindow != 0 && t.unavailabilityWindow != 0,
            ZeroWindow()
        );
        require(t.unavailabilityWindow < t.scoringWindow, UnavailabilityNotBelowScoring(t.unavailabilityWindow, t.scoringWindow));
        if (t.parent != 0) {
            Campaign storage parent = _campaigns[t.parent];
            require(
                parent.recorded == Status.Delivered && parent.scientist == msg.sender && parent.capsule == t.capsule,
                ParentUnusable(t.parent, parent.status(), parent.scientist, parent.capsule)
            );
        }
    }

    function _requestedTerms(Terms calldata t) private pure returns (RequestedTerms memory) {
        return RequestedTerms({
            capsule: t.capsule,
            currency: t.currency,
            capsuleFee: t.capsuleFee,
            capsuleBond: t.capsuleBond,
            scoringFee: t.scoringFee,
            openWithin: t.openWithin,
            scoringWindow: t.scoringWindow,
            perGradient: t.perGradient,
            deliveryWindow: t.deliveryWindow
        });
    }

    /// @dev At opening the time to open no longer matters: the Capsule is answering.
    function _requestedTerms(Campaign storage c) private view returns (RequestedTerms memory) {
        return RequestedTerms({
            capsule: c.capsule,
            currency: c.currency,
            capsuleFee: c.capsuleFee,
            capsuleBond: c.capsuleBond,
            scoringFee: c.scoringFee,
            openWithin: type(uint32).max,
            scoringWindow: c.scoringWindow,
            perGradient: c.perGradient,
            deliveryWindow: c.deliveryWindow
        });
    }

    // ------------------------------------------------------------------ QUEUE AND ACCOUNTS

    /// @dev The oldest Gradient has its result: `due` becomes the next one's, or the delivery's.
    function _advance(bytes32 campaign, Campaign storage c, Next calldata next) private returns (uint40 due) {
        uint32 following = c.scored + 1;
        c.scored = following;
        if (c.awaitsScore()) {
            bytes32 expected = _digests[campaign][following];
            require(Digest.submitted(next.due, next.core) == expected, WrongNext(campaign, following, expected));
            due = next.due;
        } else {
            due = _dueAfter(c.deliveryWindow);
        }
        c.due = due;
    }

    /// @dev Ends the Campaign. From here on only payouts change it.
    function _settle(Campaign storage c, Status status, uint32 validBelow) private {
        c.recorded = status;
        c.settledAt = uint40(block.timestamp);
        c.validBelow = validBelow;
        // The audit window exists for a conviction: after one, claims open at once.
        if (status == Status.Convicted) c.auditWindow = 0;
    }

    function _claimOne(bytes32 campaign, Campaign storage c, ScoredGradient calldata gradient, address to)
        private
        returns (uint256 reward)
    {
        uint32 number = gradient.number;
        require(number < c.validBelow, GradientVoid(campaign, number, c.validBelow));
        _takeDigest(campaign, number, Digest.scoredBy(msg.sender, gradient));
        reward = _earned(c, gradient.accuracyAfter) - _earned(c, gradient.accuracyBefore);
        require(reward != 0, NothingEarned(campaign, number));
        emit Claimed(campaign, number, msg.sender, to, reward);
    }

    function _reclaim(bytes32 campaign, Campaign storage c, uint32 number, bytes32 digest, address to) private {
        require(number >= c.validBelow, GradientValid(campaign, number, c.validBelow));
        _takeDigest(campaign, number, digest);
        (uint256 share,) = _divideBond(c);
        if (share != 0) _digests[campaign][number] = Digest.compensable(msg.sender);
        emit ScoringFeeReclaimed(campaign, number, msg.sender, to, c.scoringFee);
    }

    /// @dev Each payment clears its digest, so it happens once.
    function _takeDigest(bytes32 campaign, uint32 number, bytes32 given) private {
        bytes32 expected = _digests[campaign][number];
        require(given == expected, WrongGradient(campaign, number, expected));
        delete _digests[campaign][number];
    }

    function _earned(Campaign storage c, uint64 accuracy) private view returns (uint256) {
        return Payout.earnedDown(c.bounty, accuracy, c.targetAccuracy);
    }

    function _spent(Campaign storage c) private view returns (uint256) {
        return _earned(c, c.accuracy) - _earned(c, c.startingAccuracy);
    }

    /// @dev Both are 0 unless the Capsule failed.
    function _divideBond(Campaign storage c) private view returns (uint256 share, uint256 remainder) {
        if (c.recorded == Status.Expired || c.recorded == Status.Convicted) {
            return Payout.divideBond(c.capsuleBond, _spent(c), c.submitted - c.validBelow, c.compensation);
        }
    }

    function _refundable(Campaign storage c) private view returns (uint256) {
        Status recorded = c.recorded;
        uint256 bounty = c.bounty;
        uint256 capsuleFee = c.capsuleFee;
        if (recorded == Status.Open || recorded == Status.Delivered) return bounty - _spent(c);
        if (recorded == Status.Expired || recorded == Status.Convicted) {
            (, uint256 remainder) = _divideBond(c);
            return bounty - _spent(c) + capsuleFee + remainder;
        }
        return bounty + capsuleFee;
    }
}
