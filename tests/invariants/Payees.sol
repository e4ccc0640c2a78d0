// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Miners} from "./Miners.sol";
import {Reckoning} from "./Reckoning.sol";
import {Entry, Kind, Pull, Story} from "./Story.sol";
import {vm} from "./Vm.sol";

/// @title Everything that is pulled: found, called for, and measured where it left and where it arrived.
abstract contract Payees is Miners {
    using Reckoning for Story;

    function refund(uint256 seed) external {
        _pullSome(seed, Kind.Refund);
    }

    function collectBond(uint256 seed) external {
        _pullSome(seed, Kind.Bond);
    }

    function collectScoringFees(uint256 seed) external {
        _pullSome(seed, Kind.ScoringFees);
    }

    function claim(uint256 seed) external {
        _pullSome(seed, Kind.Reward);
    }

    function reclaimScoringFees(uint256 seed) external {
        _pullSome(seed, Kind.UnscoredFee);
    }

    function reclaimVoidedScoringFees(uint256 seed) external {
        _pullSome(seed, Kind.VoidedFee);
    }

    function compensate(uint256 seed) external {
        _pullSome(seed, Kind.Compensation);
    }

    // ------------------------------------------------------------------ FINDING

    function _pullSome(uint256 seed, Kind kind) private {
        Pull memory pull = _findPull(seed, kind);
        vm.assume(_paysOut(pull));
        _execute(pull, _payee(seed, pull));
    }

    /// @dev A payment of this kind that is open in any Campaign; without one the call is discarded.
    function _findPull(uint256 seed, Kind kind) internal view returns (Pull memory pull) {
        uint256 count = stories.length;
        for (uint256 i = 0; i < count; ++i) {
            pull = _openPull(seed, kind, (_roll(seed, "pull", count) + i) % count);
            if (pull.who != address(0)) return pull;
        }
        vm.assume(false);
    }

    /// @return pull With nobody in it, when nothing of this kind is open in this Campaign.
    function _openPull(uint256 seed, Kind kind, uint256 index) internal view returns (Pull memory pull) {
        Story storage s = stories[index];
        (pull.story, pull.kind, pull.currency) = (index, kind, s.terms.currency);
        if (kind == Kind.Refund) {
            Status status = _status(s);
            bool back = status == Status.Declined || status == Status.Cancelled || s.claimsOpen(time);
            if (back && !s.refunded) (pull.who, pull.amount) = (s.scientist, s.refund());
        } else if (!s.claimsOpen(time)) {
            return pull;
        } else if (kind == Kind.Bond) {
            if (!s.bondCollected) (pull.who, pull.amount) = (s.terms.capsule, s.bondAndFee());
        } else if (kind == Kind.ScoringFees) {
            pull.currency = COIN;
            if (!s.feesCollected) (pull.who, pull.amount) = (s.terms.capsule, uint256(s.validBelow) * s.terms.scoringFee);
        } else {
            _openGradients(pull, seed);
        }
        // Nothing is no payment; a fee of nothing is still given back, as a part of the bond hangs on it.
        if (pull.amount == 0 && kind != Kind.UnscoredFee && kind != Kind.VoidedFee) pull.who = address(0);
    }

    /// @dev One Gradient with such a payment open, or all that its Miner has of them.
    function _openGradients(Pull memory pull, uint256 seed) private view {
        Story storage s = stories[pull.story];
        uint256 count = s.entries.length;
        bool all = _roll(seed, "all", 2) == 0;
        uint32[] memory found = new uint32[](count);
        uint256 length = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint32 number = uint32((_roll(seed, "gradient", count) + i) % count);
            if (!s.open(pull.kind, number)) continue;
            address miner = s.entries[number].gradient.miner;
            if (length != 0 && (!all || miner != pull.who)) continue;
            pull.who = miner;
            found[length++] = number;
            pull.amount += _worth(s, pull.kind, number);
        }
        pull.numbers = new uint32[](length);
        for (uint256 i = 0; i < length; ++i) {
            pull.numbers[i] = found[i];
        }
        if (pull.kind == Kind.UnscoredFee || pull.kind == Kind.VoidedFee) pull.currency = COIN;
    }

    function _worth(Story storage s, Kind kind, uint32 number) private view returns (uint256) {
        if (kind == Kind.Reward) return s.reward(s.entries[number]);
        return kind == Kind.Compensation ? s.share() : s.terms.scoringFee;
    }

    // ------------------------------------------------------------------ CALLING

    function _call(Pull memory pull, address to) internal view returns (bytes memory) {
        bytes32 id = stories[pull.story].id;
        if (pull.kind == Kind.Refund) return abi.encodeCall(ISonar.refund, (id, to));
        if (pull.kind == Kind.Bond) return abi.encodeCall(ISonar.collectBond, (id, to));
        if (pull.kind == Kind.ScoringFees) return abi.encodeCall(ISonar.collectScoringFees, (id, to));
        if (pull.kind == Kind.Compensation) return abi.encodeCall(ISonar.compensate, (id, pull.numbers, to));
        if (pull.kind == Kind.UnscoredFee) return abi.encodeCall(ISonar.reclaimScoringFees, (id, _submissions(pull), to));
        if (pull.kind == Kind.VoidedFee) return abi.encodeCall(ISonar.reclaimVoidedScoringFees, (id, _scores(pull), to));
        return abi.encodeCall(ISonar.claim, (id, _scores(pull), to));
    }

    function _submissions(Pull memory pull) private view returns (Gradient[] memory gradients) {
        gradients = new Gradient[](pull.numbers.length);
        for (uint256 i = 0; i < gradients.length; ++i) {
            gradients[i] = stories[pull.story].entries[pull.numbers[i]].gradient;
        }
    }

    function _scores(Pull memory pull) internal view returns (ScoredGradient[] memory scores) {
        scores = new ScoredGradient[](pull.numbers.length);
        for (uint256 i = 0; i < scores.length; ++i) {
            scores[i] = _preimage(stories[pull.story].entries[pull.numbers[i]]);
        }
    }

    /// @dev Somebody who can take the money: oneself, another party, nobody known; of a token, Sonar itself as well.
    function _payee(uint256 seed, Pull memory pull) internal view returns (address to) {
        uint256 side = _roll(seed, "payee", 8);
        if (side == 0 && pull.currency != COIN) return address(sonar);
        if (side == 1) return address(uint160(uint256(_blob(seed, "payee")) | 1 << 159));
        to = side < 5 ? pull.who : _party(seed, "paid");
        if (to == address(reverting) && pull.currency == COIN) to = parties[0];
    }

    /// @dev Whether the currency lets this much out of Sonar, at this moment.
    function _paysOut(Pull memory pull) internal returns (bool) {
        if (pull.currency != address(turning)) return true;
        return !_stubborn() && _held(pull.currency, address(sonar)) >= pull.amount;
    }

    function _stubborn() internal view returns (bool) {
        return !_takesIn(address(turning)) && _arriving(address(turning), 100) == 100;
    }

    // ------------------------------------------------------------------ MEASURING

    function _execute(Pull memory pull, address to) internal {
        uint256 there = _held(pull.currency, address(sonar));
        uint256 had = _held(pull.currency, to);

        _do(pull.who, _call(pull, to));

        if (to == address(sonar)) {
            uint256 kept = _arriving(pull.currency, pull.amount);
            require(there - _held(pull.currency, to) == pull.amount - kept, "what Sonar paid itself did not stay");
            gifts[pull.currency] += kept;
        } else {
            require(there - _held(pull.currency, address(sonar)) == pull.amount, "another amount left");
            require(_held(pull.currency, to) - had == _arriving(pull.currency, pull.amount), "another amount arrived");
        }
        _remember(pull);
        _touch(pull.story);
    }

    function _remember(Pull memory pull) private {
        Story storage s = stories[pull.story];
        if (pull.kind == Kind.Refund) (s.refunded, s.toScientist) = (true, s.toScientist + pull.amount);
        else if (pull.kind == Kind.Bond) (s.bondCollected, s.toCapsule) = (true, s.toCapsule + pull.amount);
        else if (pull.kind == Kind.ScoringFees) (s.feesCollected, s.feesToCapsule) = (true, s.feesToCapsule + pull.amount);
        else if (pull.kind == Kind.Reward) s.rewards += pull.amount;
        else if (pull.kind == Kind.Compensation) s.compensations += pull.amount;
        else s.feesToMiners += pull.amount;
        for (uint256 i = 0; i < pull.numbers.length; ++i) {
            Entry storage e = s.entries[pull.numbers[i]];
            if (pull.kind == Kind.Reward) e.claimed = true;
            else if (pull.kind == Kind.Compensation) e.compensated = true;
            else e.reclaimed = true;
        }
    }
}
