// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// All that a Data Scientist promises and asks for. The Campaign's id commits to every field.
/// Money is in the smallest unit of its currency, accuracy in WAD (1e18 = 1.0), time in seconds.
struct Terms {
    /// Key oracle of the Campaign. May be a contract.
    address capsule;
    /// Who may convict the Capsule before claims open; 0 for nobody. May be a contract.
    address arbiter;
    /// ERC-20 of Bounty, fee, bond and compensation; 0 for the chain's coin.
    address currency;
    uint128 bounty;
    uint96 capsuleFee;
    uint128 capsuleBond;
    /// Most that one Gradient left unscored may take out of the bond of a Capsule that failed.
    uint96 compensation;
    /// Paid by the Miner for each Gradient, always in the chain's coin.
    uint96 scoringFee;
    /// The Data Scientist's claim for the Model as it starts.
    uint64 startingAccuracy;
    uint64 targetAccuracy;
    /// Smallest rise that counts; the last step to the target always counts.
    uint64 minImprovement;
    /// Time the Capsule has to open or decline.
    uint32 openWithin;
    /// Time for mining, counted from opening.
    uint32 duration;
    /// Time between `stop` and the end it brings.
    uint32 noticePeriod;
    /// A Gradient is due `scoringWindow + perGradient x (Gradients unscored ahead of it)` after its submission.
    uint32 scoringWindow;
    uint32 perGradient;
    /// Age at which a Gradient whose bundle never appeared may be rejected; shorter than `scoringWindow`.
    uint32 unavailabilityWindow;
    uint32 deliveryWindow;
    /// Time between delivery (or expiry) and the first payout, for the arbiter.
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
