// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// What a Capsule accepts whatever the currency. Seconds, and wei for the scoring fee.
struct CapsuleTerms {
    /// Smallest scoring fee, in the chain's coin.
    uint96 scoringFee;
    /// Shortest windows.
    uint32 openWithin;
    uint32 scoringWindow;
    uint32 perGradient;
    uint32 deliveryWindow;
    /// Most ciphertexts in a Model. Not checked on chain: the Capsule declines what is larger.
    uint32 largestModel;
}

/// What a Capsule accepts in one currency, in its smallest unit. A currency that is not accepted is not served.
struct CurrencyTerms {
    bool accepted;
    uint96 smallestFee;
    uint128 largestBond;
}

/// A currency (0 for the chain's coin) with its terms.
struct CurrencyOffer {
    address currency;
    CurrencyTerms terms;
}

/// What a Campaign asks of a Capsule, as far as announced terms bound it.
struct Asked {
    address capsule;
    address currency;
    uint96 capsuleFee;
    uint128 capsuleBond;
    uint96 scoringFee;
    uint32 openWithin;
    uint32 scoringWindow;
    uint32 perGradient;
    uint32 deliveryWindow;
}

/// @title CapsuleRegistry: where Capsules announce their OpenPGP certificates and their terms
/// @notice No owner and no deletion: a Capsule speaks for itself alone and may replace what it said at any time.
/// What a Campaign was opened with stays the Campaign's.
interface ICapsuleRegistry {
    /// @param certificates Content address of the ring of OpenPGP certificates; bundles are sealed to all of them.
    event CapsuleAnnounced(address indexed capsule, bytes32 certificates, CapsuleTerms terms, CurrencyOffer[] currencies);

    error NoCertificates(address capsule);
    error CapsuleUnknown(address capsule);
    error CurrencyNotAccepted(address capsule, address currency);
    error FeeBelowTerms(address capsule, uint256 fee, uint256 smallest);
    error BondAboveTerms(address capsule, uint256 bond, uint256 largest);
    error ScoringFeeBelowTerms(address capsule, uint256 fee, uint256 smallest);
    error OpenWithinBelowTerms(address capsule, uint256 window, uint256 shortest);
    error ScoringWindowBelowTerms(address capsule, uint256 window, uint256 shortest);
    error PerGradientBelowTerms(address capsule, uint256 window, uint256 shortest);
    error DeliveryWindowBelowTerms(address capsule, uint256 window, uint256 shortest);

    /// @notice Announces, or replaces, the caller's certificates and terms. Currencies not named keep their former terms;
    /// one named with `accepted` false is no longer served.
    function announce(bytes32 certificates, CapsuleTerms calldata terms, CurrencyOffer[] calldata currencies) external;

    /// @notice The certificates in force of a Capsule whose terms allow what is asked; reverts with what they do not allow.
    function certificatesFor(Asked calldata asked) external view returns (bytes32 certificates);

    /// @notice Content address of a Capsule's ring of certificates; 0 when it never announced.
    function certificatesOf(address capsule) external view returns (bytes32);

    function termsOf(address capsule) external view returns (CapsuleTerms memory);

    function currencyTermsOf(address capsule, address currency) external view returns (CurrencyTerms memory);
}
