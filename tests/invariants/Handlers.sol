// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Campaign} from "../../contracts/types/Campaign.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Reckoning} from "./Reckoning.sol";
import {Entry, Kind, Pull, Story} from "./Story.sol";
import {Surroundings} from "./Surroundings.sol";
import {Mood} from "./TurningToken.sol";
import {vm} from "./Vm.sol";

/// @title All actions together, and what must hold after each of them. The numbers are those of contracts/README.md.
contract Handlers is Surroundings {
    using Reckoning for Story;

    // ------------------------------------------------------------------ AFTER EVERY MOVE

    function check() external {
        uint256 count = stories.length;
        if (count != 0) checkCampaign(touched);
        for (uint256 i = 0; i < count; ++i) {
            Story storage s = stories[i];
            require(s.seal == keccak256(abi.encode(sonar.campaignOf(s.id))), "9: a Campaign was touched by a move on another");
            require(sonar.statusOf(s.id) == _status(s), "a status is not what rules and clock say");
        }
        for (uint256 i = 0; i < currencies.length; ++i) {
            _checkBalance(currencies[i]);
        }
        require(!reentering.succeeded() && !reenteringToken.succeeded(), "9: a call back went through");
    }

    function checkEverything() public view {
        for (uint256 i = 0; i < stories.length; ++i) {
            checkCampaign(i);
        }
    }

    function checkCampaign(uint256 index) public view {
        Story storage s = stories[index];
        _checkAccount(s);
        _checkRewards(s);
        _checkFailure(s);
        _checkRecord(s);
        for (uint256 i = 0; i < s.entries.length; ++i) {
            require(sonar.digestOf(s.id, uint32(i)) == _digest(s, s.entries[i]), "5, 6: a digest is not what it should be");
        }
    }

    /// @dev 1: what Sonar holds is what all Campaigns owe, with what was given to it and without what a token took.
    function _checkBalance(address currency) private {
        uint256 owes = gifts[currency];
        for (uint256 i = 0; i < stories.length; ++i) {
            Story storage s = stories[i];
            if (s.terms.currency == currency) owes += s.owes;
            if (currency == COIN) owes += s.owesFees;
        }
        require(_held(currency, address(sonar)) + leaked[currency] == owes, "1: the balance is not the sum over all Campaigns");
    }

    function _checkAccount(Story storage s) private view {
        require(s.put == s.paid() + s.owed(), "1: paid + claimable + refundable + collectable is not what was escrowed");
        require(s.feesPut == s.feesPaid() + s.owedFees(), "1: scoring fees do not add up");
        require(s.claimsOpen(time) || s.rewards + s.compensations + s.toCapsule + s.feesPaid() == 0, "4: paid before claims opened");
    }

    function _checkRewards(Story storage s) private view {
        uint256 spent = s.spent();
        require(spent == s.earned(s.accuracy) - s.earned(s.start), "3: rewards do not telescope");
        require(s.rewards <= spent && spent <= s.terms.bounty, "3: more than the Bounty was earned");
        require(s.entries.length == 0 || sonar.earned(s.id, s.accuracy) == s.earned(s.accuracy), "3: earned is not the published rule");
    }

    function _checkFailure(Story storage s) private view {
        if (!s.failed()) return;
        uint256 rest = s.terms.capsuleBond - s.madeWhole();
        require(s.toCapsule == 0, "7: a Capsule that failed took bond or fee");
        require(s.compensations <= rest, "7: compensation came before the Data Scientist was whole");
        require(s.compensations <= s.harmed() * s.terms.compensation, "7: more compensation than was agreed");
        uint256 whole = uint256(s.terms.bounty) + s.terms.capsuleFee + s.madeWhole() - s.spent();
        require(!s.refunded || s.toScientist >= whole, "7: the Data Scientist is not whole");
    }

    function _checkRecord(Story storage s) private view {
        Campaign memory c = sonar.campaignOf(s.id);
        require(c.recorded == s.recorded && c.settledAt == s.settledAt && c.validBelow == s.validBelow, "the end is recorded otherwise");
        require(c.submitted == s.entries.length && c.scored == s.scored, "the queue is recorded otherwise");
        require(
            c.version == s.version && c.startingAccuracy == (s.endsAt == 0 ? s.terms.startingAccuracy : s.start),
            "the Model is recorded otherwise"
        );
        require(c.accuracy == s.accuracy, "3: the accuracy is recorded otherwise");
        require(c.endsAt == (s.endsAt == 0 ? s.openBefore : s.endsAt), "the end of mining is recorded otherwise");
        require(c.refunded == s.refunded && c.bondCollected == s.bondCollected, "5: a payment is recorded otherwise");
        require(c.scoringFeesCollected == s.feesCollected, "5: a payment of fees is recorded otherwise");
        require(s.recorded != Status.Open || sonar.dueOf(s.id) == s.due(), "6: a due moved");
        require(sonar.claimsOpenAt(s.id) == s.claimsOpenAt(), "4: claims open at another time");
        require(sonar.refundable(s.id) == (s.refunded ? 0 : s.refund()), "1: another amount is refundable");
    }

    /// @dev The kinds of digests, as `Digest` numbers them.
    function _digest(Story storage s, Entry storage e) private view returns (bytes32) {
        if (e.claimed || e.compensated) return 0;
        if (e.reclaimed) return s.share() == 0 ? bytes32(0) : keccak256(abi.encode(3, e.gradient.miner));
        if (e.scored) return keccak256(abi.encode(2, e.gradient.miner, e.accuracyBefore, e.accuracyAfter, e.details));
        return keccak256(abi.encode(1, e.gradient.due, _core(e.gradient)));
    }

    // ------------------------------------------------------------------ AT THE END

    /// @notice Every Campaign comes to its end, everybody pulls what is theirs, and nothing is left but gifts.
    function close() external {
        _makeHonest();
        for (uint256 i = 0; i < stories.length; ++i) {
            if (_deliverable(stories[i])) _deliver(i, i);
        }
        _wait(10 * 365 days + uint256(type(uint32).max) * MOST_GRADIENTS);
        for (uint256 i = 0; i < stories.length; ++i) {
            if (_missed(stories[i])) _expire(i, parties[0]);
        }
        _wait(7 days);
        for (uint256 i = 0; i < stories.length; ++i) {
            _drain(i);
        }
        checkEverything();
        for (uint256 i = 0; i < currencies.length; ++i) {
            _checkBalance(currencies[i]);
            require(
                _held(currencies[i], address(sonar)) == gifts[currencies[i]], "1: something is left when all have pulled what is theirs"
            );
        }
    }

    /// @dev What leaked is made good, so that the last in line can be paid as well: nothing else of the token's doing stays.
    function _makeHonest() private {
        rebasing.rebase(100);
        turning.turn(Mood.Honest);
        turning.mint(address(sonar), leaked[address(turning)]);
        leaked[address(turning)] = 0;
    }

    function _wait(uint256 duration) private {
        time += duration;
        vm.warp(time);
    }

    function _drain(uint256 index) private {
        for (uint256 kind = 0; kind <= uint256(type(Kind).max); ++kind) {
            Pull memory pull = _openPull(index, Kind(kind), index);
            while (pull.who != address(0)) {
                bool unwilling = pull.who == address(reverting) && pull.currency == COIN;
                _execute(pull, unwilling ? parties[0] : pull.who);
                pull = _openPull(index, Kind(kind), index);
            }
        }
        Story storage s = stories[index];
        require(s.paid() == s.put && s.owed() == 0, "1: a Campaign did not pay all it took");
        require(s.feesPaid() == s.feesPut && s.owedFees() == 0, "1: a Campaign did not pay all fees it took");
    }
}
