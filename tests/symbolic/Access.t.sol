// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, Next, CampaignStart, Rejection, Score, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {AnyState} from "./AnyState.sol";

/// Who may call what: of each function that is one party's, any other caller is refused, in any state.
contract AccessCheck is AnyState {
    // ------------------------------------------------------------------ DATA SCIENTIST

    function check_onlyDataScientistCancels(address caller, bytes32 campaign) external {
        _onlyDataScientist(caller, campaign, abi.encodeCall(ISonar.cancel, (campaign)));
    }

    function check_onlyDataScientistStops(address caller, bytes32 campaign) external {
        _onlyDataScientist(caller, campaign, abi.encodeCall(ISonar.stop, (campaign)));
    }

    function check_onlyDataScientistIsRefunded(address caller, bytes32 campaign) external {
        _onlyDataScientist(caller, campaign, abi.encodeCall(ISonar.refund, (campaign, PAYEE)));
    }

    // ------------------------------------------------------------------ CAPSULE

    function check_onlyCapsuleOpens(address caller, bytes32 campaign, CampaignStart memory start) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.open, (campaign, start)));
    }

    function check_onlyCapsuleDeclines(address caller, bytes32 campaign) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.decline, (campaign, "not mine")));
    }

    function check_onlyCapsuleScores(address caller, bytes32 campaign, Gradient memory g, Score memory score, Next memory next) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.scoreGradient, (campaign, g, score, next)));
    }

    function check_onlyCapsuleRejects(
        address caller,
        bytes32 campaign,
        Gradient memory g,
        bytes32 unsealedBundle,
        bytes32 evidence,
        Next memory next
    ) external {
        _onlyCapsule(
            caller, campaign, abi.encodeCall(ISonar.rejectGradient, (campaign, g, Rejection.Malformed, unsealedBundle, evidence, next))
        );
    }

    function check_onlyCapsuleRebases(address caller, bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.rebase, (campaign, model, modelRoot, evidence)));
    }

    function check_onlyCapsuleDelivers(address caller, bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.deliver, (campaign, delivery, openingsRoot)));
    }

    function check_onlyCapsuleCollectsBond(address caller, bytes32 campaign) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.collectBond, (campaign, PAYEE)));
    }

    function check_onlyCapsuleCollectsScoringFees(address caller, bytes32 campaign) external {
        _onlyCapsule(caller, campaign, abi.encodeCall(ISonar.collectScoringFees, (campaign, PAYEE)));
    }

    // ------------------------------------------------------------------ ARBITER

    function check_onlyArbiterConvicts(address caller, bytes32 campaign, address miner, ScoredGradient memory g) external {
        bool theirs = caller == sonar.campaignOf(campaign).arbiter;
        _refusedUnless(theirs, caller, abi.encodeCall(ISonar.convict, (campaign, miner, g)));
    }

    function _onlyDataScientist(address caller, bytes32 campaign, bytes memory call) private {
        _refusedUnless(caller == sonar.campaignOf(campaign).scientist, caller, call);
    }

    function _onlyCapsule(address caller, bytes32 campaign, bytes memory call) private {
        _refusedUnless(caller == sonar.campaignOf(campaign).capsule, caller, call);
    }
}
