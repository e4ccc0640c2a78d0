// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, Next, Opening, Rejection, Score, Scored} from "../../contracts/types/Gradient.sol";
import {AnyState} from "./AnyState.sol";

contract AccessCheck is AnyState {
    function check_onlyDataScientistCancels(address caller, bytes32 campaign) external {
        bool theirs = caller == sonar.campaignOf(campaign).scientist;
        assert(!_done(caller, abi.encodeCall(ISonar.cancel, (campaign))) || theirs);
    }
    function check_refuted_nobodyCancels(address caller, bytes32 campaign) external {
        assert(!_done(caller, abi.encodeCall(ISonar.cancel, (campaign))));
    }
    function check_onlyDataScientistRefunds(address caller, bytes32 campaign, address to) external {
        bool theirs = caller == sonar.campaignOf(campaign).scientist;
        assert(!_done(caller, abi.encodeCall(ISonar.refund, (campaign, to))) || theirs);
    }
    function check_refuted_nobodyRefunds(address caller, bytes32 campaign, address to) external {
        assert(!_done(caller, abi.encodeCall(ISonar.refund, (campaign, to))));
    }
    function check_onlyCapsuleScores(address caller, bytes32 campaign, Gradient memory g, Score memory s, Next memory n) external {
        bool theirs = caller == sonar.campaignOf(campaign).capsule;
        assert(!_done(caller, abi.encodeCall(ISonar.scoreGradient, (campaign, g, s, n))) || theirs);
    }
    function check_refuted_nobodyScores(address caller, bytes32 campaign, Gradient memory g, Score memory s, Next memory n) external {
        assert(!_done(caller, abi.encodeCall(ISonar.scoreGradient, (campaign, g, s, n))));
    }
}
