// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, Next, CampaignStart, Rejection, Score} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {DataScientists} from "./DataScientists.sol";
import {Reckoning} from "./Reckoning.sol";
import {Entry, Story} from "./Story.sol";
import {vm} from "./Vm.sol";

/// @title What Capsules do.
abstract contract Capsules is DataScientists {
    using Reckoning for Story;

    function open(uint256 seed) external {
        uint256 index = _pick(seed, _openable);
        Story storage s = stories[index];
        address currency = s.terms.currency;
        uint64 start = _roll(seed, "from zero", 2) == 0 ? 0 : uint64(_roll(seed, "start", s.terms.targetAccuracy));
        uint256 before = _held(currency, address(sonar));

        _do(
            s.terms.capsule,
            address(sonar),
            currency == COIN ? s.terms.capsuleBond : 0,
            abi.encodeCall(ISonar.open, (s.id, _campaignStart(seed, start)))
        );

        uint256 put = _held(currency, address(sonar)) - before;
        require(put == s.terms.capsuleBond, "open took another amount");
        s.put += put;
        s.recorded = Status.Open;
        s.endsAt = time + s.terms.duration;
        (s.start, s.accuracy) = (start, start);
        _touch(index);
    }

    function decline(uint256 seed) external {
        _seldom(seed, 5);
        uint256 index = _pick(seed, _requested);
        Story storage s = stories[index];
        _do(s.terms.capsule, abi.encodeCall(ISonar.decline, (s.id, "not mine")));
        s.recorded = Status.Declined;
        _touch(index);
    }

    function score(uint256 seed) external {
        uint256 index = _pick(seed, _awaiting);
        Story storage s = stories[index];
        Score memory score_ = _score(s, seed);
        Entry storage e = s.entries[s.scored];
        bytes32 details = keccak256(abi.encode(_core(e.gradient), score_, uint40(time)));

        _do(s.terms.capsule, abi.encodeCall(ISonar.scoreGradient, (s.id, e.gradient, score_, _next(s))));

        _scored(s, e, score_.model != 0 ? score_.accuracy : s.accuracy, details);
        if (score_.model != 0) ++s.version;
        if (s.targetMet()) s.endsAt = time;
        _touch(index);
    }

    function reject(uint256 seed) external {
        _seldom(seed, 3);
        uint256 index = _pick(seed, _awaiting);
        Story storage s = stories[index];
        Entry storage e = s.entries[s.scored];
        bool unavailable = time >= uint256(e.gradient.submittedAt) + s.terms.unavailabilityWindow;
        Rejection reason = unavailable ? Rejection.Unavailable : Rejection.Malformed;
        bytes32 unsealedBundle = unavailable ? bytes32(0) : _blob(seed, "opened");
        bytes32 details = keccak256(abi.encode(_core(e.gradient), reason, unsealedBundle, bytes32(0), uint40(time)));

        _do(s.terms.capsule, abi.encodeCall(ISonar.rejectGradient, (s.id, e.gradient, reason, unsealedBundle, bytes32(0), _next(s))));

        _scored(s, e, s.accuracy, details);
        _touch(index);
    }

    function rebase(uint256 seed) external {
        _seldom(seed, 4);
        uint256 index = _pick(seed, _running);
        Story storage s = stories[index];
        bytes32 model = keccak256(abi.encode(seed, s.version));
        _do(s.terms.capsule, abi.encodeCall(ISonar.rebase, (s.id, model, _blob(seed, "root"), _blob(seed, "evidence"))));
        ++s.version;
        _touch(index);
    }

    function deliver(uint256 seed) external {
        _deliver(_pick(seed, _deliverable), seed);
    }

    function _deliver(uint256 index, uint256 seed) internal {
        Story storage s = stories[index];
        _do(s.terms.capsule, abi.encodeCall(ISonar.deliver, (s.id, _blob(seed, "delivery"), _blob(seed, "openings"))));
        _settled(s, Status.Delivered, s.scored);
        _touch(index);
    }

    // ------------------------------------------------------------------ WORDS

    function _campaignStart(uint256 seed, uint64 accuracy) internal pure returns (CampaignStart memory) {
        return CampaignStart(_blob(seed, "key"), _blob(seed, "key root"), _blob(seed, "model"), _blob(seed, "model root"), accuracy);
    }

    /// @dev Every way a score can stand to the head and the target; a Model comes with it exactly when it counts.
    function _score(Story storage s, uint256 seed) internal view returns (Score memory score_) {
        uint256 target = s.terms.targetAccuracy;
        uint256 rise = target - s.accuracy < s.terms.minImprovement ? target - s.accuracy : s.terms.minImprovement;
        uint256 needed = s.accuracy + rise;
        uint256[8] memory choices = [
            needed,
            needed,
            needed + _roll(seed, "more", target - needed + 1) / 8,
            needed + _roll(seed, "more", target - needed + 1),
            needed - 1,
            _roll(seed, "anything", needed),
            target - 1,
            _roll(seed, "overshoot", 3) == 0 ? WAD - _roll(seed, "beyond", WAD - target + 1) : needed
        ];
        score_.accuracy = uint64(choices[_roll(seed, "accuracy", choices.length)]);
        score_.stepSize = uint32(1 + _roll(seed, "step", 16));
        if (score_.accuracy >= needed) score_.model = keccak256(abi.encode(seed, s.version));
        score_.modelRoot = _blob(seed, "model root");
        score_.unsealedBundle = _blob(seed, "opened");
        score_.evidence = _blob(seed, "evidence");
    }

    function _core(Gradient memory g) internal pure returns (bytes32) {
        return keccak256(abi.encode(g.miner, g.bundle, g.commitment, g.version, g.submittedAt));
    }

    function _next(Story storage s) internal view returns (Next memory next) {
        if (s.scored + 1 >= s.entries.length) return next;
        Gradient memory g = s.entries[s.scored + 1].gradient;
        return Next(g.due, _core(g));
    }

    // ------------------------------------------------------------------ REMEMBERING

    function _scored(Story storage s, Entry storage e, uint64 accuracyAfter, bytes32 details) private {
        (e.scored, e.accuracyBefore, e.accuracyAfter, e.details) = (true, s.accuracy, accuracyAfter, details);
        s.accuracy = accuracyAfter;
        s.lastScoredAt = time;
        ++s.scored;
    }

    function _settled(Story storage s, Status recorded, uint32 validBelow) internal {
        (s.recorded, s.settledAt, s.validBelow) = (recorded, time, validBelow);
    }

    // ------------------------------------------------------------------ WHERE

    function _openable(Story storage s) private view returns (bool) {
        return _requested(s) && _takesIn(s.terms.currency);
    }

    function _running(Story storage s) internal view returns (bool) {
        return s.running(time);
    }

    function _awaiting(Story storage s) internal view returns (bool) {
        return s.running(time) && s.awaitsScore();
    }

    function _deliverable(Story storage s) internal view returns (bool) {
        return _status(s) == Status.Closing && !s.awaitsScore();
    }
}
