// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Gradient, Rejection, Score, Scored} from "../types/Gradient.sol";

/// @title The one 32-byte word the chain keeps of each Gradient. Each kind is tagged, so that none passes for another.
library Digest {
    uint256 private constant SUBMITTED = 1;
    uint256 private constant SCORED = 2;
    uint256 private constant COMPENSABLE = 3;

    /// @notice All of a submission but its due, which stays on the upper level for the Gradient before it to read.
    function core(address miner, bytes32 bundle, bytes32 commitment, uint32 version, uint40 submittedAt) internal pure returns (bytes32) {
        return keccak256(abi.encode(miner, bundle, commitment, version, submittedAt));
    }

    function coreOf(Gradient calldata gradient) internal pure returns (bytes32) {
        return core(gradient.miner, gradient.bundle, gradient.commitment, gradient.version, gradient.submittedAt);
    }

    function submitted(uint40 due, bytes32 core_) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUBMITTED, due, core_));
    }

    /// @notice Small at its top level, so that claims stay cheap.
    function scored(address miner, uint64 before, uint64 afterwards, bytes32 details) internal pure returns (bytes32) {
        return keccak256(abi.encode(SCORED, miner, before, afterwards, details));
    }

    function scoredBy(address miner, Scored calldata gradient) internal pure returns (bytes32) {
        return scored(miner, gradient.before, gradient.afterwards, gradient.details);
    }

    function scoreDetails(bytes32 core_, Score calldata score, uint40 time) internal pure returns (bytes32) {
        return keccak256(abi.encode(core_, score, time));
    }

    function rejectionDetails(bytes32 core_, Rejection reason, bytes32 opened, bytes32 evidence, uint40 time)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(core_, reason, opened, evidence, time));
    }

    /// @notice The fee went back to its Miner; a part of the bond is still theirs.
    function compensable(address miner) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMPENSABLE, miner));
    }
}
