// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, Next, CampaignStart, Rejection, Score, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {AnyState} from "./AnyState.sol";
import {Lists} from "./Lists.sol";

/// Negative controls of all checks on Sonar: each function does go through for somebody, so no proof that it is refused,
/// or that it keeps something, is one about nothing. halmos must refute each by an example.
contract PossibleCheck is AnyState {
    function check_refuted_nobodyCreates(address caller, uint256 nonce, Terms memory terms) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.create, (nonce, terms)));
    }

    function check_refuted_nobodyCancels(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.cancel, (campaign)));
    }

    function check_refuted_nobodyStops(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.stop, (campaign)));
    }

    function check_refuted_nobodyIsRefunded(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.refund, (campaign, PAYEE)));
    }

    function check_refuted_nobodyOpens(address caller, bytes32 campaign, CampaignStart memory start) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.open, (campaign, start)));
    }

    function check_refuted_nobodyDeclines(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.decline, (campaign, "not mine")));
    }

    function check_refuted_nobodyScores(address caller, bytes32 campaign, Gradient memory g, Score memory score, Next memory next)
        external
    {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.scoreGradient, (campaign, g, score, next)));
    }

    function check_refuted_nobodyRejects(
        address caller,
        bytes32 campaign,
        Gradient memory g,
        bytes32 unsealedBundle,
        bytes32 evidence,
        Next memory next
    ) external {
        _refusedUnless(
            false, caller, abi.encodeCall(ISonar.rejectGradient, (campaign, g, Rejection.Malformed, unsealedBundle, evidence, next))
        );
    }

    function check_refuted_nobodyRebases(address caller, bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.rebase, (campaign, model, modelRoot, evidence)));
    }

    function check_refuted_nobodyDelivers(address caller, bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.deliver, (campaign, delivery, openingsRoot)));
    }

    function check_refuted_nobodyCollectsBond(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.collectBond, (campaign, PAYEE)));
    }

    function check_refuted_nobodyCollectsScoringFees(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.collectScoringFees, (campaign, PAYEE)));
    }

    function check_refuted_nobodySubmits(address caller, bytes32 campaign, bytes32 bundle, bytes32 commitment, uint32 version) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.submitGradient, (campaign, bundle, commitment, version)));
    }

    function check_refuted_nobodyClaims(address caller, bytes32 campaign, ScoredGradient memory g) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(g), PAYEE)));
    }

    function check_refuted_nobodyReclaimsFees(address caller, bytes32 campaign, Gradient memory g) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_refuted_nobodyReclaimsVoidedFees(address caller, bytes32 campaign, ScoredGradient memory g) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_refuted_nobodyIsCompensated(address caller, bytes32 campaign, uint32 number) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.compensate, (campaign, Lists.one(number), PAYEE)));
    }

    function check_refuted_nobodyExpires(address caller, bytes32 campaign) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.expire, (campaign)));
    }

    function check_refuted_nobodyConvicts(address caller, bytes32 campaign, address miner, ScoredGradient memory g) external {
        _refusedUnless(false, caller, abi.encodeCall(ISonar.convict, (campaign, miner, g)));
    }
}
