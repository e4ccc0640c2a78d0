// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {CapsuleRegistry} from "../../contracts/CapsuleRegistry.sol";
import {Sonar} from "../../contracts/Sonar.sol";
import {svm, vm} from "./Cheats.sol";

/// The contracts as they are deployed, at any moment, with whatever they may have stored: reachable or not, so that what
/// holds here holds after every history.
abstract contract AnyState {
    /// More than there is of the chain's coin: no payment fails for want of it.
    uint256 private constant ALL_COIN = type(uint96).max;

    /// Without code: what a payee may do in return is not looked at here.
    address internal constant PAYEE = address(0xbea7);

    Sonar internal sonar;

    function setUp() public {
        address registry = _deployed(type(CapsuleRegistry).name, "");
        sonar = Sonar(_deployed(type(Sonar).name, abi.encode(registry)));
        vm.setArbitraryStorage(registry);
        vm.setArbitraryStorage(address(sonar));
        vm.deal(address(sonar), ALL_COIN);
        uint256 time = svm.createUint(40, "now");
        vm.assume(time != 0);
        vm.warp(time);
    }

    /// Whether the call went through. One that reverts changes nothing.
    function _done(address caller, bytes memory call) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(sonar).call{value: svm.createUint(96, "value")}(call);
    }

    function _refusedUnless(bool allowed, address caller, bytes memory call) internal {
        vm.assume(!allowed);
        assert(!_done(caller, call));
    }

    /// @dev From its artifact: `new` would compile it once more into every contract of checks.
    function _deployed(string memory name, bytes memory arguments) private returns (address at) {
        string memory artifact = string.concat(".build/symbolic/", name, ".sol/", name, ".json");
        bytes memory code = abi.encodePacked(vm.getCode(artifact), arguments);
        assembly ("memory-safe") {
            at := create(0, add(code, 0x20), mload(code))
        }
        require(at != address(0), "not deployed");
    }
}
