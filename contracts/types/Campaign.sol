// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Status} from "./Status.sol";

/// What the chain stores of a Campaign: eight slots, ordered so that submitting and scoring touch only the first three.
/// `spec`, `validation`, `validationRoot`, `parent`, `openWithin` and `scheme` are part of the id and of `CampaignCreated` only.
struct Campaign {
    // slot 0: everything that submitting and scoring write
    /// Gradients submitted.
    uint32 submitted;
    /// Gradients scored or rejected, in order of submission.
    uint32 scored;
    /// Accuracy of the newest Model, in WAD.
    uint64 accuracy;
    /// If a Gradient is unscored: due time of the oldest one.
    /// Otherwise: the earliest time at which a delivery can be overdue (0 before the first score).
    uint40 due;
    /// While Requested: end of the time to open. From opening on: end of mining.
    uint40 endsAt;
    /// Version of the newest Model: 0 at opening, one more for each improvement and each rebase.
    uint32 version;
    /// Last recorded status; `statusOf` adds what follows from the clock.
    Status recorded;
    // slot 1
    address capsule;
    uint64 targetAccuracy;
    uint32 deliveryWindow;
    // slot 2
    uint96 scoringFee;
    uint64 minImprovement;
    uint32 scoringWindow;
    uint32 perGradient;
    uint32 unavailabilityWindow;
    // slot 3
    address scientist;
    /// While Requested: the Data Scientist's claim. From opening on: the accuracy that the Capsule measured.
    uint64 startingAccuracy;
    uint32 duration;
    // slot 4
    address currency;
    uint96 capsuleFee;
    // slot 5
    uint128 bounty;
    uint128 capsuleBond;
    // slot 6
    address arbiter;
    uint96 compensation;
    // slot 7
    /// Time of delivery, expiry or conviction; 0 before.
    uint40 settledAt;
    uint32 auditWindow;
    uint32 noticePeriod;
    /// Scores of Gradients below this number are valid: all scores, or after a conviction those before the first false one.
    /// Set when the Campaign is settled.
    uint32 validBelow;
    bool refunded;
    bool bondCollected;
    bool scoringFeesCollected;
}
