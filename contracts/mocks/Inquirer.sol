// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// Many questions in one call: for tests that compare whole states after every step.
contract Inquirer {
    error Unanswered(uint256 question);

    function ask(address target, bytes[] calldata questions) external view returns (bytes[] memory answers) {
        answers = new bytes[](questions.length);
        bool success;
        for (uint256 i = 0; i < questions.length; ++i) {
            (success, answers[i]) = target.staticcall(questions[i]);
            require(success, Unanswered(i));
        }
    }

    /// @return coins What each holder has in the chain's coin. @return tokens What each has of the ERC-20.
    function holdings(IERC20 token, address[] calldata holders) external view returns (uint256[] memory coins, uint256[] memory tokens) {
        coins = new uint256[](holders.length);
        tokens = new uint256[](holders.length);
        for (uint256 i = 0; i < holders.length; ++i) {
            coins[i] = holders[i].balance;
            tokens[i] = token.balanceOf(holders[i]);
        }
    }
}
