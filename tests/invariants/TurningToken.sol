// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {PlainToken} from "../../contracts/mocks/Tokens.sol";

/// What a token does with a transfer.
enum Mood {
    Honest,
    KeepsFee,
    ReturnsFalse,
    Reverts
}

/// Honest while money goes into trust, whatever else when it shall come out; and balances can leak away.
contract TurningToken is PlainToken {
    error NotToday();

    Mood public mood;

    function turn(Mood mood_) external {
        mood = mood_;
    }

    function leak(address holder, uint256 amount) external {
        _burn(holder, amount);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (mood == Mood.ReturnsFalse) return false;
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (mood == Mood.ReturnsFalse) return false;
        return super.transferFrom(from, to, amount);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(mood != Mood.Reverts || from == address(0) || to == address(0), NotToday());
        uint256 fee = mood == Mood.KeepsFee && from != address(0) && to != address(0) ? value / 100 : 0;
        if (fee != 0) super._update(from, address(this), fee);
        super._update(from, to, value - fee);
    }
}
