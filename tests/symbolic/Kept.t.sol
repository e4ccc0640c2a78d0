// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Campaign} from "../../contracts/types/Campaign.sol";
import {Gradient, Next, CampaignStart, Rejection, Score, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {AnyState} from "./AnyState.sol";
import {vm} from "./Cheats.sol";
import {Lists} from "./Lists.sol";

/// The record of what ended and what was paid, kept by every function, whoever calls it, from any state, and so by any
/// sequence of calls: a settled Campaign stays settled, a digest taken from it stays taken, and no flag of a payment is
/// ever lowered.
contract KeptCheck is AnyState {
    /// Any Campaign, and any of its Gradients: not only those that the call names.
    struct Watched {
        bytes32 campaign;
        uint32 number;
    }

    function check_create(Watched memory w, address caller, uint256 nonce, Terms memory terms) external {
        _keeps(w, caller, abi.encodeCall(ISonar.create, (nonce, terms)));
    }

    function check_cancel(Watched memory w, address caller, bytes32 campaign) external {
        _keeps(w, caller, abi.encodeCall(ISonar.cancel, (campaign)));
    }

    function check_stop(Watched memory w, address caller, bytes32 campaign) external {
        _keeps(w, caller, abi.encodeCall(ISonar.stop, (campaign)));
    }

    function check_refund(Watched memory w, address caller, bytes32 campaign) external {
        vm.assume(sonar.campaignOf(campaign).currency == address(0));
        _keeps(w, caller, abi.encodeCall(ISonar.refund, (campaign, PAYEE)));
    }

    function check_open(Watched memory w, address caller, bytes32 campaign, CampaignStart memory start) external {
        _keeps(w, caller, abi.encodeCall(ISonar.open, (campaign, start)));
    }

    function check_decline(Watched memory w, address caller, bytes32 campaign, string memory reason) external {
        _keeps(w, caller, abi.encodeCall(ISonar.decline, (campaign, reason)));
    }

    function check_scoreGradient(
        Watched memory w,
        address caller,
        bytes32 campaign,
        Gradient memory g,
        Score memory score,
        Next memory next
    ) external {
        _keeps(w, caller, abi.encodeCall(ISonar.scoreGradient, (campaign, g, score, next)));
    }

    function check_rejectGradient(
        Watched memory w,
        address caller,
        bytes32 campaign,
        Gradient memory g,
        bytes32[2] memory said,
        Next memory next
    ) external {
        _keeps(w, caller, abi.encodeCall(ISonar.rejectGradient, (campaign, g, Rejection.Malformed, said[0], said[1], next)));
    }

    function check_rebase(Watched memory w, address caller, bytes32 campaign, bytes32 model, bytes32 modelRoot, bytes32 evidence) external {
        _keeps(w, caller, abi.encodeCall(ISonar.rebase, (campaign, model, modelRoot, evidence)));
    }

    function check_deliver(Watched memory w, address caller, bytes32 campaign, bytes32 delivery, bytes32 openingsRoot) external {
        _keeps(w, caller, abi.encodeCall(ISonar.deliver, (campaign, delivery, openingsRoot)));
    }

    function check_collectBond(Watched memory w, address caller, bytes32 campaign) external {
        _keeps(w, caller, abi.encodeCall(ISonar.collectBond, (campaign, PAYEE)));
    }

    function check_collectScoringFees(Watched memory w, address caller, bytes32 campaign) external {
        _keeps(w, caller, abi.encodeCall(ISonar.collectScoringFees, (campaign, PAYEE)));
    }

    function check_submitGradient(Watched memory w, address caller, bytes32 campaign, bytes32 bundle, bytes32 commitment, uint32 version)
        external
    {
        _keeps(w, caller, abi.encodeCall(ISonar.submitGradient, (campaign, bundle, commitment, version)));
    }

    function check_claim(Watched memory w, address caller, bytes32 campaign, ScoredGradient memory g) external {
        _keeps(w, caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(g), PAYEE)));
    }

    function check_reclaimFees(Watched memory w, address caller, bytes32 campaign, Gradient memory g) external {
        _keeps(w, caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_reclaimVoidedFees(Watched memory w, address caller, bytes32 campaign, ScoredGradient memory g) external {
        _keeps(w, caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_compensate(Watched memory w, address caller, bytes32 campaign, uint32 number) external {
        _keeps(w, caller, abi.encodeCall(ISonar.compensate, (campaign, Lists.one(number), PAYEE)));
    }

    function check_expire(Watched memory w, address caller, bytes32 campaign) external {
        _keeps(w, caller, abi.encodeCall(ISonar.expire, (campaign)));
    }

    function check_convict(Watched memory w, address caller, bytes32 campaign, address miner, ScoredGradient memory g) external {
        _keeps(w, caller, abi.encodeCall(ISonar.convict, (campaign, miner, g)));
    }

    function _keeps(Watched memory w, address caller, bytes memory call) private {
        uint256 before = _record(w);
        if (!_done(caller, call)) return;
        assert(before & ~_record(w) == 0);
    }

    /// One bit a fact, and no branch: each would double the paths.
    function _record(Watched memory w) private view returns (uint256) {
        Campaign memory c = sonar.campaignOf(w.campaign);
        // Delivered, Expired, Convicted are the last ones.
        uint256 settled = _bit(c.settledAt != 0) & _bit(c.recorded >= Status.Delivered);
        uint256 taken = settled & _bit(sonar.digestOf(w.campaign, w.number) == 0);
        return settled | taken << 1 | _bit(c.refunded) << 2 | _bit(c.bondCollected) << 3 | _bit(c.scoringFeesCollected) << 4;
    }

    function _bit(bool fact) private pure returns (uint256 bit) {
        assembly ("memory-safe") {
            bit := fact
        }
    }
}
