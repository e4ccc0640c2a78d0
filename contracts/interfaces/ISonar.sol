// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Campaign} from "../types/Campaign.sol";
import {CampaignStart, Gradient, Next, Rejection, Score, ScoredGradient} from "../types/Gradient.sol";
import {Status} from "../types/Status.sol";
import {Terms} from "../types/Terms.sol";
import {ICapsuleRegistry} from "./ICapsuleRegistry.sol";

/// @title Sonar: holds Bounties in trust, keeps the content addresses of Models, pays Miners
/// @notice No owner, no admin key, no pause, no upgrade. Each Campaign is its own ledger. Value leaves by pull payments only: after a
/// Campaign is settled and its audit window is over, or at once if it never opened.
///
/// Scales: accuracy is WAD (1e18 = 1.0). Money is in the smallest unit of its currency; the scoring fee is always in the chain's coin.
/// Times are block timestamps and durations in seconds. Intervals are half-open, [start, end): at its due time a window is missed.
///
/// Trust: a Campaign trusts its Capsule to score honestly and to keep the plaintext Model to itself; the bond, and the arbiter if there
/// is one, make betrayal costly. It trusts its arbiter, who can take the bond by a conviction. It trusts its currency: an ERC-20 whose
/// balances change by themselves harms the Campaigns in that ERC-20, and no others. Content addresses are the 32-byte sha2-256 digests
/// of CIDv0 objects; Sonar never reads what they point to.
interface ISonar {
    // ------------------------------------------------------------------ EVENTS
    // Every state change emits one. The events and their blocks' times suffice to rebuild the whole state.

    /// A Data Scientist created a Campaign; Bounty and Capsule's fee are in trust.
    /// @param nonce Number that the Data Scientist chose; part of the id.
    event CampaignCreated(bytes32 indexed campaign, address indexed scientist, address indexed capsule, uint256 nonce, Terms terms);
    /// The Data Scientist withdrew the Campaign before the Capsule answered.
    event CampaignCancelled(bytes32 indexed campaign);
    /// The Capsule refused the Campaign.
    event CampaignDeclined(bytes32 indexed campaign, string reason);
    /// The Capsule posted its bond; mining begins.
    /// @param certificates Content address of the Capsule's keyring in force: it stays the Campaign's.
    /// @param endsAt End of mining.
    event CampaignOpened(bytes32 indexed campaign, CampaignStart start, bytes32 certificates, uint40 endsAt);
    /// The Data Scientist moved the end of mining nearer.
    event CampaignStopped(bytes32 indexed campaign, uint40 endsAt);
    /// A Miner submitted a Gradient; see `Gradient` for the fields.
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
    /// The Capsule scored a Gradient. Its `ScoredGradient.details` is keccak256(abi.encode(core of the submission, score, block time)).
    /// @param accuracyBefore Accuracy of the newest Model before the score.
    /// @param accuracyAfter Accuracy of the newest Model after the score; the same if there is no improvement.
    /// @param version Version of the newest Model after the score.
    /// @param due `Campaign.due` after the score.
    event GradientScored(
        bytes32 indexed campaign,
        uint32 indexed number,
        address indexed miner,
        uint64 accuracyBefore,
        uint64 accuracyAfter,
        uint32 version,
        uint40 due,
        Score score
    );
    /// The Capsule rejected a Gradient. Its `ScoredGradient.details` is
    /// keccak256(abi.encode(core of the submission, reason, unsealedBundle, evidence, block time)).
    /// @param accuracy Accuracy of the newest Model, unchanged.
    /// @param due `Campaign.due` after the rejection.
    event GradientRejected(
        bytes32 indexed campaign,
        uint32 indexed number,
        address indexed miner,
        uint64 accuracy,
        uint40 due,
        Rejection reason,
        bytes32 unsealedBundle,
        bytes32 evidence
    );
    /// The Capsule published the newest Model re-encrypted at a smaller scale.
    event ModelRebased(bytes32 indexed campaign, uint32 version, bytes32 model, bytes32 modelRoot, bytes32 evidence);
    /// A score reached the target: mining ends now.
    /// @param voided Number of Gradients that stay unscored; their scoring fees go back.
    event TargetReached(bytes32 indexed campaign, uint64 accuracy, uint32 voided);
    /// The Capsule delivered the trained Model.
    event CampaignDelivered(bytes32 indexed campaign, bytes32 delivery, bytes32 openingsRoot);
    /// Somebody recorded that the Capsule missed a window.
    /// @param missedAt Due time of the missed window.
    event CampaignExpired(bytes32 indexed campaign, uint40 missedAt);
    /// The arbiter convicted the Capsule of a false score.
    /// @param number First false score: it and all later ones are void.
    /// @param accuracy Accuracy of the newest Model with a valid score.
    event CapsuleConvicted(bytes32 indexed campaign, uint32 number, uint64 accuracy);
    /// A Miner was paid the reward of a Gradient.
    event Claimed(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 reward);
    /// A scoring fee went back to the Miner who paid it.
    event ScoringFeeReclaimed(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 scoringFee);
    /// A Miner was paid a share of a failed Capsule's bond.
    event Compensated(bytes32 indexed campaign, uint32 indexed number, address indexed miner, address to, uint256 amount);
    /// A Capsule that delivered was paid bond and Capsule's fee.
    event BondCollected(bytes32 indexed campaign, address indexed capsule, address to, uint256 amount);
    /// A Capsule was paid the scoring fees of its valid scores and rejections.
    event ScoringFeesCollected(bytes32 indexed campaign, address indexed capsule, address to, uint256 amount);
    /// The Data Scientist was paid all that is theirs.
    event Refunded(bytes32 indexed campaign, address indexed scientist, address to, uint256 amount);

