// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Capsules} from "./Capsules.sol";
import {Reckoning} from "./Reckoning.sol";
import {Entry, Story} from "./Story.sol";
import {vm} from "./Vm.sol";

/// @title What Miners do, and what arbiters and anybody may.
abstract contract Miners is Capsules {
    using Reckoning for Story;

    uint256 internal constant MOST_GRADIENTS = 10;

    function submit(uint256 seed) external {
        uint256 index = _pick(seed, _submittable);
        Story storage s = stories[index];
        Gradient memory g = _gradient(s, seed);
        uint256 before = address(sonar).balance;

        bytes memory answer = _do(
            g.miner, address(sonar), s.terms.scoringFee, abi.encodeCall(ISonar.submitGradient, (s.id, g.bundle, g.commitment, g.version))
        );

        require(g.miner == address(committee) || abi.decode(answer, (uint32)) == g.number, "another number in the queue");
        uint256 put = address(sonar).balance - before;
        require(put == s.terms.scoringFee, "submit took another amount");
        s.feesPut += put;
        s.entries.push().gradient = g;
        _touch(index);
    }

    function expire(uint256 seed) external {
        _expire(_pick(seed, _missed), _party(seed, "anybody"));
    }

    function convict(uint256 seed) external {
        _seldom(seed, 4);
        uint256 index = _pick(seed, _convictable);
        Story storage s = stories[index];
        uint32 number = uint32(_roll(seed, "first false", s.scored));
        Entry storage e = s.entries[number];

        _do(s.terms.arbiter, abi.encodeCall(ISonar.convict, (s.id, e.gradient.miner, _preimage(e))));

        s.accuracy = e.accuracyBefore;
        _settled(s, Status.Convicted, number);
        _touch(index);
    }

    function _expire(uint256 index, address anybody) internal {
        Story storage s = stories[index];
        _do(anybody, abi.encodeCall(ISonar.expire, (s.id)));
        _settled(s, Status.Expired, s.scored);
        _touch(index);
    }

    /// @dev The due is worked out here once, from the queue as it is, and never again.
    function _gradient(Story storage s, uint256 seed) internal view returns (Gradient memory g) {
        uint256 number = s.entries.length;
        g.number = uint32(number);
        g.miner = _party(seed, "miner");
        g.bundle = keccak256(abi.encode(seed, "bundle", number));
        g.commitment = keccak256(abi.encode(seed, "commitment", number));
        g.version = uint32(_roll(seed, "version", uint256(s.version) + 1));
        g.submittedAt = uint40(time);
        g.due = uint40(time + s.terms.scoringWindow + (number - s.scored) * s.terms.perGradient);
    }

    function _preimage(Entry storage e) internal view returns (ScoredGradient memory) {
        return ScoredGradient(e.gradient.number, e.accuracyBefore, e.accuracyAfter, e.details);
    }

    // ------------------------------------------------------------------ WHERE

    function _submittable(Story storage s) private view returns (bool) {
        return _status(s) == Status.Open && s.entries.length < MOST_GRADIENTS;
    }

    function _missed(Story storage s) internal view returns (bool) {
        return s.recorded == Status.Open && _status(s) == Status.Expired;
    }

    function _convictable(Story storage s) internal view returns (bool) {
        if (s.terms.arbiter == address(0) || s.scored == 0) return false;
        if (s.recorded == Status.Open) return true;
        return (s.recorded == Status.Delivered || s.recorded == Status.Expired) && !s.claimsOpen(time);
    }
}
