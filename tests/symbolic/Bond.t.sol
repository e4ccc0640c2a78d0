// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Payout} from "../../contracts/libraries/Payout.sol";

/// The bond of a Capsule that failed, for all amounts of the contracts' widths.
contract BondCheck {
    function check_unharmedBondGoesBack(uint128 bond, uint128 spent, uint96 most) external pure {
        (uint256 share, uint256 remainder) = Payout.divideBond(bond, spent, 0, most);
        assert(share == 0 && remainder == bond);
    }

    /// Shares and rest add up to the bond, to the last unit, and nobody is given more than `most`.
    function check_bondIsDividedWhole(uint128 bond, uint128 spent, uint32 harmed, uint96 most) external pure {
        (uint256 share, uint256 remainder) = Payout.divideBond(bond, spent, harmed, most);
        assert(share <= most);
        assert(share * harmed + remainder == bond);
    }

    /// The Data Scientist comes first: what rewards cost them comes back as far as the bond reaches.
    function check_dataScientistIsMadeWholeFirst(uint128 bond, uint128 spent, uint32 harmed, uint96 most) external pure {
        (, uint256 remainder) = Payout.divideBond(bond, spent, harmed, most);
        assert(remainder >= (bond < spent ? bond : spent));
    }

    function check_refuted_everyHarmedGradientIsGivenTheMost(uint128 bond, uint128 spent, uint32 harmed, uint96 most) external pure {
        if (harmed == 0 || bond < spent) return;
        (uint256 share,) = Payout.divideBond(bond, spent, harmed, most);
        assert(share == most);
    }
}
