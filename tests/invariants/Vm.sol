// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// The few of forge's cheatcodes that these tests need: https://getfoundry.sh/reference/cheatcodes
interface Vm {
    /// Discards the call unless `condition` holds: it neither counts as a call nor leaves a trace.
    function assume(bool condition) external pure;
    /// Deploys what is compiled already, with the settings of the contracts.
    function deployCode(string calldata artifact, bytes calldata arguments) external returns (address);
    function deal(address account, uint256 balance) external;
    /// The next call, and that one only, comes from `sender`.
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
