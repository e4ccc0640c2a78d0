// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// @title Who gets what: the arithmetic of rewards and of a Campaign's end. Pure; every division rounds down.
library Payout {
    /// @notice What all Miners together have earned once the head stands at `accuracy`: bounty x min(accuracy, target) / target.
    /// A reward is the difference of two of these, so that splitting an improvement earns exactly the same.
    function earnedDown(uint256 bounty, uint256 accuracy, uint256 target) internal pure returns (uint256) {
        return accuracy >= target ? bounty : bounty * accuracy / target;
    }

    /// @notice Least rise of accuracy that counts: the last step to the target always does, so no target is out of reach.
    function smallestRise(uint256 accuracy, uint256 target, uint256 minImprovement) internal pure returns (uint256) {
        uint256 missing = target - accuracy;
        return missing < minImprovement ? missing : minImprovement;
    }

    /// @notice How the bond of a Capsule that failed is divided.
    /// @param spent What Miners earned. @param harmed Gradients left unscored or made void. @param most Most compensation for one of them.
    /// @return share What each harmed Gradient may pull. @return left What goes to the Data Scientist: first as much as the rewards
    /// cost them, at the end all that nobody may pull.
    function divideBond(uint256 bond, uint256 spent, uint256 harmed, uint256 most) internal pure returns (uint256 share, uint256 left) {
        uint256 rest = bond > spent ? bond - spent : 0;
        if (harmed != 0) {
            share = rest / harmed;
            if (share > most) share = most;
        }
        left = bond - share * harmed;
    }
}
