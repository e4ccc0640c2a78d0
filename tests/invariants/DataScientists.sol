// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Reckoning} from "./Reckoning.sol";
import {Story} from "./Story.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @title What Data Scientists do.
abstract contract DataScientists is World {
    using Reckoning for Story;

    uint256 private constant MOST_CAMPAIGNS = 6;

    function create(uint256 seed) external {
        vm.assume(stories.length < MOST_CAMPAIGNS);
        Terms memory terms = _terms(seed);
        vm.assume(_takesIn(terms.currency));
        // A Committee says the same only once: it creates no Campaign.
        address scientist = parties[_roll(seed, "scientist", parties.length - 1)];
        uint256 amount = uint256(terms.bounty) + terms.capsuleFee;
        uint256 before = _held(terms.currency, address(sonar));

        bytes memory answer =
            _do(scientist, address(sonar), terms.currency == COIN ? amount : 0, abi.encodeCall(ISonar.create, (stories.length, terms)));

        Story storage s = stories.push();
        s.id = abi.decode(answer, (bytes32));
        s.scientist = scientist;
        s.nonce = stories.length - 1;
        s.terms = terms;
        s.recorded = Status.Requested;
        s.openBefore = time + terms.openWithin;
        s.put = _held(terms.currency, address(sonar)) - before;
        require(s.put == amount, "create took another amount");
        _touch(stories.length - 1);
    }

    function cancel(uint256 seed) external {
        _seldom(seed, 5);
        uint256 index = _pick(seed, _requested);
        Story storage s = stories[index];
        _do(s.scientist, abi.encodeCall(ISonar.cancel, (s.id)));
        s.recorded = Status.Cancelled;
        _touch(index);
    }

    function stop(uint256 seed) external {
        _seldom(seed, 4);
        uint256 index = _pick(seed, _stoppable);
        Story storage s = stories[index];
        _do(s.scientist, abi.encodeCall(ISonar.stop, (s.id)));
        s.endsAt = time + s.terms.noticePeriod;
        _touch(index);
    }

    // ------------------------------------------------------------------ TERMS

    function _terms(uint256 seed) internal view returns (Terms memory t) {
        t.currency = _currency(seed);
        t.capsule = _party(seed, "capsule");
        if (_roll(seed, "with arbiter", 3) != 0) t.arbiter = parties[_roll(seed, "arbiter", parties.length - 1)];
        // A token that keeps one percent is taken as long as that is nothing.
        uint256 bits = t.currency == address(feeTaking) ? 5 : 126;
        t.bounty = uint128(_amount(seed, "bounty", 1, bits));
        t.capsuleFee = uint96(_amount(seed, "fee", 0, bits < 95 ? bits : 95));
        t.capsuleBond = uint128(_roll(seed, "full bond", 2) == 0 ? t.bounty : _amount(seed, "bond", 0, bits));
        t.compensation = uint96(_amount(seed, "compensation", 0, 95));
        t.scoringFee = uint96(_amount(seed, "scoring fee", 0, 90));
        _accuracies(t, seed);
        _windows(t, seed);
        t.spec = _blob(seed, "spec");
        t.validation = _blob(seed, "validation");
        t.validationRoot = _blob(seed, "validation root");
    }

    function _currency(uint256 seed) private view returns (address) {
        uint256 side = _roll(seed, "currency", 12);
        // Coin more often than the rest; never the token that returns false.
        return side < 4 ? COIN : currencies[1 + side % (currencies.length - 2)];
    }

    function _accuracies(Terms memory t, uint256 seed) private pure {
        uint256 target = _roll(seed, "odd target", 4) == 0 ? _amount(seed, "target", 1, 59) : WAD - _roll(seed, "target", 4) * 0.1e18;
        uint256 worthOne = (target + t.bounty - 1) / t.bounty;
        uint256 rise = target / (1 + _roll(seed, "rise", 50));
        t.targetAccuracy = uint64(target);
        t.minImprovement = uint64(rise < worthOne ? worthOne : rise);
        if (t.minImprovement == 0) t.minImprovement = 1;
        t.startingAccuracy = uint64(_roll(seed, "claim", target));
    }

    function _windows(Terms memory t, uint256 seed) private pure {
        t.openWithin = uint32(1 hours + _roll(seed, "open within", 2 days));
        t.duration = uint32(_amount(seed, "duration", 1 hours, 20));
        t.noticePeriod = uint32(_roll(seed, "notice", 2) * 10 minutes);
        t.scoringWindow = uint32(1 hours + _roll(seed, "scoring window", 2 days));
        t.perGradient = uint32(_roll(seed, "wide", 8) == 0 ? type(uint32).max : _roll(seed, "per Gradient", 1 hours));
        t.unavailabilityWindow = uint32(1 + _roll(seed, "unavailability window", 30 minutes));
        t.deliveryWindow = uint32(1 hours + _roll(seed, "delivery window", 2 days));
        t.auditWindow = uint32(_roll(seed, "audit", 3) * _roll(seed, "audit window", 1 days));
    }

    // ------------------------------------------------------------------ WHERE

    function _requested(Story storage s) internal view returns (bool) {
        return _status(s) == Status.Requested;
    }

    function _stoppable(Story storage s) private view returns (bool) {
        return _status(s) == Status.Open && time + s.terms.noticePeriod < s.endsAt;
    }
}