    // ------------------------------------------------------------------ ERRORS

    /// No Campaign has this id.
    error UnknownCampaign(bytes32 campaign);
    /// The same Data Scientist, nonce and terms exist already.
    error CampaignExists(bytes32 campaign);
    /// The caller is not the Campaign's Data Scientist.
    error NotScientist(bytes32 campaign, address caller, address scientist);
    /// The caller is not the Campaign's Capsule.
    error NotCapsule(bytes32 campaign, address caller, address capsule);
    /// The caller is not the Campaign's arbiter.
    error NotArbiter(bytes32 campaign, address caller, address arbiter);

    // terms
    /// The Bounty is 0.
    error ZeroBounty();
    /// The Capsule or the receiver of a payment is the zero address.
    error ZeroAddress();
    /// The target accuracy is 0 or above 1.0.
    error TargetOutOfRange(uint256 target);
    /// The starting accuracy is not below the target.
    error StartNotBelowTarget(uint256 start, uint256 target);
    /// The smallest improvement is 0 or above the target.
    error MinImprovementOutOfRange(uint256 minImprovement, uint256 target);
    /// The smallest improvement would be worth less than one smallest unit.
    error MinImprovementWorthless(uint256 minImprovement, uint256 bounty);
    /// A window that a party must act in is 0.
    error ZeroWindow();
    /// The unavailability window is not shorter than the scoring window.
    error UnavailabilityNotBelowScoring(uint256 unavailability, uint256 scoring);
    /// The parent is not a Delivered Campaign of this Data Scientist and this Capsule.
    error ParentUnusable(bytes32 parent, Status status, address scientist, address capsule);

    // money
    /// Another amount of the coin came with the call than it must bring.
    error WrongValue(uint256 sent, uint256 expected);
    /// An ERC-20 delivered another amount than asked for (a fee on transfer, for instance).
    error WrongAmountReceived(address currency, uint256 received, uint256 expected);

