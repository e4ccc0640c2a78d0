// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Payout} from "../../contracts/libraries/Payout.sol";

/// Rewards, for every Bounty, accuracy and target of the contracts' widths. Overflow (panic 0x11) and division by zero
/// (panic 0x12) count as failures in every check.
contract MoneyCheck {
    uint256 private constant WAD = 1e18;

    /// bounty x accuracy / target, rounded down: the largest whole number not above the fraction.
    function check_rewardIsRoundedDown(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        if (target > WAD || accuracy >= target) return;
        uint256 earned = Payout.earnedDown(bounty, accuracy, target);
        uint256 exact = uint256(bounty) * accuracy;
        assert(earned * target <= exact);
        assert(exact - earned * target < target);
    }

    function check_rewardIsClampedAtTarget(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        if (accuracy < target) return;
        assert(Payout.earnedDown(bounty, accuracy, target) == bounty);
    }

    function check_rewardIsNeverMoreThanTheBounty(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        if (target == 0) return;
        assert(Payout.earnedDown(bounty, accuracy, target) <= bounty);
    }

    /// A higher accuracy never earned less: no difference of two `earnedDown` underflows.
    function check_rewardRisesWithAccuracy(uint128 bounty, uint64 accuracyBefore, uint64 accuracyAfter, uint64 target) external pure {
        if (target == 0 || accuracyBefore > accuracyAfter) return;
        assert(Payout.earnedDown(bounty, accuracyBefore, target) <= Payout.earnedDown(bounty, accuracyAfter, target));
    }

    function check_refuted_rewardIsRoundedUp(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        if (target > WAD || accuracy >= target) return;
        assert(Payout.earnedDown(bounty, accuracy, target) * target >= uint256(bounty) * accuracy);
    }

    /// Split over two Gradients, an improvement earns what it earns at once.
    function check_rewardsTelescope(uint128 bounty, uint64 start, uint64 middle, uint64 end, uint64 target) external pure {
        if (target == 0 || start > middle || middle > end) return;
        uint256 first = Payout.earnedDown(bounty, middle, target) - Payout.earnedDown(bounty, start, target);
        uint256 second = Payout.earnedDown(bounty, end, target) - Payout.earnedDown(bounty, middle, target);
        assert(first + second == Payout.earnedDown(bounty, end, target) - Payout.earnedDown(bounty, start, target));
    }

    function check_smallestRiseStaysInReach(uint64 accuracy, uint64 target, uint64 minImprovement) external pure {
        if (target > WAD || accuracy >= target || minImprovement == 0) return;
        uint256 rise = Payout.smallestRise(accuracy, target, minImprovement);
        assert(rise > 0 && rise <= minImprovement && accuracy + rise <= target);
    }

    /// A rise that ignores how little is missing reaches past the target.
    function check_refuted_fullRiseStaysInReach(uint64 accuracy, uint64 target, uint64 minImprovement) external pure {
        if (target > WAD || accuracy >= target || minImprovement == 0) return;
        assert(uint256(accuracy) + minImprovement <= target);
    }
}
