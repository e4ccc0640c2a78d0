// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// @title Arithmetic of rewards and of a failed Capsule's bond. Pure; every division rounds down.
library Payout {
    /// @notice Sum of all rewards up to an accuracy: bounty x min(accuracy, target) / target, rounded down.
    /// A reward is the difference of two such sums, so that splitting an improvement earns exactly the same.
    function earnedDown(uint256 bounty, uint256 accuracy, uint256 target) internal pure returns (uint256) {
        return accuracy >= target ? bounty : bounty * accuracy / target;
    }

    /// @notice Smallest rise of accuracy that counts. The last step to the target always counts, so that every target can be reached.
    function smallestRise(uint256 accuracy, uint256 target, uint256 minImprovement) internal pure returns (uint256) {
        uint256 missing = target - accuracy;
        return missing < minImprovement ? missing : minImprovement;
    }

    /// @notice Divides the bond of a Capsule that failed: first the Data Scientist gets as much as the rewards cost them, then each
    /// harmed Gradient gets an equal share, and the remainder is the Data Scientist's too.
    /// @param spent Sum of the rewards that Miners earned.
    /// @param harmed Number of Gradients left unscored or made void.
    /// @param largestShare Largest share of one harmed Gradient.
    /// @return share Share of each harmed Gradient, rounded down.
    /// @return remainder The Data Scientist's part.
    function divideBond(uint256 bond, uint256 spent, uint256 harmed, uint256 largestShare)
        internal
        pure
        returns (uint256 share, uint256 remainder)
    {
        uint256 rest = bond > spent ? bond - spent : 0;
        if (harmed != 0) {
            share = rest / harmed;
            if (share > largestShare) share = largestShare;
        }
        remainder = bond - share * harmed;
    }
}
