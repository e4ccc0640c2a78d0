// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Status} from "../../contracts/types/Status.sol";
import {Entry, Kind, Story} from "./Story.sol";

/// @title The published rules, worked out a second time: Gradient by Gradient, from what happened, without Sonar's libraries.
library Reckoning {
    // ------------------------------------------------------------------ TIME

    function status(Story storage s, uint256 time) internal view returns (Status) {
        if (s.recorded == Status.Requested) return time < s.openBefore ? Status.Requested : Status.Cancelled;
        if (s.recorded != Status.Open) return s.recorded;
        if (time >= due(s)) return Status.Expired;
        return targetMet(s) || time >= s.endsAt ? Status.Closing : Status.Open;
    }

    /// @notice When the Capsule must have acted at the latest.
    function due(Story storage s) internal view returns (uint256) {
        if (awaitsScore(s)) return s.entries[s.scored].gradient.due;
        uint256 since = s.lastScoredAt > s.endsAt ? s.lastScoredAt : s.endsAt;
        return since + s.terms.deliveryWindow;
    }

    function targetMet(Story storage s) internal view returns (bool) {
        return s.accuracy >= s.terms.targetAccuracy;
    }

    function awaitsScore(Story storage s) internal view returns (bool) {
        return !targetMet(s) && s.scored < s.entries.length;
    }

    function running(Story storage s, uint256 time) internal view returns (bool) {
        Status now_ = status(s, time);
        return now_ == Status.Open || now_ == Status.Closing;
    }

    function failed(Story storage s) internal view returns (bool) {
        return s.recorded == Status.Expired || s.recorded == Status.Convicted;
    }

    function claimsOpenAt(Story storage s) internal view returns (uint256) {
        if (s.settledAt == 0) return 0;
        return s.recorded == Status.Convicted ? s.settledAt : s.settledAt + s.terms.auditWindow;
    }

    function claimsOpen(Story storage s, uint256 time) internal view returns (bool) {
        return s.settledAt != 0 && time >= claimsOpenAt(s);
    }

    // ------------------------------------------------------------------ MONEY

    /// @notice bounty x min(accuracy, target) / target, rounded down, by whole targets and the remainder.
    function earned(Story storage s, uint256 accuracy) internal view returns (uint256) {
        uint256 target = s.terms.targetAccuracy;
        if (accuracy > target) accuracy = target;
        return (s.terms.bounty / target) * accuracy + ((s.terms.bounty % target) * accuracy) / target;
    }

    function reward(Story storage s, Entry storage e) internal view returns (uint256) {
        return e.accuracyBefore == e.accuracyAfter ? 0 : earned(s, e.accuracyAfter) - earned(s, e.accuracyBefore);
    }

    /// @notice Rewards of all Gradients that count, one by one.
    function spent(Story storage s) internal view returns (uint256 sum) {
        uint256 counted = s.settledAt == 0 ? s.scored : s.validBelow;
        for (uint256 i = 0; i < counted; ++i) {
            sum += reward(s, s.entries[i]);
        }
    }

    /// @notice Of the bond of a Capsule that failed: what makes the Data Scientist whole.
    function madeWhole(Story storage s) internal view returns (uint256) {
        uint256 spent_ = spent(s);
        return spent_ < s.terms.capsuleBond ? spent_ : s.terms.capsuleBond;
    }

    function harmed(Story storage s) internal view returns (uint256) {
        return s.settledAt == 0 ? 0 : s.entries.length - s.validBelow;
    }

    /// @notice What each harmed Gradient may pull of the bond.
    function share(Story storage s) internal view returns (uint256 equal) {
        if (!failed(s) || harmed(s) == 0) return 0;
        equal = (s.terms.capsuleBond - madeWhole(s)) / harmed(s);
        if (equal > s.terms.compensation) equal = s.terms.compensation;
    }

    function refund(Story storage s) internal view returns (uint256) {
        uint256 bounty = s.terms.bounty;
        if (s.recorded == Status.Open || s.recorded == Status.Delivered) return bounty - spent(s);
        if (failed(s)) return bounty - spent(s) + s.terms.capsuleFee + s.terms.capsuleBond - share(s) * harmed(s);
        return bounty + s.terms.capsuleFee;
    }

    /// @notice Bond and fee, as long as they are the Capsule's.
    function bondAndFee(Story storage s) internal view returns (uint256) {
        if (s.recorded != Status.Open && s.recorded != Status.Delivered) return 0;
        return uint256(s.terms.capsuleFee) + s.terms.capsuleBond;
    }

    /// @notice What the Campaign owes in its currency: claimable + refundable + collectable.
    function owed(Story storage s) internal view returns (uint256 sum) {
        if (!s.refunded) sum = refund(s);
        if (!s.bondCollected) sum += bondAndFee(s);
        uint256 counted = s.settledAt == 0 ? s.scored : s.validBelow;
        for (uint256 i = 0; i < counted; ++i) {
            if (!s.entries[i].claimed) sum += reward(s, s.entries[i]);
        }
        uint256 share_ = share(s);
        for (uint256 i = counted; share_ != 0 && i < s.entries.length; ++i) {
            if (!s.entries[i].compensated) sum += share_;
        }
    }

    /// @notice What it owes in wei of scoring fees, to its Capsule and to Miners.
    function owedFees(Story storage s) internal view returns (uint256 sum) {
        if (s.settledAt == 0) return s.entries.length * s.terms.scoringFee;
        if (!s.feesCollected) sum = uint256(s.validBelow) * s.terms.scoringFee;
        for (uint256 i = s.validBelow; i < s.entries.length; ++i) {
            if (!s.entries[i].reclaimed) sum += s.terms.scoringFee;
        }
    }

    /// @notice Whether a Gradient has a payment of this kind open, once claims are.
    function open(Story storage s, Kind kind, uint32 number) internal view returns (bool) {
        Entry storage e = s.entries[number];
        if (kind == Kind.Reward) return number < s.validBelow && !e.claimed && reward(s, e) != 0;
        if (number < s.validBelow) return false;
        if (kind == Kind.Compensation) return e.reclaimed && !e.compensated && share(s) != 0;
        return !e.reclaimed && e.scored == (kind == Kind.VoidedFee);
    }

    function paid(Story storage s) internal view returns (uint256) {
        return s.rewards + s.compensations + s.toScientist + s.toCapsule;
    }

    function feesPaid(Story storage s) internal view returns (uint256) {
        return s.feesToCapsule + s.feesToMiners;
    }
}
