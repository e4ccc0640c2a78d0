// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {CapsuleTerms, CurrencyOffer, CurrencyTerms, ICapsuleRegistry, RequestedTerms} from "./interfaces/ICapsuleRegistry.sol";

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
    function certificatesFor(RequestedTerms calldata requested) external view returns (bytes32 certificates) {
        address capsule = requested.capsule;
        certificates = certificatesOf[capsule];
        require(certificates != 0, CapsuleUnknown(capsule));

        CurrencyTerms memory money = _currencies[capsule][requested.currency];
        require(money.accepted, CurrencyNotAccepted(capsule, requested.currency));
        require(
            requested.capsuleFee >= money.smallestCapsuleFee, CapsuleFeeBelowTerms(capsule, requested.capsuleFee, money.smallestCapsuleFee)
        );
        require(requested.capsuleBond <= money.largestBond, BondAboveTerms(capsule, requested.capsuleBond, money.largestBond));

        CapsuleTerms memory least = _terms[capsule];
        require(requested.scoringFee >= least.scoringFee, ScoringFeeBelowTerms(capsule, requested.scoringFee, least.scoringFee));
        require(requested.openWithin >= least.openWithin, OpenWithinBelowTerms(capsule, requested.openWithin, least.openWithin));
        require(
            requested.scoringWindow >= least.scoringWindow, ScoringWindowBelowTerms(capsule, requested.scoringWindow, least.scoringWindow)
        );
        require(requested.perGradient >= least.perGradient, PerGradientBelowTerms(capsule, requested.perGradient, least.perGradient));
        require(
            requested.deliveryWindow >= least.deliveryWindow,
            DeliveryWindowBelowTerms(capsule, requested.deliveryWindow, least.deliveryWindow)
        );
    }
}
