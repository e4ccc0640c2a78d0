// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Gradient, ScoredGradient} from "../../contracts/types/Gradient.sol";

/// @title Lists of one Gradient.
library Lists {
    function one(ScoredGradient memory gradient) internal pure returns (ScoredGradient[] memory list) {
        list = new ScoredGradient[](1);
        list[0] = gradient;
    }

    function one(Gradient memory gradient) internal pure returns (Gradient[] memory list) {
        list = new Gradient[](1);
        list[0] = gradient;
    }

    function one(uint32 number) internal pure returns (uint32[] memory list) {
        list = new uint32[](1);
        list[0] = number;
    }
}
