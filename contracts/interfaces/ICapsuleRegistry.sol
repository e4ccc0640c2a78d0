// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// What a Capsule accepts in any currency. Windows are in seconds.
struct CapsuleTerms {
    /// Smallest scoring fee, in wei of the chain's coin.
    uint96 scoringFee;
    /// Shortest time to open or decline.
    uint32 openWithin;
    /// Shortest scoring window.
    uint32 scoringWindow;
    /// Shortest time per queued Gradient.
    uint32 perGradient;
    /// Shortest delivery window.
    uint32 deliveryWindow;
    /// Largest number of ciphertexts in a Model. Not checked on chain: the Capsule declines larger ones.
    uint32 largestModel;
}

/// What a Capsule accepts in one currency, in its smallest unit.
struct CurrencyTerms {
    /// Whether Campaigns in this currency are accepted at all.
    bool accepted;
    uint96 smallestCapsuleFee;
    uint128 largestBond;
}

/// A currency (0 for the chain's coin) with a Capsule's terms in it.
struct CurrencyOffer {
    address currency;
    CurrencyTerms terms;
}

/// The terms of a Campaign that a Capsule's announced terms bound: see `Terms` for the fields.
struct RequestedTerms {
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
/// @notice No owner and no deletion: each Capsule announces for itself and may replace its announcement at any time.
/// The certificates that a Campaign was opened with stay the Campaign's.
interface ICapsuleRegistry {
    /// A Capsule announced its certificates and terms.
    /// @param certificates Content address of the keyring of OpenPGP certificates; bundles are sealed to all of them.
    event CapsuleAnnounced(address indexed capsule, bytes32 certificates, CapsuleTerms terms, CurrencyOffer[] currencies);

    /// An announcement names no certificates.
    error NoCertificates(address capsule);
    /// This address never announced itself.
    error CapsuleUnknown(address capsule);
    /// The Capsule does not accept this currency.
    error CurrencyNotAccepted(address capsule, address currency);
    /// The Capsule's fee is below the smallest that it accepts.
    error CapsuleFeeBelowTerms(address capsule, uint256 capsuleFee, uint256 smallest);
    /// The bond is above the largest that the Capsule posts.
    error BondAboveTerms(address capsule, uint256 bond, uint256 largest);
    /// The scoring fee is below the smallest that the Capsule accepts.
    error ScoringFeeBelowTerms(address capsule, uint256 scoringFee, uint256 smallest);
    /// The time to open is shorter than the Capsule accepts.
    error OpenWithinBelowTerms(address capsule, uint256 window, uint256 shortest);
    /// The scoring window is shorter than the Capsule accepts.
    error ScoringWindowBelowTerms(address capsule, uint256 window, uint256 shortest);
    /// The time per queued Gradient is shorter than the Capsule accepts.
    error PerGradientBelowTerms(address capsule, uint256 window, uint256 shortest);
    /// The delivery window is shorter than the Capsule accepts.
    error DeliveryWindowBelowTerms(address capsule, uint256 window, uint256 shortest);

    /// @notice Announces, or replaces, the caller's certificates and terms. Currencies that are not named keep their former terms;
    /// one named with `accepted` false is no longer served.
    function announce(bytes32 certificates, CapsuleTerms calldata terms, CurrencyOffer[] calldata currencies) external;

    /// @notice Content address of the keyring in force of a Capsule whose terms allow the request; reverts with the term that does not.
    function certificatesFor(RequestedTerms calldata requested) external view returns (bytes32 certificates);

    /// @notice Content address of a Capsule's keyring; 0 if it never announced itself.
    function certificatesOf(address capsule) external view returns (bytes32);

    /// @notice A Capsule's terms in any currency; all zero if it never announced itself.
    function termsOf(address capsule) external view returns (CapsuleTerms memory);

    /// @notice A Capsule's terms in one currency; `accepted` is false if it never named it.
    function currencyTermsOf(address capsule, address currency) external view returns (CurrencyTerms memory);
}
