// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CapsuleTerms, CurrencyOffer, CurrencyTerms, ICapsuleRegistry} from "../../contracts/interfaces/ICapsuleRegistry.sol";
import {ISonar} from "../../contracts/interfaces/ISonar.sol";
import {Committee, Puppet, ReenteringReceiver, RevertingReceiver} from "../../contracts/mocks/Actors.sol";
import {
    FalseToken,
    FeeOnTransferToken,
    FreezingToken,
    PlainToken,
    RebasingToken,
    ReenteringToken,
    SilentToken
} from "../../contracts/mocks/Tokens.sol";
import {Status} from "../../contracts/types/Status.sol";
import {Reckoning} from "./Reckoning.sol";
import {Story} from "./Story.sol";
import {Mood, TurningToken} from "./TurningToken.sol";
import {vm} from "./Vm.sol";

/// @title The stage: one Sonar, parties of every kind, currencies of every kind, a clock, and the stories of all Campaigns.
abstract contract World {
    using Reckoning for Story;

    address internal constant COIN = address(0);
    uint256 internal constant WAD = 1e18;
    uint256 internal constant RICH = 1 << 200;

    /// Compiled with the contracts' own settings, so that what is attacked is what is deployed.
    ISonar internal immutable sonar;

    /// Data Scientists, Miners, arbiters and Capsules: anybody may be anything, at once too.
    address[] internal parties;
    Committee internal immutable committee;
    RevertingReceiver internal immutable reverting;
    ReenteringReceiver internal immutable reentering;
    address internal constant FROZEN = address(0xf702e);

    PlainToken internal immutable plain;
    SilentToken internal immutable silent;
    FreezingToken internal immutable freezing;
    RebasingToken internal immutable rebasing;
    ReenteringToken internal immutable reenteringToken;
    FeeOnTransferToken internal immutable feeTaking;
    FalseToken internal immutable falseToken;
    TurningToken internal immutable turning;
    address[] internal currencies;

    /// Seconds. Kept here, as neither the compiler nor forge promises that `block.timestamp` follows a warp.
    uint256 internal time = 1_700_000_000;
    Story[] internal stories;
    /// The Campaign of the last move.
    uint256 internal touched;
    /// What was given to Sonar for nothing, and what a token took from it, by currency.
    mapping(address currency => uint256) internal gifts;
    mapping(address currency => uint256) internal leaked;

    error Unexpected(string what, bytes answer);

    constructor() {
        ICapsuleRegistry registry = ICapsuleRegistry(vm.deployCode("CapsuleRegistry.sol:CapsuleRegistry", ""));
        sonar = ISonar(vm.deployCode("Sonar.sol:Sonar", abi.encode(registry)));
        committee = new Committee(_members(), 2);
        reverting = new RevertingReceiver();
        reentering = new ReenteringReceiver();
        plain = new PlainToken();
        silent = new SilentToken();
        freezing = new FreezingToken();
        rebasing = new RebasingToken();
        reenteringToken = new ReenteringToken();
        feeTaking = new FeeOnTransferToken();
        falseToken = new FalseToken();
        turning = new TurningToken();
        currencies = [
            COIN,
            address(plain),
            address(silent),
            address(freezing),
            address(rebasing),
            address(reenteringToken),
            address(turning),
            address(feeTaking),
            address(falseToken)
        ];
        parties = [
            address(0xa11ce),
            address(0xb0b),
            address(0xca201),
            address(0xda4e),
            address(new Puppet()),
            address(reentering),
            address(reverting),
            address(committee)
        ];
        _provide(registry);
        freezing.freeze(FROZEN);
        // Aimed before any use: unaimed, a call back reaches nobody and would count as a success.
        reentering.aim(address(sonar), abi.encodeCall(ISonar.refund, (bytes32(0), address(reentering))));
        reenteringToken.aim(sonar, abi.encodeCall(ISonar.refund, (bytes32(0), address(this))));
        vm.warp(time);
    }

    function _members() private pure returns (address[] memory members) {
        members = new address[](2);
        (members[0], members[1]) = (address(0xace), address(0xbee));
    }

    /// @dev Everybody has more of everything than Campaigns can ask for, lets Sonar take it, and is a Capsule of smallest terms.
    function _provide(ICapsuleRegistry registry) private {
        CurrencyOffer[] memory offers = new CurrencyOffer[](currencies.length);
        for (uint256 i = 0; i < currencies.length; ++i) {
            offers[i] = CurrencyOffer(currencies[i], CurrencyTerms(true, 0, type(uint128).max));
        }
        CapsuleTerms memory terms = CapsuleTerms(0, 1, 1, 0, 1, type(uint32).max);
        for (uint256 i = 0; i < parties.length; ++i) {
            vm.deal(parties[i], RICH);
            _do(parties[i], address(registry), 0, abi.encodeCall(ICapsuleRegistry.announce, (bytes32("certificates"), terms, offers)));
            for (uint256 j = 1; j < currencies.length; ++j) {
                PlainToken(currencies[j]).mint(parties[i], RICH);
                _do(parties[i], currencies[j], 0, abi.encodeCall(IERC20.approve, (address(sonar), type(uint256).max)));
            }
        }
    }

    // ------------------------------------------------------------------ ACTING

    /// @dev The party calls; a contract is told to, a Committee votes.
    function _act(address who, address target, uint256 value, bytes memory data) internal returns (bool success, bytes memory answer) {
        if (who == address(committee)) return _vote(target, value, data);
        if (who.code.length != 0) {
            (success, answer) = who.call(abi.encodeCall(Puppet.act, (target, value, data)));
            if (success) answer = abi.decode(answer, (bytes));
            return (success, answer);
        }
        vm.prank(who);
        return target.call{value: value}(data);
    }

    /// @dev A member whose earlier vote for the same was followed by a refusal need not say it again.
    function _vote(address target, uint256 value, bytes memory data) private returns (bool success, bytes memory answer) {
        address[] memory members = _members();
        bytes memory proposal = abi.encodeCall(Committee.propose, (target, value, data));
        if (!committee.voted(keccak256(abi.encode(target, value, data)), members[0])) {
            vm.prank(members[0]);
            (success, answer) = address(committee).call(proposal);
            require(success, Unexpected("the first vote", answer));
        }
        vm.prank(members[1]);
        return address(committee).call(proposal);
    }

    function _do(address who, address target, uint256 value, bytes memory data) internal returns (bytes memory) {
        (bool success, bytes memory answer) = _act(who, target, value, data);
        require(success, Unexpected("a refusal", answer));
        return answer;
    }

    function _do(address who, bytes memory data) internal {
        _do(who, address(sonar), 0, data);
    }

    /// @dev The call must be refused, for the reason given.
    function _refused(address who, uint256 value, bytes memory data, bytes4 reason) internal {
        (bool success, bytes memory answer) = _act(who, address(sonar), value, data);
        require(!success && bytes4(answer) == reason, Unexpected("anything but that error", answer));
    }

    // ------------------------------------------------------------------ MONEY

    /// @dev What an account holds. Of a rebasing token: units before its percentage.
    function _held(address currency, address account) internal returns (uint256 amount) {
        if (currency == COIN) return account.balance;
        if (currency != address(rebasing)) return PlainToken(currency).balanceOf(account);
        uint256 percent = rebasing.percent();
        rebasing.rebase(100);
        amount = rebasing.balanceOf(account);
        rebasing.rebase(percent);
    }

    /// @dev Of `amount` that is paid, what the currency lets through.
    function _arriving(address currency, uint256 amount) internal view returns (uint256) {
        bool keeps = currency == address(feeTaking) || (currency == address(turning) && turning.mood() == Mood.KeepsFee);
        return keeps ? amount - amount / 100 : amount;
    }

    /// @dev Whether Sonar can be paid exactly what it asks for, at this moment.
    function _takesIn(address currency) internal view returns (bool) {
        if (currency == address(rebasing)) return rebasing.percent() == 100;
        return currency != address(turning) || turning.mood() == Mood.Honest;
    }

    // ------------------------------------------------------------------ CHOOSING

    /// @dev One of `sides` numbers; the same for the same seed and purpose, so that forge can shrink what it found.
    function _roll(uint256 seed, string memory purpose, uint256 sides) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, purpose))) % sides;
    }

    /// @dev From `least` up, every order of magnitude below 2^bits as likely as any other.
    function _amount(uint256 seed, string memory purpose, uint256 least, uint256 bits) internal pure returns (uint256 amount) {
        amount = uint256(keccak256(abi.encode(seed, purpose))) >> (255 - _roll(seed, purpose, bits));
        amount &= (1 << bits) - 1;
        if (amount < least) amount = least;
    }

    function _blob(uint256 seed, string memory name) internal pure returns (bytes32) {
        return keccak256(abi.encode(seed, name, "blob"));
    }

    function _party(uint256 seed, string memory role) internal view returns (address) {
        return parties[_roll(seed, role, parties.length)];
    }

    function _otherParty(uint256 seed, address not) internal view returns (address who) {
        who = _party(seed, "other");
        vm.assume(who != not);
    }

    /// @dev What is seldom wanted beside what leads on.
    function _seldom(uint256 seed, uint256 oneIn) internal pure {
        vm.assume(_roll(seed, "seldom", oneIn) == 0);
    }

    /// @dev A Campaign that fits, if there is one; else the call is discarded.
    function _pick(uint256 seed, function(Story storage) view returns (bool) fits) internal view returns (uint256) {
        uint256 count = stories.length;
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = (_roll(seed, "pick", count) + i) % count;
            if (fits(stories[index])) return index;
        }
        vm.assume(false);
        return 0;
    }

    // ------------------------------------------------------------------ REMEMBERING

    function _status(Story storage s) internal view returns (Status) {
        return s.status(time);
    }

    /// @dev Ends every move: what the Campaign owes from now on, and how Sonar's record of it stands.
    function _touch(uint256 index) internal {
        Story storage s = stories[index];
        s.owes = s.owed();
        s.owesFees = s.owedFees();
        s.seal = keccak256(abi.encode(sonar.campaignOf(s.id)));
        touched = index;
    }
}
