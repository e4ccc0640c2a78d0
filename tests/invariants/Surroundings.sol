// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {PlainToken} from "../../contracts/mocks/Tokens.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Attackers} from "./Attackers.sol";
import {Reckoning} from "./Reckoning.sol";
import {Story} from "./Story.sol";
import {Mood} from "./TurningToken.sol";
import {vm} from "./Vm.sol";

/// @title What happens to a Campaign without anybody calling Sonar: time, tokens, and gifts.
abstract contract Surroundings is Attackers {
    using Reckoning for Story;

    /// @dev Seconds, minutes, or to the last second before what comes next, or to that very moment.
    function passTime(uint256 seed) external {
        uint256 side = _roll(seed, "how long", 8);
        uint256 next = _nextMoment();
        if (side == 0 && next != 0) time = next;
        else if (side == 1 && next > time + 1) time = next - 1;
        else if (side < 5) time += 1 + _roll(seed, "seconds", 120);
        else time += 1 + _roll(seed, "minutes", 20 minutes);
        vm.warp(time);
    }

    function turnToken(uint256 seed) external {
        _seldom(seed, 4);
        if (_roll(seed, "which", 2) == 0) rebasing.rebase(_roll(seed, "back", 2) == 0 ? 100 : 1 + _roll(seed, "percent", 199));
        else turning.turn(_roll(seed, "back", 2) == 0 ? Mood.Honest : Mood(_roll(seed, "mood", 4)));
    }

    /// @dev Balances shrink by themselves: Sonar's too.
    function leakToken(uint256 seed) external {
        _seldom(seed, 4);
        uint256 held = turning.balanceOf(address(sonar));
        vm.assume(held != 0);
        uint256 amount = 1 + _roll(seed, "leak", held < 1 << 20 ? held : held >> 4);
        turning.leak(address(sonar), amount);
        leaked[address(turning)] += amount;
    }

    /// @dev Coin that nobody can refuse, and tokens sent to Sonar outside of any Campaign.
    function give(uint256 seed) external {
        _seldom(seed, 6);
        address currency = currencies[_roll(seed, "gift", currencies.length)];
        uint256 amount = _amount(seed, "gift", 1, 100);
        if (currency == COIN) vm.deal(address(sonar), address(sonar).balance + amount);
        else PlainToken(currency).mint(address(sonar), amount);
        gifts[currency] += amount;
    }

    /// @dev The next moment at which any Campaign becomes something else by time alone; 0 when there is none.
    function _nextMoment() private view returns (uint256 next) {
        for (uint256 i = 0; i < stories.length; ++i) {
            Story storage s = stories[i];
            uint256[2] memory moments = [s.claimsOpenAt(), s.openBefore];
            if (s.recorded == Status.Open) (moments[0], moments[1]) = (s.due(), s.endsAt);
            for (uint256 j = 0; j < 2; ++j) {
                if (moments[j] > time && (next == 0 || moments[j] < next)) next = moments[j];
            }
        }
    }
}
