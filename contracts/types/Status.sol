// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// What a Campaign is at this moment, derived from stored facts and the clock; no transaction is needed to keep it current.
/// A "warm" status can change by time alone. A "cold" one changes by a transaction only; a "final" one never changes.
enum Status {
    /// No such Campaign.
    None,
    /// Warm. Bounty and Capsule's fee are in trust; the Capsule has not answered yet.
    Requested,
    /// Cold, final. The Capsule declined; everything goes back to the Data Scientist.
    Declined,
    /// Cold, final. Cancelled by the Data Scientist, or not opened in time; everything goes back.
    Cancelled,
    /// Warm. Gradients are submitted and scored.
    Open,
    /// Warm. The target is met or mining is over. The Capsule still scores the queue (unless the target is met) and delivers.
    Closing,
    /// Cold. The trained Model is delivered; payouts start when the audit window is over.
    Delivered,
    /// Cold once `expire` has recorded it. The Capsule missed a window.
    Expired,
    /// Cold, final. The arbiter named a false score before claims opened.
    Convicted
}
