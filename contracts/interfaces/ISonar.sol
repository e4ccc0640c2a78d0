// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Campaign} from "../types/Campaign.sol";
import {Gradient, Next, Opening, Rejection, Score, Scored} from "../types/Gradient.sol";
import {Status} from "../types/Status.sol";
import {Terms} from "../types/Terms.sol";
import {ICapsuleRegistry} from "./ICapsuleRegistry.sol";

/// @title Sonar: holds Bounties in trust, keeps the content addresses of Models, pays Miners
/// @notice No owner, no admin key, no pause, no upgrade. Each Campaign is its own ledger. Value leaves by pull payments alone, and
/// nothing leaves before a Campaign is settled and its audit window is over (or it never opened).
///
/// Scales: accuracy is WAD (1e18 = 1.0); money is in the smallest unit of its currency; the scoring fee is always in the chain's coin;
/// times are seconds; intervals are half-open, [start, end).
///
/// Trust: a Campaign trusts its Capsule to score honestly and to keep the plaintext Model to itself; the bond, and an arbiter where
/// there is one, make betrayal costly. It trusts its currency: an ERC-20 whose balances move by themselves harms the Campaigns in that
/// ERC-20, and no others. Content addresses are the 32-byte sha2-256 digests of CIDv0 objects; Sonar never looks behind them.
interface ISonar {
    // ------------------------------------------------------------------ EVENTS
    // Every state change emits one; together they rebuild the whole state.

    event CampaignCreated(bytes32 indexed campaign, address indexed scientist, address indexed capsule, uint256 nonce, Terms terms);
    event CampaignCancelled(bytes32 indexed campaign);
    event CampaignDeclined(bytes32 indexed campaign, string reason);
    /// @param certificates The Capsule's ring of certificates in force: it stays the Campaign's.
    event CampaignOpened(bytes32 indexed campaign, Opening opening, bytes32 certificates, uint40 endsAt);
    event CampaignStopped(bytes32 indexed campaign, uint40 endsAt);
    event GradientSubmitted(
        bytes32 indexed campaign,
        uint32 indexed number,
        address indexed miner,
        bytes32 bundle,
        bytes32 commitment,
        uint32 version,
        uint40 submittedAt,
        uint40 due
    );
    /// @param before Accuracy of the head until now. @param afterwards Accuracy of the head from now on (the same: no improvement).
    /// @param version The Model's version from now on. @param due The Campaign's `due` from now on.
    /// The digest of details is keccak256(abi.encode(core of the submission, score, now)).
    event GradientScored(
        bytes32 indexed campaign,
        uint32 indexed number,
        address indexed miner,
        uint64 before,
        uint64 afterwards,
        uint32 version,
        uint40 due,
        Score score
    );
    /// The digest of details is keccak256(abi.encode(core of the submission, reason, opened, evidence, now)).
    event GradientRejected(
        bytes32 indexed campaign,
        uint32 indexed number,
        address indexed miner,
        uint64 accuracy,
        uint40 due,
        Rejection reason,
        bytes32 opened,
        bytes32 evidence
    );
    event ModelRebased(bytes32 indexed campaign, uint32 version, bytes32 model, bytes32 modelRoot, bytes32 evidence);
    event TargetReached(bytes32 indexed campaign, uint64 accuracy, uint32 voided);
    event CampaignDelivered(bytes32 indexed campaign, bytes32 delivery, bytes32 openingsRoot);
    event CampaignExpired(bytes32 indexed campaign, uint40 missedAt);
    /// @param number First false score: it and all later ones are void. @param accuracy Accuracy of the last sound head.
    event CapsuleConvicted(bytes32 indexed campaign, uint32 number, uint64 accuracy);
    event Claimed(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 reward);
    /// A scoring fee that goes back to its Miner.
    event FeeReclaimed(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 fee);
    /// A Miner's part of the bond of a Capsule that failed.
    event Compensated(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 amount);
    /// Bond and fee of a Capsule that delivered.
    event BondCollected(bytes32 indexed campaign, address indexed capsule, address to, uint256 amount);
    event ScoringFeesCollected(bytes32 indexed campaign, address indexed capsule, address to, uint256 amount);
    /// What is the Data Scientist's at the end.
    event Refunded(bytes32 indexed campaign, address indexed scientist, address to, uint256 amount);

    // ------------------------------------------------------------------ ERRORS