    // statuses and times
    /// The Campaign is not Requested any more.
    error NotRequested(bytes32 campaign, Status status);
    /// The time to open is over.
    error OpeningTooLate(bytes32 campaign, uint256 openBefore);
    /// A required content address or root is zero.
    error NoContent();
    /// The text has more bytes than allowed.
    error ReasonTooLong(uint256 length, uint256 longest);
    /// The Campaign is not open.
    error NotOpen(bytes32 campaign, Status status);
    /// Mining is over.
    error MiningOver(bytes32 campaign, uint256 endedAt);
    /// The Capsule missed a window; only `expire` is left.
    error WindowMissed(bytes32 campaign, uint256 missedAt);
    /// The Model has no such version yet.
    error VersionUnknown(bytes32 campaign, uint256 version, uint256 newest);
    /// The new end of mining would not be nearer than the present one.
    error EndNotNearer(bytes32 campaign, uint256 endsAt);
    /// No Gradient awaits a score.
    error NothingToScore(bytes32 campaign, Status status);
    /// The number is not the one whose turn it is.
    error NotNextInOrder(bytes32 campaign, uint256 number, uint256 expected);
    /// The given preimage does not hash to the digest that the chain keeps for this number.
    error WrongGradient(bytes32 campaign, uint256 number, bytes32 expected);
    /// `next` does not hash to the next queued Gradient's digest. A Gradient may have been submitted meanwhile: read it and retry.
    error WrongNext(bytes32 campaign, uint256 number, bytes32 expected);
    /// The accuracy is above 1.0.
    error AccuracyOutOfRange(uint256 accuracy);
    /// A score without an improvement names a new Model.
    error ModelWithoutImprovement(bytes32 campaign, uint256 accuracy, uint256 needed);
    /// A score with an improvement names no new Model.
    error ImprovementWithoutModel(bytes32 campaign, uint256 accuracy, uint256 needed);
    /// The unavailability window of this Gradient is not over.
    error UnavailableTooEarly(bytes32 campaign, uint256 number, uint256 notBefore);
    /// Mining is not over.
    error DeliveryTooEarly(bytes32 campaign, uint256 endsAt);
    /// Gradients await their scores.
    error GradientsUnscored(bytes32 campaign, uint256 unscored);
    /// The Capsule missed no window.
    error NothingMissed(bytes32 campaign, Status status, uint256 due);
    /// In this status no conviction is possible.
    error NotConvictable(bytes32 campaign, Status status);
    /// Claims are open, so the audit window is over.
    error ConvictionTooLate(bytes32 campaign, uint256 claimsOpenAt);
    /// The Campaign is not settled yet.
    error NotSettled(bytes32 campaign, Status status);
    /// The audit window is not over.
    error ClaimsNotOpen(bytes32 campaign, uint256 claimsOpenAt);
    /// The Gradient has no reward.
    error NothingEarned(bytes32 campaign, uint256 number);
    /// The Gradient's score is void or missing: no reward.
    error GradientVoid(bytes32 campaign, uint256 number, uint256 validBelow);
    /// The Gradient's score is valid: its scoring fee is the Capsule's.
    error GradientValid(bytes32 campaign, uint256 number, uint256 validBelow);
    /// Nothing is left for the Data Scientist, or it was paid already.
    error NothingToRefund(bytes32 campaign);
    /// Nothing is left for the Capsule, or it was paid already.
    error NothingToCollect(bytes32 campaign);

    // ------------------------------------------------------------------ DATA SCIENTIST

    /// @notice Creates a Campaign and puts Bounty and Capsule's fee in trust: as value in the chain's coin, else by an allowance.
    /// @param nonce Any number that this Data Scientist has not used with these terms. A caller who repeats a call cannot create twice.
    /// @return campaign keccak256(abi.encode(chain id, this contract, Data Scientist, nonce, terms)).
    function create(uint256 nonce, Terms calldata terms) external payable returns (bytes32 campaign);

    /// @notice Withdraws the Campaign before the Capsule answers.
    function cancel(bytes32 campaign) external;

    /// @notice Ends mining after the notice period; may only bring the end nearer. Gradients submitted before are still scored and paid.
    function stop(bytes32 campaign) external;

    /// @notice Pays the Data Scientist's part: everything if the Campaign never opened, else what nobody earned, once claims are open.
    /// @param to Receiver of the payment.
    function refund(bytes32 campaign, address to) external;

    // ------------------------------------------------------------------ CAPSULE

    /// @notice Posts the bond (as value or by allowance) and opens the Campaign, if its terms are within those announced.
    function open(bytes32 campaign, CampaignStart calldata start) external payable;

    /// @notice Refuses a requested Campaign.
    /// @param reason At most 256 bytes of text.
    function decline(bytes32 campaign, string calldata reason) external;

    /// @notice Scores the oldest unscored Gradient, given by its preimage. It is an improvement exactly if the measured accuracy rises by
    /// at least min(minImprovement, target - accuracy); else nothing changes. The scoring fee is the Capsule's in both cases.
    /// @param next Preimage of the next queued Gradient's digest, all zero if there is none.
    function scoreGradient(bytes32 campaign, Gradient calldata gradient, Score calldata score, Next calldata next) external;

