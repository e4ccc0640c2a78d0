// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Gradient, Next, Rejection, Score, ScoredGradient} from "../../contracts/types/Gradient.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Payees} from "./Payees.sol";
import {Reckoning} from "./Reckoning.sol";
import {Entry, Kind, Pull, Story} from "./Story.sol";
import {vm} from "./Vm.sol";

/// @title What must be refused, each time with the error that says why. That nothing moved is for the invariants to see.
abstract contract Attackers is Payees {
    using Reckoning for Story;

    // ------------------------------------------------------------------ PULLING

    /// @dev The right party, before claims open.
    function pullEarly(uint256 seed) external {
        uint256 index = _pick(seed, _tooEarly);
        Story storage s = stories[index];
        Pull memory pull;
        (pull.story, pull.kind) = (index, Kind(_roll(seed, "kind", 7)));
        pull.who = pull.kind == Kind.Refund ? s.scientist : s.terms.capsule;
        if (uint8(pull.kind) > uint8(Kind.ScoringFees)) {
            vm.assume(s.entries.length != 0);
            pull.numbers = new uint32[](1);
            pull.numbers[0] = uint32(_roll(seed, "number", s.entries.length));
            pull.who = s.entries[pull.numbers[0]].gradient.miner;
        }
        bytes4 reason = s.settledAt == 0 ? ISonar.NotSettled.selector : ISonar.ClaimsNotOpen.selector;
        _refused(pull.who, 0, _call(pull, pull.who), reason);
    }

    /// @dev What was paid already, once more by the same party.
    function pullTwice(uint256 seed) external {
        uint256 index = _pick(seed, _hasPaid);
        Story storage s = stories[index];
        Pull memory pull;
        pull.story = index;
        bytes4 reason = ISonar.WrongGradient.selector;
        uint256 count = s.entries.length;
        uint256 turn = _roll(seed, "turn", 3 + count);
        if (s.refunded && turn == 0) {
            (pull.kind, pull.who, reason) = (Kind.Refund, s.scientist, ISonar.NothingToRefund.selector);
        } else if (s.bondCollected && turn == 1) {
            (pull.kind, pull.who, reason) = (Kind.Bond, s.terms.capsule, ISonar.NothingToCollect.selector);
        } else if (s.feesCollected && turn == 2) {
            (pull.kind, pull.who, reason) = (Kind.ScoringFees, s.terms.capsule, ISonar.NothingToCollect.selector);
        } else {
            _paidGradient(pull, seed);
        }
        // A Committee does not vote twice for the same.
        vm.assume(pull.who != address(committee));
        _refused(pull.who, 0, _call(pull, pull.who), reason);
    }

    /// @dev A better preimage than the true one, or the true one under another's name, or of another Campaign.
    function claimForged(uint256 seed) external {
        Pull memory pull = _findPull(seed, Kind.Reward);
        ScoredGradient[] memory scores = _scores(pull);
        uint256 side = _roll(seed, "forgery", 4);
        address who = pull.who;
        bytes32 id = stories[pull.story].id;
        if (side == 0) {
            scores[0].accuracyAfter += 1;
        } else if (side == 1) {
            scores[0].details = _blob(seed, "details");
        } else if (side == 2) {
            who = _otherParty(seed, who);
        } else {
            scores[0].accuracyBefore =
                scores[0].accuracyAfter - 1 == scores[0].accuracyBefore ? scores[0].accuracyBefore + 1 : scores[0].accuracyAfter - 1;
        }
        _refused(who, 0, abi.encodeCall(ISonar.claim, (id, scores, who)), ISonar.WrongGradient.selector);
    }

    /// @dev One reward named twice in one call.
    function claimRepeated(uint256 seed) external {
        Pull memory pull = _findPull(seed, Kind.Reward);
        uint32 number = pull.numbers[0];
        pull.numbers = new uint32[](2);
        (pull.numbers[0], pull.numbers[1]) = (number, number);
        _refused(pull.who, 0, _call(pull, pull.who), ISonar.WrongGradient.selector);
    }

    /// @dev A reward that a conviction made void; the fee of a Gradient that was scored.
    function pullVoid(uint256 seed) external {
        uint256 index = _pick(seed, _scoredAndSettled);
        Story storage s = stories[index];
        Pull memory pull;
        pull.story = index;
        pull.numbers = new uint32[](1);
        pull.numbers[0] = uint32(_roll(seed, "number", s.scored));
        pull.who = s.entries[pull.numbers[0]].gradient.miner;
        bool valid = pull.numbers[0] < s.validBelow;
        pull.kind = valid ? Kind.VoidedFee : Kind.Reward;
        _refused(pull.who, 0, _call(pull, pull.who), valid ? ISonar.GradientValid.selector : ISonar.GradientVoid.selector);
    }

    /// @dev Paid in coin, the receiver calls for the same payment again, and is refused; the payment goes through once.
    function payReentering(uint256 seed) external {
        Pull memory pull = _findPull(seed, Kind(_roll(seed, "kind", 7)));
        vm.assume(pull.currency == COIN);
        reentering.aim(address(sonar), _call(pull, address(reentering)));
        _execute(pull, address(reentering));
        require(!reentering.succeeded(), "a call back went through");
        bytes memory answer = reentering.answer();
        require(bytes4(answer) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector, Unexpected("no guard", answer));
    }

    /// @dev A receiver, or a currency, that does not take part: the payment is refused and stays due.
    function payUnwilling(uint256 seed) external {
        Pull memory pull = _findPull(seed, Kind(_roll(seed, "kind", 7)));
        address to = pull.who;
        if (pull.currency == COIN) to = address(reverting);
        else if (pull.currency == address(freezing)) to = FROZEN;
        else vm.assume(pull.currency == address(turning) && _stubborn());
        (bool success, bytes memory answer) = _act(pull.who, address(sonar), 0, _call(pull, to));
        require(!success, Unexpected("paid to the unwilling", answer));
    }

    // ------------------------------------------------------------------ SCORING AND SUBMITTING

    /// @dev Another Gradient than the oldest, another preimage, another next one.
    function scoreForged(uint256 seed) external {
        uint256 index = _pick(seed, _awaiting);
        Story storage s = stories[index];
        Gradient memory g = s.entries[s.scored].gradient;
        Next memory next = _next(s);
        bytes4 reason = ISonar.WrongGradient.selector;
        uint256 side = _roll(seed, "forgery", 5);
        if (side == 0) g.miner = _otherParty(seed, g.miner);
        else if (side == 1) g.due += 1;
        else if (side == 2) g.bundle = _blob(seed, "another bundle");
        else if (side == 3) (g.number, reason) = (g.number + 1, ISonar.NotNextInOrder.selector);
        else (next.due, reason) = (next.due + 1, ISonar.WrongNext.selector);
        vm.assume(side != 4 || s.scored + 1 < s.entries.length);
        bytes memory data = _roll(seed, "reject", 2) == 0
            ? abi.encodeCall(ISonar.rejectGradient, (s.id, g, Rejection.Malformed, bytes32(0), bytes32(0), next))
            : abi.encodeCall(ISonar.scoreGradient, (s.id, g, _unimproved(s, seed), next));
        _refused(s.terms.capsule, 0, data, reason);
    }

    function submitRefused(uint256 seed) external {
        uint256 index = _pick(seed, _openOnce);
        Story storage s = stories[index];
        Gradient memory g = _gradient(s, seed);
        uint256 value = s.terms.scoringFee;
        bytes4 reason = ISonar.NotOpen.selector;
        Status status = _status(s);
        if (status == Status.Closing) {
            reason = ISonar.MiningOver.selector;
        } else if (s.recorded == Status.Open && status == Status.Expired) {
            reason = ISonar.WindowMissed.selector;
        } else if (status == Status.Open && _roll(seed, "wrong", 2) == 0) {
            (value, reason) = (value + 1, ISonar.WrongValue.selector);
        } else if (status == Status.Open) {
            (g.version, reason) = (s.version + 1, ISonar.VersionUnknown.selector);
        }
        _refused(g.miner, value, abi.encodeCall(ISonar.submitGradient, (s.id, g.bundle, g.commitment, g.version)), reason);
    }

    // ------------------------------------------------------------------ OTHERS' POWERS AND TIMES

    /// @dev Any function that belongs to one party, called by another.
    function usurp(uint256 seed) external {
        uint256 index = _roll(seed, "story", stories.length == 0 ? 1 : stories.length);
        vm.assume(stories.length != 0);
        Story storage s = stories[index];
        Gradient memory g = _gradient(s, seed);
        Next memory next;
        uint256 side = _roll(seed, "power", 12);
        address who = _otherParty(seed, side < 3 ? s.scientist : side < 11 ? s.terms.capsule : s.terms.arbiter);
        bytes memory data;
        if (side == 0) data = abi.encodeCall(ISonar.cancel, (s.id));
        else if (side == 1) data = abi.encodeCall(ISonar.stop, (s.id));
        else if (side == 2) data = abi.encodeCall(ISonar.refund, (s.id, who));
        else if (side == 3) data = abi.encodeCall(ISonar.open, (s.id, _campaignStart(seed, 0)));
        else if (side == 4) data = abi.encodeCall(ISonar.decline, (s.id, ""));
        else if (side == 5) data = abi.encodeCall(ISonar.scoreGradient, (s.id, g, _unimproved(s, seed), next));
        else if (side == 6) data = abi.encodeCall(ISonar.rejectGradient, (s.id, g, Rejection.Malformed, bytes32(0), bytes32(0), next));
        else if (side == 7) data = abi.encodeCall(ISonar.rebase, (s.id, _blob(seed, "m"), _blob(seed, "r"), _blob(seed, "e")));
        else if (side == 8) data = abi.encodeCall(ISonar.deliver, (s.id, _blob(seed, "d"), _blob(seed, "o")));
        else if (side == 9) data = abi.encodeCall(ISonar.collectBond, (s.id, who));
        else if (side == 10) data = abi.encodeCall(ISonar.collectScoringFees, (s.id, who));
        else data = abi.encodeCall(ISonar.convict, (s.id, who, ScoredGradient(0, 0, 0, 0)));
        bytes4 reason = side < 3 ? ISonar.NotScientist.selector : side < 11 ? ISonar.NotCapsule.selector : ISonar.NotArbiter.selector;
        _refused(who, 0, data, reason);
    }

    /// @dev The right party, when its time is over or has not come.
    function actOutOfTime(uint256 seed) external {
        uint256 index = _pick(seed, _outOfTime);
        Story storage s = stories[index];
        bytes memory delivery = abi.encodeCall(ISonar.deliver, (s.id, _blob(seed, "d"), _blob(seed, "o")));
        Status status = _status(s);
        if (s.recorded == Status.Requested) {
            _refused(s.terms.capsule, 0, abi.encodeCall(ISonar.open, (s.id, _campaignStart(seed, 0))), ISonar.OpeningTooLate.selector);
        } else if (status == Status.Expired) {
            _refused(s.terms.capsule, 0, delivery, ISonar.WindowMissed.selector);
        } else if (_roll(seed, "expire", 2) == 0) {
            _refused(_party(seed, "anybody"), 0, abi.encodeCall(ISonar.expire, (s.id)), ISonar.NothingMissed.selector);
        } else if (status == Status.Open) {
            _refused(s.terms.capsule, 0, delivery, ISonar.DeliveryTooEarly.selector);
        } else {
            vm.assume(s.awaitsScore());
            _refused(s.terms.capsule, 0, delivery, ISonar.GradientsUnscored.selector);
        }
    }

    /// @dev A currency that delivers another amount than asked, or none; and what exists already, again.
    function createRefused(uint256 seed) external {
        Terms memory terms = _terms(seed);
        address who = parties[_roll(seed, "scientist", parties.length - 1)];
        // Enough for any fee or percentage to be felt.
        (terms.bounty, terms.capsuleFee) = (10_000 + terms.bounty % 10_000, 0);
        terms.minImprovement = terms.targetAccuracy;
        uint256 side = _roll(seed, "currency", 4);
        bytes4 reason = ISonar.WrongAmountReceived.selector;
        if (side == 0) {
            terms.currency = address(feeTaking);
        } else if (side == 1) {
            terms.currency = address(rebasing);
            vm.assume(!_takesIn(terms.currency));
        } else if (side == 2) {
            (terms.currency, reason) = (address(falseToken), bytes4(keccak256("SafeERC20FailedOperation(address)")));
        } else {
            vm.assume(stories.length != 0);
            Story storage s = stories[_roll(seed, "story", stories.length)];
            _refused(s.scientist, 0, abi.encodeCall(ISonar.create, (s.nonce, s.terms)), ISonar.CampaignExists.selector);
            return;
        }
        _refused(who, 0, abi.encodeCall(ISonar.create, (uint256(_blob(seed, "nonce")), terms)), reason);
    }

    // ------------------------------------------------------------------ WORDS

    function _unimproved(Story storage s, uint256 seed) private view returns (Score memory) {
        return Score(s.accuracy == 0 ? 0 : s.accuracy - 1, 4, 0, _blob(seed, "root"), _blob(seed, "opened"), _blob(seed, "evidence"));
    }

    /// @dev A Gradient for which something was paid: that same payment.
    function _paidGradient(Pull memory pull, uint256 seed) private view {
        Story storage s = stories[pull.story];
        uint256 count = s.entries.length;
        pull.numbers = new uint32[](1);
        for (uint256 i = 0; i < count; ++i) {
            uint32 number = uint32((_roll(seed, "paid", count) + i) % count);
            Entry storage e = s.entries[number];
            if (!e.claimed && !e.reclaimed) continue;
            (pull.numbers[0], pull.who) = (number, e.gradient.miner);
            if (e.claimed) pull.kind = Kind.Reward;
            else if (e.compensated) pull.kind = Kind.Compensation;
            else pull.kind = e.scored ? Kind.VoidedFee : Kind.UnscoredFee;
            return;
        }
        vm.assume(false);
    }

    // ------------------------------------------------------------------ WHERE

    function _tooEarly(Story storage s) private view returns (bool) {
        Status status = _status(s);
        return status != Status.Cancelled && status != Status.Declined && !s.claimsOpen(time);
    }

    function _hasPaid(Story storage s) private view returns (bool) {
        return s.paid() + s.feesPaid() != 0;
    }

    function _scoredAndSettled(Story storage s) private view returns (bool) {
        return s.scored != 0 && s.claimsOpen(time);
    }

    function _openOnce(Story storage s) private view returns (bool) {
        return s.recorded != Status.None && s.recorded != Status.Requested;
    }

    function _outOfTime(Story storage s) private view returns (bool) {
        if (s.recorded == Status.Requested) return _status(s) == Status.Cancelled;
        return s.recorded == Status.Open;
    }
}
