// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Gradient, Rejection, Score, ScoredGradient} from "../types/Gradient.sol";

/// @title The one 32-byte digest that the chain keeps per Gradient. Each kind has a tag, so that none passes for another.
library Digest {
    uint256 private constant SUBMITTED = 1;
    uint256 private constant SCORED = 2;
    uint256 private constant COMPENSABLE = 3;

    /// @notice Hash of a submission without number and due time. The due time is hashed in `submitted`, so that `Next` can name it.
    function core(address miner, bytes32 bundle, bytes32 commitment, uint32 version, uint40 submittedAt) internal pure returns (bytes32) {
        return keccak256(abi.encode(miner, bundle, commitment, version, submittedAt));
    }

    function coreOf(Gradient calldata gradient) internal pure returns (bytes32) {
        return core(gradient.miner, gradient.bundle, gradient.commitment, gradient.version, gradient.submittedAt);
    }

    /// @notice Digest of a Gradient that awaits its score.
    function submitted(uint40 due, bytes32 core_) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUBMITTED, due, core_));
    }

    /// @notice Digest of a scored or rejected Gradient: a short preimage, so that claims stay cheap.
    function scored(address miner, uint64 accuracyBefore, uint64 accuracyAfter, bytes32 details) internal pure returns (bytes32) {
        return keccak256(abi.encode(SCORED, miner, accuracyBefore, accuracyAfter, details));
    }

    function scoredBy(address miner, ScoredGradient calldata gradient) internal pure returns (bytes32) {
        return scored(miner, gradient.accuracyBefore, gradient.accuracyAfter, gradient.details);
    }

    /// @notice `ScoredGradient.details` of a score.
    function scoreDetails(bytes32 core_, Score calldata score, uint40 time) internal pure returns (bytes32) {
        return keccak256(abi.encode(core_, score, time));
    }

    /// @notice `ScoredGradient.details` of a rejection.
    function rejectionDetails(bytes32 core_, Rejection reason, bytes32 unsealedBundle, bytes32 evidence, uint40 time)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(core_, reason, unsealedBundle, evidence, time));
    }

    /// @notice Digest of a Gradient whose scoring fee was reclaimed and whose share of the bond was not paid yet.
    function compensable(address miner) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMPENSABLE, miner));
    }
}
