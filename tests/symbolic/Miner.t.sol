// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Digest} from "../../contracts/libraries/Digest.sol";
import {Gradient, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {AnyState} from "./AnyState.sol";
import {Lists} from "./Lists.sol";
import {vm} from "./Cheats.sol";

/// What a Gradient earned, its fee and its compensation are its Miner's: whoever else calls, with whatever preimage, is
/// refused. That keccak256 has no collisions is what halmos assumes.
contract MinerCheck is AnyState {
    function check_onlyMinerClaims(address caller, address miner, bytes32 campaign, ScoredGradient memory kept, ScoredGradient memory given)
        external
    {
        _keeps(campaign, given.number, _scored(miner, kept));
        _refusedUnless(caller == miner, caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(given), PAYEE)));
    }

    function check_onlyMinerReclaimsVoidedFees(
        address caller,
        address miner,
        bytes32 campaign,
        ScoredGradient memory kept,
        ScoredGradient memory given
    ) external {
        _keeps(campaign, given.number, _scored(miner, kept));
        _refusedUnless(caller == miner, caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(given), PAYEE)));
    }

    function check_onlyMinerReclaimsFees(address caller, bytes32 campaign, Gradient memory kept, Gradient memory given) external {
        bytes32 core = Digest.core(kept.miner, kept.bundle, kept.commitment, kept.version, kept.submittedAt);
        _keeps(campaign, given.number, Digest.submitted(kept.due, core));
        _refusedUnless(caller == kept.miner, caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(given), PAYEE)));
    }

    function check_onlyMinerIsCompensated(address caller, address miner, bytes32 campaign, uint32 number) external {
        _keeps(campaign, number, Digest.compensable(miner));
        _refusedUnless(caller == miner, caller, abi.encodeCall(ISonar.compensate, (campaign, Lists.one(number), PAYEE)));
    }

    /// Whose fee went back has no second one to come, and no reward.
    function check_compensableGradientClaimsNothing(address caller, address miner, bytes32 campaign, ScoredGradient memory given) external {
        _keeps(campaign, given.number, Digest.compensable(miner));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.claim, (campaign, Lists.one(given), PAYEE)));
    }

    function check_voidedFeeIsReclaimedOnce(address caller, address miner, bytes32 campaign, ScoredGradient memory given) external {
        _keeps(campaign, given.number, Digest.compensable(miner));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimVoidedScoringFees, (campaign, Lists.one(given), PAYEE)));
    }

    function check_feeIsReclaimedOnce(address caller, address miner, bytes32 campaign, Gradient memory given) external {
        _keeps(campaign, given.number, Digest.compensable(miner));
        _refusedUnless(false, caller, abi.encodeCall(ISonar.reclaimScoringFees, (campaign, Lists.one(given), PAYEE)));
    }

    function _keeps(bytes32 campaign, uint32 number, bytes32 digest) private view {
        vm.assume(sonar.digestOf(campaign, number) == digest);
    }

    function _scored(address miner, ScoredGradient memory g) private pure returns (bytes32) {
        return Digest.scored(miner, g.accuracyBefore, g.accuracyAfter, g.details);
    }
}
