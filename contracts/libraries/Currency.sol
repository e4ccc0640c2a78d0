// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ISonar} from "../interfaces/ISonar.sol";

/// @title The chain's coin (address 0) and ERC-20s behind one pair of functions
/// @dev Callers are guarded against re-entry and have written their state before they call.
library Currency {
    using SafeERC20 for IERC20;

    address internal constant COIN = address(0);

    /// @notice Takes exactly `amount` from the caller: the value sent along in the chain's coin, else by an allowance.
    // Only payable functions call it; the analysis does not follow library calls into them.
    // slither-disable-next-line msg-value-in-nonpayable
    function take(address currency, uint256 amount) internal {
        if (currency == COIN) {
            require(msg.value == amount, ISonar.WrongValue(msg.value, amount));
            return;
        }
        require(msg.value == 0, ISonar.WrongValue(msg.value, 0));
        if (amount == 0) return;
        IERC20 token = IERC20(currency);
        uint256 balanceBefore = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - balanceBefore;
        // Equality is the requirement: an ERC-20 that takes a fee on transfer is refused.
        // slither-disable-next-line incorrect-equality
        require(received == amount, ISonar.WrongAmountReceived(currency, received, amount));
    }

    /// @notice Pays `amount` to `to`. A receiver or token that reverts stops this payment and no other.
    function pay(address currency, address to, uint256 amount) internal {
        if (currency == COIN) Address.sendValue(payable(to), amount);
        else IERC20(currency).safeTransfer(to, amount);
    }
}
