// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// What the Capsule publishes when it opens a Campaign: the key pair's public half and the starting Model.
struct CampaignStart {
    /// Content address of the homomorphic public key.
    bytes32 publicKey;
    /// Merkle root of the public key's numbers.
    bytes32 publicKeyRoot;
    /// Content address of the first encrypted Model (version 0).
    bytes32 model;
    /// Merkle root of that Model's ciphertexts.
    bytes32 modelRoot;
    /// Accuracy that the Capsule measured for it, in WAD; below the target.
    uint64 accuracy;
}

/// A submitted Gradient: the preimage of the digest that the chain keeps until the Gradient is scored or rejected.
struct Gradient {
    /// Position in the Campaign's queue, from 0.
    uint32 number;
    /// Sender of the submission.
    address miner;
    /// Content address of the sealed bundle.
    bytes32 bundle;
    /// Hiding commitment to the bundle: keccak256(domain, chain, contract, campaign, miner, version, root, salt).
    bytes32 commitment;
    /// Version of the Model that the Gradient was computed from.
    uint32 version;
    /// Block time of the submission.
    uint40 submittedAt;
    /// Time by which the Capsule must have scored or rejected it.
    uint40 due;
}

/// Preimage of the next queued Gradient's digest (its due time, and a hash of the rest). Scoring passes it so that the contract
/// learns the next due time. All zero if the queue is empty.
struct Next {
    /// `Gradient.due` of the next queued Gradient.
    uint40 due;
    /// `Digest.coreOf` of the next queued Gradient.
    bytes32 core;
}

/// The Capsule's result for a Gradient that it could read.
struct Score {
    /// Accuracy measured with the best step size, in WAD. If it is below the smallest rise that counts, nothing changes.
    uint64 accuracy;
    /// Public integer step size in quarters: new Model = old Model x delta^stepSize.
    uint32 stepSize;
    /// Content address of the new encrypted Model; 0 if there is no improvement.
    bytes32 model;
    /// Merkle root of the ciphertexts of the newest Model (the unchanged one if there is no improvement).
    bytes32 modelRoot;
    /// Content address of the unsealed bundle: the Gradient's ciphertexts, from which anyone can recompute the new Model.
    bytes32 unsealedBundle;
    /// Merkle root over the decryptions and the predictions of each row.
    bytes32 evidence;
}

/// Why a Gradient was not scored.
enum Rejection {
    /// The bundle exists and breaks a rule of the formats.
    Malformed,
    /// The bundle did not appear within the unavailability window.
    Unavailable
}

/// A scored or rejected Gradient: the preimage of the digest that the chain keeps until the reward is claimed.
/// The Miner is the caller, or an argument of its own.
struct ScoredGradient {
    /// Position in the Campaign's queue, from 0.
    uint32 number;
    /// Accuracy of the newest Model before the score, in WAD.
    uint64 accuracyBefore;
    /// Accuracy of the newest Model after the score, in WAD; equal to `accuracyBefore` if there is no improvement.
    uint64 accuracyAfter;
    /// Hash of all other values: see `ISonar.GradientScored` and `ISonar.GradientRejected`.
    bytes32 details;
}
