// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Gradient} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Terms} from "../../contracts/types/Terms.sol";

/// What became of one Gradient, with the preimages that the chain does not keep.
struct Entry {
    Gradient gradient;
    bool scored;
    uint64 accuracyBefore;
    uint64 accuracyAfter;
    bytes32 details;
    bool claimed;
    bool reclaimed;
    bool compensated;
}

/// A Campaign as these tests remember it: what was done, and what was seen to move. Nothing here is read from Sonar.
struct Story {
    bytes32 id;
    address scientist;
    uint256 nonce;
    Terms terms;
    /// Last thing that a transaction made of it; time alone is added by `Reckoning.status`.
    Status recorded;
    uint256 openBefore;
    uint256 endsAt;
    uint256 lastScoredAt;
    uint256 settledAt;
    uint64 start;
    uint64 accuracy;
    uint32 version;
    uint32 scored;
    uint32 validBelow;
    bool refunded;
    bool bondCollected;
    bool feesCollected;
    Entry[] entries;
    // Money seen to move, in the Campaign's currency, and in wei of scoring fees.
    uint256 put;
    uint256 rewards;
    uint256 compensations;
    uint256 toScientist;
    uint256 toCapsule;
    uint256 feesPut;
    uint256 feesToCapsule;
    uint256 feesToMiners;
    // As of the last move on it.
    uint256 owes;
    uint256 owesFees;
    bytes32 seal;
}

/// Everything that anybody can pull.
enum Kind {
    Refund,
    Bond,
    ScoringFees,
    Reward,
    UnscoredFee,
    VoidedFee,
    Compensation
}

/// One payment that is due: who may pull it, how much it is, and for which Gradients.
struct Pull {
    uint256 story;
    Kind kind;
    address who;
    address currency;
    uint256 amount;
    uint32[] numbers;
}
