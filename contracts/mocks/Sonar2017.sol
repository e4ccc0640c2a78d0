// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// @title The marketplace's first contract, OpenMined's ModelRepository of 2017, by its arithmetic and its storage
/// @notice VULNERABLE ON PURPOSE, for tests only: attacks and gas of today's Sonar are held against it. Written anew after its source;
/// same three transactions, same storage slots, and `unchecked` where Solidity 0.4 wrapped. What is wrong with it:
///
/// 1. All bounties lie in one pot, and a payment is not clamped at the target: with a target close to the initial error, going
///    far past it pays a multiple of the bounty, out of other models' money.
/// 2. A gradient is a public address that belongs to nobody: whoever sends it again, first in line, is paid for it.
/// 3. Who pays decides: the owner alone evaluates, as they please, at any time or never.
contract Sonar2017 {
    /// An IPFS address of 46 characters in two words.
    struct IPFS {
        bytes32 first;
        bytes32 second;
    }

    struct Gradient {
        bool evaluated;
        address from;
        IPFS gradient;
        uint256 modelId;
        uint256 newModelError;
        IPFS newWeights;
    }

    struct Model {
        address owner;
        IPFS initialWeights;
        IPFS weights;
        uint256 bounty;
        uint256 initialError;
        uint256 bestError;
        uint256 targetError;
    }

    Model[] private _models;
    Gradient[] private _gradients;

    /// @notice A model with the sent value as its bounty. Its id is how many there were before.
    function addModel(bytes32[] memory weights, uint256 initialError, uint256 targetError) public payable {
        IPFS memory content = IPFS(weights[0], weights[1]);
        _models.push(Model(msg.sender, content, content, msg.value, initialError, initialError, targetError));
    }

    /// @notice A gradient of a model, by its address. Nothing ties the address to the sender.
    function addGradient(uint256 modelId, bytes32[] memory gradientAddress) public {
        require(_models[modelId].owner != address(0));
        IPFS memory content = IPFS(gradientAddress[0], gradientAddress[1]);
        _gradients.push(Gradient(false, msg.sender, content, modelId, 0, IPFS(0, 0)));
    }

    /// @notice The model's owner says what error a gradient leads to. A lower one is paid at once, unless the target was reached.
    function evalGradient(uint256 gradientId, uint256 newModelError, bytes32[] memory newWeights) public {
        Gradient storage gradient = _gradients[gradientId];
        Model storage model = _models[gradient.modelId];
        require(msg.sender == model.owner);
        require(!gradient.evaluated);

        gradient.newWeights.first = newWeights[0];
        gradient.newWeights.second = newWeights[1];
        gradient.newModelError = newModelError;
        if (newModelError < model.bestError && model.targetError < model.bestError) {
            uint256 incentive = _incentive(model.bounty, model.initialError, model.targetError, model.bestError - newModelError);
            model.bestError = newModelError;
            model.weights = gradient.newWeights;
            assert(payable(gradient.from).send(incentive));
        }
        gradient.evaluated = true;
    }

    function _incentive(uint256 bounty, uint256 initialError, uint256 targetError, uint256 solved) private pure returns (uint256) {
        unchecked {
            return bounty * solved / (initialError - targetError);
        }
    }
}
