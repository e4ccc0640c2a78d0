// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Digest} from "../../contracts/libraries/Digest.sol";
import {Campaign} from "../../contracts/types/Campaign.sol";
import {Gradient, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {AnyState} from "./AnyState.sol";
import {vm} from "./Cheats.sol";
import {Lists} from "./Lists.sol";

/// A payment leaves its mark, and whatever bears the mark is paid no more. That marks stay is `KeptCheck`'s part.
contract OnceCheck is AnyState {
    // ------------------------------------------------------------------ EVERY PAYMENT LEAVES ITS MARK

    function check_claimTakesTheDigest(address caller, bytes32 campaign, ScoredGradient memory g) external {
        if (!_done(caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(g), PAYEE)))) return;
        assert(sonar.digestOf(campaign, g.number) == 0);
    }

    function check_compensationTakesTheDigest(address caller, bytes32 campaign, uint32 number) external {
        if (!_done(caller, abi.encodeCall(ISonar.compensate, (campaign, Lists.one(number), PAYEE)))) return;
        assert(sonar.digestOf(campaign, number) == 0);
    }

    function check_feeTakesTheDigest(address caller, bytes32 campaign, Gradient memory g) external {
        if (!_done(caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(g), PAYEE)))) return;
        assert(_takenOrCompensable(campaign, g.number, caller));
    }

    function check_voidedFeeTakesTheDigest(address caller, bytes32 campaign, ScoredGradient memory g) external {
        if (!_done(caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(g), PAYEE)))) return;
        assert(_takenOrCompensable(campaign, g.number, caller));
    }

    function check_refundRaisesItsFlag(address caller, bytes32 campaign) external {
        if (!_done(caller, abi.encodeCall(ISonar.refund, (campaign, PAYEE)))) return;
        assert(sonar.campaignOf(campaign).refunded);
    }

    function check_bondRaisesItsFlag(address caller, bytes32 campaign) external {
        if (!_done(caller, abi.encodeCall(ISonar.collectBond, (campaign, PAYEE)))) return;
        assert(sonar.campaignOf(campaign).bondCollected);
    }

    function check_scoringFeesRaiseTheirFlag(address caller, bytes32 campaign) external {
        if (!_done(caller, abi.encodeCall(ISonar.collectScoringFees, (campaign, PAYEE)))) return;
        assert(sonar.campaignOf(campaign).scoringFeesCollected);
    }

    // ------------------------------------------------------------------ WHAT BEARS A MARK IS PAID NO MORE

    function check_takenDigestClaimsNothing(address caller, bytes32 campaign, ScoredGradient memory g) external {
        _taken(campaign, g.number, Digest.scored(caller, g.accuracyBefore, g.accuracyAfter, g.details));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(g), PAYEE)));
    }

    function check_takenDigestIsNotCompensated(address caller, bytes32 campaign, uint32 number) external {
        _taken(campaign, number, Digest.compensable(caller));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.compensate, (campaign, Lists.one(number), PAYEE)));
    }

    function check_takenDigestReclaimsNoFee(address caller, bytes32 campaign, Gradient memory g) external {
        bytes32 core = Digest.core(caller, g.bundle, g.commitment, g.version, g.submittedAt);
        _taken(campaign, g.number, Digest.submitted(g.due, core));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_takenDigestReclaimsNoVoidedFee(address caller, bytes32 campaign, ScoredGradient memory g) external {
        _taken(campaign, g.number, Digest.scored(caller, g.accuracyBefore, g.accuracyAfter, g.details));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(g), PAYEE)));
    }

    function check_refundedIsNotRefundedAgain(address caller, bytes32 campaign) external {
        bool refunded = sonar.campaignOf(campaign).refunded;
        _refusedUnless(!refunded, caller, abi.encodeCall(ISonar.refund, (campaign, PAYEE)));
    }

    function check_bondIsNotCollectedAgain(address caller, bytes32 campaign) external {
        bool collected = sonar.campaignOf(campaign).bondCollected;
        _refusedUnless(!collected, caller, abi.encodeCall(ISonar.collectBond, (campaign, PAYEE)));
    }

    function check_scoringFeesAreNotCollectedAgain(address caller, bytes32 campaign) external {
        bool collected = sonar.campaignOf(campaign).scoringFeesCollected;
        _refusedUnless(!collected, caller, abi.encodeCall(ISonar.collectScoringFees, (campaign, PAYEE)));
    }

    // ------------------------------------------------------------------ WITHIN ONE CALL

    function check_claimNamesNoGradientTwice(address caller, bytes32 campaign, ScoredGradient[2] memory pair) external {
        vm.assume(pair[0].number == pair[1].number);
        _trusts(Digest.scored(caller, pair[1].accuracyBefore, pair[1].accuracyAfter, pair[1].details));
        ScoredGradient[] memory list = new ScoredGradient[](2);
        (list[0], list[1]) = (pair[0], pair[1]);
        _refusedUnless(false, caller, abi.encodeCall(ISonar.claim, (campaign, list, PAYEE)));
    }

    /// @dev 0 stands for "taken": no preimage of it is known, nor could be found.
    function _trusts(bytes32 digest) private pure {
        vm.assume(digest != 0);
    }

    function _taken(bytes32 campaign, uint32 number, bytes32 digest) private view {
        _trusts(digest);
        vm.assume(sonar.digestOf(campaign, number) == 0);
    }

    function _takenOrCompensable(bytes32 campaign, uint32 number, address miner) private view returns (bool) {
        bytes32 digest = sonar.digestOf(campaign, number);
        return digest == 0 || digest == Digest.compensable(miner);
    }
}