    error UnknownCampaign(bytes32 campaign);
    error CampaignExists(bytes32 campaign);
    /// The caller is not the one party that may do this.
    error NotScientist(bytes32 campaign, address caller, address scientist);
    error NotCapsule(bytes32 campaign, address caller, address capsule);
    error NotArbiter(bytes32 campaign, address caller, address arbiter);

    // terms
    error ZeroBounty();
    error ZeroAddress();
    error TargetOutOfRange(uint256 target);
    error StartNotBelowTarget(uint256 start, uint256 target);
    error MinImprovementOutOfRange(uint256 minImprovement, uint256 target);
    /// The smallest improvement would be worth less than one smallest unit.
    error MinImprovementWorthless(uint256 minImprovement, uint256 bounty);
    error ZeroWindow();
    error UnavailabilityNotBelowScoring(uint256 unavailability, uint256 scoring);
    /// The parent is not a Delivered Campaign of this Data Scientist and this Capsule.
    error ParentUnusable(bytes32 parent, Status status, address scientist, address capsule);

    // money
    error WrongValue(uint256 sent, uint256 expected);
    /// An ERC-20 delivered another amount than asked (a fee on transfer, for instance).
    error WrongAmountReceived(address currency, uint256 received, uint256 expected);

    // states: too early, too late, or out of place
    error NotRequested(bytes32 campaign, Status status);
    error OpeningTooLate(bytes32 campaign, uint256 openBefore);
    /// A content address or a root that must be there is zero.
    error NoContent();
    error ReasonTooLong(uint256 length, uint256 longest);
    error NotOpen(bytes32 campaign, Status status);
    error MiningOver(bytes32 campaign, uint256 endedAt);
    error WindowMissed(bytes32 campaign, uint256 missedAt);
    error VersionUnknown(bytes32 campaign, uint256 version, uint256 newest);
    error EndNotNearer(bytes32 campaign, uint256 endsAt);
    error NothingToScore(bytes32 campaign, Status status);
    error NotNextInOrder(bytes32 campaign, uint256 number, uint256 expected);
    /// The preimage given does not hash to what the chain keeps for this number.
    error WrongGradient(bytes32 campaign, uint256 number, bytes32 expected);
    /// As above, for the Gradient next in the queue. Somebody may have submitted in between: look again.
    error WrongNext(bytes32 campaign, uint256 number, bytes32 expected);
    error AccuracyOutOfRange(uint256 accuracy);
    /// A Model comes with an improvement, and only with one.
    error ModelWithoutImprovement(bytes32 campaign, uint256 accuracy, uint256 needed);
    error ImprovementWithoutModel(bytes32 campaign, uint256 accuracy, uint256 needed);
    error UnavailableTooEarly(bytes32 campaign, uint256 number, uint256 notBefore);
    error DeliveryTooEarly(bytes32 campaign, uint256 endsAt);
    error GradientsUnscored(bytes32 campaign, uint256 unscored);
    error NothingMissed(bytes32 campaign, Status status, uint256 due);
    error NotConvictable(bytes32 campaign, Status status);
    error ConvictionTooLate(bytes32 campaign, uint256 claimsOpenAt);
    error NotSettled(bytes32 campaign, Status status);
    error ClaimsNotOpen(bytes32 campaign, uint256 claimsOpenAt);
    error NothingEarned(bytes32 campaign, uint256 number);
    error GradientVoid(bytes32 campaign, uint256 number, uint256 sound);
    error GradientSound(bytes32 campaign, uint256 number, uint256 sound);
    error NothingToRefund(bytes32 campaign);
    error NothingToCollect(bytes32 campaign);

    // ------------------------------------------------------------------ DATA SCIENTIST

    /// @notice Starts a Campaign and puts Bounty and Capsule's fee in trust: as value in the chain's coin, else by an allowance.
    /// @param nonce Any number that this Data Scientist has not used with these terms. A caller who repeats a call cannot create twice.
    /// @return campaign keccak256(abi.encode(chain id, this contract, Data Scientist, nonce, terms)).
    function create(uint256 nonce, Terms calldata terms) external payable returns (bytes32 campaign);

    /// @notice Takes the Campaign back before the Capsule answers.
    function cancel(bytes32 campaign) external;

    /// @notice Ends mining after the notice period; may only bring the end nearer. What was submitted before is still scored and paid.
    function stop(bytes32 campaign) external;