    /// @notice Rejects the oldest unscored Gradient: malformed, or unavailable (only after its unavailability window).
    /// @param unsealedBundle Content address of the unsealed bundle, 0 if it could not be unsealed.
    /// @param evidence Merkle root of the evidence, 0 if there is none.
    /// @param next Preimage of the next queued Gradient's digest, all zero if there is none.
    function rejectGradient(
        bytes32 campaign,
        Gradient calldata gradient,
        Rejection reason,
        bytes32 unsealedBundle,
        bytes32 evidence,
        Next calldata next
    ) external;

    /// @notice Publishes the newest Model re-encrypted at a smaller scale, when its slots run full. The accuracy does not change.
    function rebase(bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external;

    /// @notice Delivers the trained Model: mining is over and no Gradient awaits a score.
    /// @param delivery Content address of the Model, decrypted and sealed to the Data Scientist.
    /// @param openingsRoot Merkle root of the openings of its ciphertexts.
    function deliver(bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external;

    /// @notice Pays bond and Capsule's fee after a delivery and its audit window.
    function collectBond(bytes32 campaign, address to) external;

    /// @notice Pays the scoring fees of all valid scores and rejections, once claims are open.
    function collectScoringFees(bytes32 campaign, address to) external;

    // ------------------------------------------------------------------ MINER

    /// @notice Submits a Gradient, with exactly the scoring fee as value. A Mine needs no earlier registration.
    /// @param bundle Content address of the sealed bundle.
    /// @param commitment Hiding commitment to the bundle: see `Gradient.commitment`.
    /// @param version Version of the Model that the Gradient was computed from.
    /// @return number Position in the queue, from 0.
    function submitGradient(bytes32 campaign, bytes32 bundle, bytes32 commitment, uint32 version) external payable returns (uint32 number);

    /// @notice Pays the caller's rewards, one or more Gradients by their preimages, to any address, once claims are open.
    function claim(bytes32 campaign, ScoredGradient[] calldata gradients, address to) external;

    /// @notice Takes back the scoring fees of Gradients that were never scored, once claims are open.
    function reclaimScoringFees(bytes32 campaign, Gradient[] calldata gradients, address to) external;

    /// @notice Takes back the scoring fees of Gradients whose scores a conviction made void.
    function reclaimVoidedScoringFees(bytes32 campaign, ScoredGradient[] calldata gradients, address to) external;

    /// @notice Pays the caller's shares of a failed Capsule's bond. Each Gradient's scoring fee must have been reclaimed before.
    function compensate(bytes32 campaign, uint32[] calldata numbers, address to) external;

    // ------------------------------------------------------------------ ANYONE AND ARBITER

    /// @notice Records that the Capsule missed a window. Rewards earned so far stay; the rest is divided as `Payout` says.
    function expire(bytes32 campaign) external;

    /// @notice The arbiter names the first false score, before claims open. Later rewards are void, the bond goes to those harmed.
    /// @param miner Miner of that Gradient.
    /// @param firstFalse Preimage of that Gradient's digest.
    function convict(bytes32 campaign, address miner, ScoredGradient calldata firstFalse) external;

    // ------------------------------------------------------------------ VIEWS

    /// @notice The registry that announced terms are read from.
    function registry() external view returns (ICapsuleRegistry);
    /// @notice Id of the Campaign with this Data Scientist, nonce and terms: see `create`.
    function idOf(address scientist, uint256 nonce, Terms calldata terms) external view returns (bytes32);
    /// @notice Status at this block's time.
    function statusOf(bytes32 campaign) external view returns (Status);
    /// @notice What the chain stores of a Campaign; all zero if it does not exist.
    function campaignOf(bytes32 campaign) external view returns (Campaign memory);
    /// @notice Time by which the Capsule must have acted (opened, scored the oldest Gradient, delivered); 0 if nothing is awaited of it.
    function dueOf(bytes32 campaign) external view returns (uint256);
    /// @notice Digest kept for a Gradient; 0 if there is none, or none any more.
    function digestOf(bytes32 campaign, uint32 number) external view returns (bytes32);
    /// @notice bounty x min(accuracy, target) / target, rounded down.
    function earned(bytes32 campaign, uint64 accuracy) external view returns (uint256);
    /// @notice Time of the first possible payout; 0 before the Campaign is settled.
    function claimsOpenAt(bytes32 campaign) external view returns (uint256);
    /// @notice Amount that `refund` would pay if claims were open now.
    function refundable(bytes32 campaign) external view returns (uint256);
}
