// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// What a Campaign is at this moment: derived from stored facts and the clock, never from a sweeper's transaction.
/// "Warm" states can change by time alone; "cold" ones need a transaction, or are final.
enum Status {
    /// No such Campaign.
    None,
    /// Warm. Bounty and Capsule's fee are in trust; the Capsule has not answered yet.
    Requested,
    /// Cold, final. The Capsule said no; everything goes back to the Data Scientist.
    Declined,
    /// Cold, final. Cancelled by the Data Scientist, or not opened in time; everything goes back.
    Cancelled,
    /// Warm. Gradients are submitted and scored.
    Open,
    /// Warm. The target is met or the duration is over; what is left is to score the queue (not after a met target) and to deliver.
    Closing,
    /// Cold. The trained Model was delivered; payouts start when the audit window is over.
    Delivered,
    /// Cold once `expire` recorded it. The Capsule missed a window.
    Expired,
    /// Cold, final. The arbiter named a false score before claims opened.
    Convicted
}
