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
        bytes4[43] memory actions = [
            Handlers.create.selector,
            Handlers.create.selector,
            Handlers.cancel.selector,
            Handlers.stop.selector,
            Handlers.open.selector,
            Handlers.open.selector,
            Handlers.decline.selector,
            Handlers.score.selector,
            Handlers.score.selector,
            Handlers.score.selector,
            Handlers.reject.selector,
            Handlers.rebase.selector,
            Handlers.deliver.selector,
            Handlers.submit.selector,
            Handlers.submit.selector,
            Handlers.submit.selector,
            Handlers.expire.selector,
            Handlers.convict.selector,
            Handlers.refund.selector,
            Handlers.collectBond.selector,
            Handlers.collectScoringFees.selector,
            Handlers.claim.selector,
            Handlers.reclaimFees.selector,
            Handlers.reclaimVoidedFees.selector,
            Handlers.compensate.selector,
            Handlers.pullEarly.selector,
            Handlers.pullTwice.selector,
            Handlers.claimForged.selector,
            Handlers.claimRepeated.selector,
            Handlers.pullVoid.selector,
            Handlers.payReentering.selector,
            Handlers.payUnwilling.selector,
            Handlers.scoreForged.selector,
            Handlers.submitRefused.selector,
            Handlers.usurp.selector,
            Handlers.actOutOfTime.selector,
            Handlers.createRefused.selector,
            Handlers.passTime.selector,
            Handlers.passTime.selector,
            Handlers.passTime.selector,
            Handlers.turnToken.selector,
            Handlers.leakToken.selector,
            Handlers.give.selector
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
