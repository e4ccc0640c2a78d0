// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Payout} from "../../contracts/libraries/Payout.sol";

/// What of `Payout` needs no symbolic division, proved for all inputs of the contracts' widths.
contract MoneyCheck {
    uint256 private constant WAD = 1e18;

    // ------------------------------------------------------------------ REWARDS

    /// Full width.
    function check_clampedAtTarget(uint128 bounty, uint64 accuracy, uint64 target) external pure {
        if (accuracy < target) return;
        assert(Payout.earnedDown(bounty, accuracy, target) == bounty);
    }

    /// Full width: the rise that counts never reaches past the target, and never is nothing below it.
    function check_everyTargetIsInReach(uint64 accuracy, uint64 target, uint64 minImprovement) external pure {
        if (target > WAD || accuracy >= target || minImprovement == 0) return;
        uint256 rise = Payout.smallestRise(accuracy, target, minImprovement);
        assert(rise > 0 && rise <= minImprovement && accuracy + rise <= target);
    }

    // ------------------------------------------------------------------ THE BOND

    /// Full width where nobody is harmed: all of it is the Data Scientist's.
    function check_unharmedBondGoesBack(uint128 bond, uint128 spent, uint96 most) external pure {
        (uint256 share, uint256 left) = Payout.divideBond(bond, spent, 0, most);
        assert(share == 0 && left == bond);
    }

    // ------------------------------------------------------------------ NEGATIVE CONTROLS: halmos must refute these

    /// A rise that ignores how little is missing reaches past the target.
    function check_refuted_fullRiseStaysInReach(uint64 accuracy, uint64 target, uint64 minImprovement) external pure {
        if (target > WAD || accuracy >= target || minImprovement == 0) return;
        assert(uint256(accuracy) + minImprovement <= target);
    }
}
