// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// A submitted Gradient: the preimage of the digest that the chain keeps until it is scored.
struct Gradient {
    uint32 number;
    address miner;
    /// Content address of the sealed bundle.
    bytes32 bundle;
    /// Hiding commitment to the bundle: keccak256(domain, chain, contract, campaign, miner, version, root, salt).
    bytes32 commitment;
    /// Model version it was computed from.
    uint32 version;
    uint40 submittedAt;
    uint40 due;
}

/// The two-level part of the digest of the Gradient next in the queue: enough to know when it is due. All zero when the queue ends.
struct Next {
    uint40 due;
    bytes32 core;
}

/// What the Capsule says of a Gradient that it could read.
struct Score {
    /// Measured accuracy with the best step, WAD. Less than the smallest counting rise: nothing changes.
    uint64 accuracy;
    /// Public integer step (quarters): new head = head x delta^step.
    uint32 step;
    /// Content address of the new encrypted Model; 0 without improvement.
    bytes32 model;
    /// Merkle root of the Model's ciphertexts that now count (the old one's without improvement).
    bytes32 modelRoot;
    /// Content address of the opened bundle.
    bytes32 opened;
    /// Merkle root over decryptions and predictions.
    bytes32 evidence;
}

/// Why a Gradient was not scored.
enum Rejection {
    /// The bundle is there and breaks a rule of the formats.
    Malformed,
    /// The bundle did not appear within the unavailability window.
    Unavailable
}

/// A scored (or rejected) Gradient: the preimage of the digest kept until it is claimed. The miner is the caller, or named beside it.
struct Scored {
    uint32 number;
    uint64 before;
    uint64 afterwards;
    /// Digest of all else that was said: see `ISonar.GradientScored` and `ISonar.GradientRejected`.
    bytes32 details;
}

/// What the Capsule publishes when it opens a Campaign.
struct Opening {
    /// Content address of the homomorphic public key, and the Merkle root of its numbers.
    bytes32 publicKey;
    bytes32 publicKeyRoot;
    /// Content address of the first encrypted Model, and the Merkle root of its ciphertexts.
    bytes32 model;
    bytes32 modelRoot;
    /// Accuracy the Capsule measured for it, WAD; below the target.
    uint64 accuracy;
}
