// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// All that a Data Scientist promises and asks for. The Campaign's id commits to every field.
/// Money is in the smallest unit of its currency, accuracy in WAD (1e18 = 1.0), time in seconds.
struct Terms {
    /// Key oracle of the Campaign. May be a contract.
    address capsule;
    /// Party that may convict the Capsule before claims open; 0 for nobody. May be a contract.
    address arbiter;
    /// ERC-20 of Bounty, Capsule's fee, bond and compensation; 0 for the chain's coin.
    address currency;
    /// Reward for all of the way from accuracy 0 to the target.
    uint128 bounty;
    /// Paid to the Capsule for opening and delivering.
    uint96 capsuleFee;
    /// Posted by the Capsule at opening; lost if it misses a window or is convicted.
    uint128 capsuleBond;
    /// Largest share of a failed Capsule's bond for one Gradient that is unscored or void.
    uint96 compensation;
    /// Paid by the Miner per Gradient, always in the chain's coin.
    uint96 scoringFee;
    /// The Data Scientist's claim for the starting Model.
    uint64 startingAccuracy;
    /// Accuracy at which the Campaign is complete.
    uint64 targetAccuracy;
    /// Smallest rise of accuracy that counts; the last step to the target always counts.
    uint64 minImprovement;
    /// Time that the Capsule has to open or decline.
    uint32 openWithin;
    /// Time for mining, counted from opening.
    uint32 duration;
    /// Time between `stop` and the end of mining that it brings.
    uint32 noticePeriod;
    /// A Gradient is due `scoringWindow + perGradient x (unscored Gradients ahead of it)` after its submission.
    uint32 scoringWindow;
    /// See `scoringWindow`.
    uint32 perGradient;
    /// Age at which a Gradient may be rejected because its bundle never appeared; shorter than `scoringWindow`.
    uint32 unavailabilityWindow;
    /// Time for delivery, counted from the end of mining, or from the last score if that is later.
    uint32 deliveryWindow;
    /// Time between delivery (or expiry) and the first payout, in which the arbiter may convict.
    uint32 auditWindow;
    /// Version of all off-chain formats.
    uint16 scheme;
    /// Content address of the Campaign spec.
    bytes32 spec;
    /// Content address of the validation set, sealed to the Capsule.
    bytes32 validation;
    /// Salted Merkle root of the validation set's integer rows.
    bytes32 validationRoot;
    /// 0, or a Delivered Campaign of the same Data Scientist and Capsule whose weights this one starts from.
    bytes32 parent;
}
