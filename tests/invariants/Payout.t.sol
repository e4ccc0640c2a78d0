// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Payout} from "../../contracts/libraries/Payout.sol";

/// @title The arithmetic alone, held to what defines a quotient and to whole and rest, never to another division of the same form.
contract PayoutTest {
    uint256 private constant WAD = 1e18;

    /// @dev earned is the one integer e with e x target <= bounty x accuracy < (e + 1) x target.
    function testFuzz_EarnedIsTheQuotientRoundedDown(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        (accuracy, target) = _accuracies(accuracy, target);
        uint256 earned = Payout.earnedDown(bounty, accuracy, target);
        uint256 counted = accuracy < target ? accuracy : target;
        require(earned * target <= bounty * counted, "more than the rule gives");
        require((earned + 1) * target > bounty * counted, "less than the rule gives");
        require(earned <= bounty, "more than the Bounty");
    }

    /// @dev Two rises pay what one over both pays, and no rise costs anything.
    function testFuzz_RewardsTelescope(uint128 bounty, uint64 target, uint64 first, uint64 second, uint64 third) external pure {
        (first, target) = _accuracies(first, target);
        second = uint64(first + second % (WAD - first + 1));
        third = uint64(second + third % (WAD - second + 1));
        uint256 low = Payout.earnedDown(bounty, first, target);
        uint256 middle = Payout.earnedDown(bounty, second, target);
        uint256 high = Payout.earnedDown(bounty, third, target);
        require(low <= middle && middle <= high, "a rise that costs");
        require((middle - low) + (high - middle) == high - low, "a split that pays otherwise");
        // Within one smallest unit of (rise / target) x bounty, as published.
        uint256 rise = (third < target ? third : target) - (first < target ? first : target);
        uint256 published = (uint256(bounty) * rise) / target;
        require(high - low + 1 >= published && high - low <= published + 1, "not the published rule");
    }

    /// @dev The target is always within reach, and the smallest rise never leads past it.
    function testFuzz_TheTargetIsInReach(uint64 accuracy, uint64 target, uint64 minImprovement) external pure {
        (accuracy, target) = _accuracies(accuracy, target);
        if (accuracy >= target) (accuracy, target) = (target - 1, target);
        uint256 rise = Payout.smallestRise(accuracy, target, minImprovement);
        require(accuracy + rise <= target && rise <= minImprovement, "out of reach");
        require(rise == minImprovement || accuracy + rise == target, "less than agreed, short of the target");
    }

    /// @dev No unit of the bond is lost or made; the Data Scientist comes first; nobody gets more than was agreed.
    function testFuzz_TheBondIsDividedWhole(uint128 bond, uint128 spent, uint32 harmed, uint96 most) external pure {
        (uint256 share, uint256 remainder) = Payout.divideBond(bond, spent, harmed, most);
        require(share * harmed + remainder == bond, "a bond that does not add up");
        require(remainder >= (spent < bond ? spent : bond), "the Data Scientist does not come first");
        require(share <= most, "more than agreed");
        // No larger equal share fits.
        uint256 rest = bond > spent ? bond - spent : 0;
        require(harmed == 0 || share == most || (share + 1) * harmed > rest, "less than there is");
    }

    function _accuracies(uint64 accuracy, uint64 target) private pure returns (uint64, uint64) {
        return (uint64(accuracy % (WAD + 1)), uint64(1 + target % WAD));
    }
}
