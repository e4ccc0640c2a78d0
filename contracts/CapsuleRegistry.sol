// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {Asked, CapsuleTerms, CurrencyOffer, CurrencyTerms, ICapsuleRegistry} from "./interfaces/ICapsuleRegistry.sol";

/// @title Where Capsules announce themselves: see `ICapsuleRegistry`.
contract CapsuleRegistry is ICapsuleRegistry {
    /// @inheritdoc ICapsuleRegistry
    mapping(address capsule => bytes32) public certificatesOf;

    mapping(address capsule => CapsuleTerms) private _terms;
    mapping(address capsule => mapping(address currency => CurrencyTerms)) private _currencies;

    /// @inheritdoc ICapsuleRegistry
    function announce(bytes32 certificates, CapsuleTerms calldata terms, CurrencyOffer[] calldata currencies) external {
        require(certificates != 0, NoCertificates(msg.sender));

        certificatesOf[msg.sender] = certificates;
        _terms[msg.sender] = terms;
        for (uint256 i = 0; i < currencies.length; ++i) {
            _currencies[msg.sender][currencies[i].currency] = currencies[i].terms;
        }
        emit CapsuleAnnounced(msg.sender, certificates, terms, currencies);
    }

    /// @inheritdoc ICapsuleRegistry
    function termsOf(address capsule) external view returns (CapsuleTerms memory) {
        return _terms[capsule];
    }

    /// @inheritdoc ICapsuleRegistry
    function currencyTermsOf(address capsule, address currency) external view returns (CurrencyTerms memory) {
        return _currencies[capsule][currency];
    }

    /// @inheritdoc ICapsuleRegistry
    function certificatesFor(Asked calldata asked) external view returns (bytes32 certificates) {
        address capsule = asked.capsule;
        certificates = certificatesOf[capsule];
        require(certificates != 0, CapsuleUnknown(capsule));

        CurrencyTerms memory money = _currencies[capsule][asked.currency];
        require(money.accepted, CurrencyNotAccepted(capsule, asked.currency));
        require(asked.capsuleFee >= money.smallestFee, FeeBelowTerms(capsule, asked.capsuleFee, money.smallestFee));
        require(asked.capsuleBond <= money.largestBond, BondAboveTerms(capsule, asked.capsuleBond, money.largestBond));

        CapsuleTerms memory least = _terms[capsule];
        require(asked.scoringFee >= least.scoringFee, ScoringFeeBelowTerms(capsule, asked.scoringFee, least.scoringFee));
        require(asked.openWithin >= least.openWithin, OpenWithinBelowTerms(capsule, asked.openWithin, least.openWithin));
        require(asked.scoringWindow >= least.scoringWindow, ScoringWindowBelowTerms(capsule, asked.scoringWindow, least.scoringWindow));
        require(asked.perGradient >= least.perGradient, PerGradientBelowTerms(capsule, asked.perGradient, least.perGradient));
        require(asked.deliveryWindow >= least.deliveryWindow, DeliveryWindowBelowTerms(capsule, asked.deliveryWindow, least.deliveryWindow));
    }
}
