// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {CapsuleRegistry} from "../../contracts/CapsuleRegistry.sol";
import {Sonar} from "../../contracts/Sonar.sol";
import {Campaign} from "../../contracts/types/Campaign.sol";
import {svm, vm} from "./Cheats.sol";

/// The contracts at any moment, with whatever they may have stored: reachable or not, so what holds here holds after every history.
abstract contract AnyState {
    Sonar internal sonar;

    function setUp() public {
        CapsuleRegistry registry = new CapsuleRegistry();
        sonar = new Sonar(registry);
        vm.setArbitraryStorage(address(registry));
        vm.setArbitraryStorage(address(sonar));
        vm.deal(address(sonar), type(uint192).max);
        vm.warp(svm.createUint(40, "now"));
    }

    /// Whether the call went through. A call that reverts changes nothing.
    function _done(address caller, bytes memory call) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(sonar).call(call);
    }
}