    /// @notice Pays out what is the Data Scientist's: everything of a Campaign that never opened, else what nobody earned, once claims are open.
    function refund(bytes32 campaign, address to) external;

    // ------------------------------------------------------------------ CAPSULE

    /// @notice Posts the bond (as value or by allowance) and opens the Campaign, if its terms are within those announced.
    function open(bytes32 campaign, Opening calldata opening) external payable;

    /// @param reason At most 256 bytes of text.
    function decline(bytes32 campaign, string calldata reason) external;

    /// @notice Scores the oldest unscored Gradient, given by its preimage. It is an improvement exactly when the measured accuracy rises by
    /// at least min(minImprovement, target - accuracy); else nothing changes. The scoring fee is the Capsule's either way.
    /// @param next Core and due of the Gradient after it, if there is one: the queue's due moves to it.
    function scoreGradient(bytes32 campaign, Gradient calldata gradient, Score calldata score, Next calldata next) external;

    /// @notice Rejects the oldest unscored Gradient: malformed, or unavailable (only once the unavailability window is over).
    /// @param opened Content address of the opened bundle, 0 where there is none to open.
    function rejectGradient(
        bytes32 campaign,
        Gradient calldata gradient,
        Rejection reason,
        bytes32 opened,
        bytes32 evidence,
        Next calldata next
    ) external;

    /// @notice Publishes the head re-encrypted at a smaller scale, when slots run full. The accuracy stays.
    function rebase(bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external;

    /// @notice Hands over: the Model decrypted and sealed to the Data Scientist, and the Merkle root of its openings.
    function deliver(bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external;

    /// @notice Bond and fee, after a delivery and its audit window.
    function collectBond(bytes32 campaign, address to) external;

    /// @notice Scoring fees of all sound scores and rejections, once claims are open.
    function collectScoringFees(bytes32 campaign, address to) external;

    // ------------------------------------------------------------------ MINER

    /// @notice Submits a Gradient, with exactly the scoring fee as value. Sonar knows no Mine before this.
    /// @return number Its place in the queue, counted from 0.
    function submitGradient(bytes32 campaign, bytes32 bundle, bytes32 commitment, uint32 version) external payable returns (uint32 number);

    /// @notice Pays the caller's rewards, each Gradient by its preimage, to any address, once claims are open.
    function claim(bytes32 campaign, Scored[] calldata gradients, address to) external;

    /// @notice Takes back the scoring fees of Gradients that were never scored.
    function reclaimFees(bytes32 campaign, Gradient[] calldata gradients, address to) external;

    /// @notice Takes back the scoring fees of Gradients whose scores a conviction made void.
    function reclaimVoidedFees(bytes32 campaign, Scored[] calldata gradients, address to) external;

    /// @notice Pays the caller's parts of a failed Capsule's bond. Each follows the reclaiming of the Gradient's fee.
    function compensate(bytes32 campaign, uint32[] calldata numbers, address to) external;

    // ------------------------------------------------------------------ ANYONE AND ARBITER

    /// @notice Records that the Capsule missed a window. Rewards earned so far stay; the rest is divided as `Payout` says.
    function expire(bytes32 campaign) external;

    /// @notice The arbiter names the first false score, before claims open. Later rewards are void, the bond goes to those harmed.
    function convict(bytes32 campaign, address miner, Scored calldata firstFalse) external;

    // ------------------------------------------------------------------ VIEWS

    function registry() external view returns (ICapsuleRegistry);
    function idOf(address scientist, uint256 nonce, Terms calldata terms) external view returns (bytes32);
    function statusOf(bytes32 campaign) external view returns (Status);
    function campaignOf(bytes32 campaign) external view returns (Campaign memory);
    /// @notice When the Capsule must have acted (opened, scored the oldest, delivered), as things stand; 0 when nothing is awaited.
    function dueOf(bytes32 campaign) external view returns (uint256);
    /// @notice Digest kept for a Gradient; 0 when there is none, or none any more.
    function digestOf(bytes32 campaign, uint32 number) external view returns (bytes32);
    /// @notice bounty x min(accuracy, target) / target, rounded down.
    function earned(bytes32 campaign, uint64 accuracy) external view returns (uint256);
    /// @notice First moment of payouts; 0 while it is not known.
    function claimsOpenAt(bytes32 campaign) external view returns (uint256);
    /// @notice What `refund` would pay when claims are open, as things stand.
    function refundable(bytes32 campaign) external view returns (uint256);
}
