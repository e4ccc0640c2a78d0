// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Status} from "./Status.sol";

/// What the chain remembers of a Campaign: eight slots, ordered so that submitting and scoring touch the first three only.
/// `spec`, `validation`, `validationRoot`, `parent`, `openWithin` and `scheme` live in the id and in `CampaignCreated`.
struct Campaign {
    // slot 0: the head, all that the hot path writes
    uint32 submitted;
    uint32 scored;
    uint64 accuracy;
    /// While a Gradient is unscored: when the oldest one is due.
    /// Otherwise: the earliest moment at which a delivery can be overdue (0 before the first score).
    uint40 due;
    /// While Requested: when the time to open is over. Afterwards: when mining ends or ended.
    uint40 endsAt;
    /// Model version: 0 at opening, one more for every improvement and every rebase.
    uint32 version;
    /// Last recorded status; `statusOf` adds what the clock says.
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
    /// The claim while Requested; what the Capsule measured from opening on.
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
    /// When it was delivered, expired or convicted; 0 before.
    uint40 settledAt;
    uint32 auditWindow;
    uint32 noticePeriod;
    /// Gradients below this number count: all scored ones, or those before the first false score after a conviction. Set when settled.
    uint32 sound;
    bool refunded;
    bool bondCollected;
    bool scoringFeesCollected;
}
