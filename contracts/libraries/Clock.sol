// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Campaign} from "../types/Campaign.sol";
import {Status} from "../types/Status.sol";

/// @title The status of a Campaign now: recorded facts and the clock. Intervals are half-open: at its due time a window is missed.
library Clock {
    function status(Campaign storage c) internal view returns (Status) {
        if (c.recorded == Status.Requested) return block.timestamp < c.endsAt ? Status.Requested : Status.Cancelled;
        if (c.recorded != Status.Open) return c.recorded;
        // A met target ends mining in the same block: before the end only slot 0 needs to be read.
        if (block.timestamp < c.endsAt) {
            return c.scored < c.submitted && block.timestamp >= c.due ? Status.Expired : Status.Open;
        }
        return block.timestamp < dueOf(c) ? Status.Closing : Status.Expired;
    }

    function targetMet(Campaign storage c) internal view returns (bool) {
        return c.accuracy >= c.targetAccuracy;
    }

    /// @notice Whether the Capsule owes a score. A met target makes all unscored Gradients void.
    function awaitsScore(Campaign storage c) internal view returns (bool) {
        return c.scored < c.submitted && !targetMet(c);
    }

    /// @notice Due time of the delivery once no score is owed: counted from the end of mining, or from the last score if that is later.
    function deliveryDue(Campaign storage c) internal view returns (uint256) {
        uint256 fromEnd = uint256(c.endsAt) + c.deliveryWindow;
        return targetMet(c) || c.due < fromEnd ? fromEnd : c.due;
    }

    /// @notice Time by which the Capsule must have acted; 0 if nothing is awaited of it.
    function dueOf(Campaign storage c) internal view returns (uint256) {
        if (c.recorded == Status.Requested) return c.endsAt;
        if (c.recorded != Status.Open) return 0;
        return awaitsScore(c) ? c.due : deliveryDue(c);
    }
}
