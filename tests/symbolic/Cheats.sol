// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// The few cheatcodes of forge that these checks need, as halmos understands them: https://getfoundry.sh/reference/cheatcodes
interface Vm {
    /// Drops every path on which `condition` does not hold.
    function assume(bool condition) external pure;
    /// What the compiler made of a contract, constructor included.
    function getCode(string calldata artifact) external view returns (bytes memory);
    function deal(address account, uint256 balance) external;
    /// The next call, and that one only, comes from `sender`.
    function prank(address sender) external;
    /// From here on the account's storage holds whatever it may hold.
    function setArbitraryStorage(address account) external;
    function warp(uint256 timestamp) external;
}

/// What halmos adds: https://github.com/a16z/halmos-cheatcodes
interface Svm {
    function createUint(uint256 bits, string calldata name) external pure returns (uint256);
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
Svm constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
