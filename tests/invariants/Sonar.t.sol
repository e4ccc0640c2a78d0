// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Handlers} from "./Handlers.sol";

/// @title Random histories of several Campaigns at once, by forge: one call of `Handlers` after another, checked after each.
/// @dev A call that nothing fits is discarded, and one that does not do what it says fails the run: each call counted is a
/// success. `counts.py` holds them to their floors.
contract SonarInvariants {
    Handlers private _handlers;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() external {
        _handlers = new Handlers();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handlers);
    }

    function targetSenders() external view returns (address[] memory senders) {
        senders = new address[](1);
        senders[0] = address(this);
    }

    /// @dev Actions by name; those that carry a Campaign on are named more than once, so that they are drawn more often.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        Handlers h = _handlers;
        bytes4[43] memory actions = [
            h.create.selector,
            h.create.selector,
            h.cancel.selector,
            h.stop.selector,
            h.open.selector,
            h.open.selector,
            h.decline.selector,
            h.score.selector,
            h.score.selector,
            h.score.selector,
            h.reject.selector,
            h.rebase.selector,
            h.deliver.selector,
            h.submit.selector,
            h.submit.selector,
            h.submit.selector,
            h.expire.selector,
            h.convict.selector,
            h.refund.selector,
            h.collectBond.selector,
            h.collectScoringFees.selector,
            h.claim.selector,
            h.reclaimScoringFees.selector,
            h.reclaimVoidedScoringFees.selector,
            h.compensate.selector,
            h.pullEarly.selector,
            h.pullTwice.selector,
            h.claimForged.selector,
            h.claimRepeated.selector,
            h.pullVoid.selector,
            h.payReentering.selector,
            h.payUnwilling.selector,
            h.scoreForged.selector,
            h.submitRefused.selector,
            h.usurp.selector,
            h.actOutOfTime.selector,
            h.createRefused.selector,
            h.passTime.selector,
            h.passTime.selector,
            h.passTime.selector,
            h.turnToken.selector,
            h.leakToken.selector,
            h.give.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handlers), new bytes4[](actions.length));
        for (uint256 i = 0; i < actions.length; ++i) {
            targets[0].selectors[i] = actions[i];
        }
    }

    function invariant_EveryUnitIsAccountedForAndNothingElseMoves() external {
        _handlers.check();
    }

    /// @dev At the end of each run.
    function afterInvariant() external {
        _handlers.checkEverything();
        _handlers.close();
    }
}
