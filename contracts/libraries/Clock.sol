// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Campaign} from "../types/Campaign.sol";
import {Status} from "../types/Status.sol";

/// @title What a Campaign is now: recorded facts plus the clock. Intervals are half-open: at its due a window is missed.
library Clock {
    function status(Campaign storage c) internal view returns (Status) {
        if (c.recorded == Status.Requested) return block.timestamp < c.endsAt ? Status.Requested : Status.Cancelled;
        if (c.recorded != Status.Open) return c.recorded;
        // A met target ends mining at that moment: before the end only the head slot needs to be read.
        if (block.timestamp < c.endsAt) {
            return c.scored < c.submitted && block.timestamp >= c.due ? Status.Expired : Status.Open;
        }
        return block.timestamp < dueOf(c) ? Status.Closing : Status.Expired;
    }

    function targetMet(Campaign storage c) internal view returns (bool) {
        return c.accuracy >= c.targetAccuracy;
    }

    /// @notice Whether the Capsule owes a score. A met target makes what is unscored void.
    function awaitsScore(Campaign storage c) internal view returns (bool) {
        return c.scored < c.submitted && !targetMet(c);
    }

    /// @notice When delivery is due once nothing is left to score: counted from the end, or from the last score where that came later.
    function deliveryDue(Campaign storage c) internal view returns (uint256) {
        uint256 fromEnd = uint256(c.endsAt) + c.deliveryWindow;
        return targetMet(c) || c.due < fromEnd ? fromEnd : c.due;
    }

    /// @notice The moment the Capsule must have acted by, as things stand; 0 when nothing is awaited of it.
    function dueOf(Campaign storage c) internal view returns (uint256) {
        if (c.recorded == Status.Requested) return c.endsAt;
        if (c.recorded != Status.Open) return 0;
        return awaitsScore(c) ? c.due : deliveryDue(c);
    }
}
