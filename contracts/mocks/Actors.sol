// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

/// A contract that acts as it is told: any party of a Campaign may be one.
contract Puppet {
    function act(address target, uint256 value, bytes calldata data) public payable virtual returns (bytes memory) {
        (bool success, bytes memory result) = target.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
        return result;
    }

    receive() external payable virtual {}
}

/// Says the same many times over.
contract Flood is Puppet {
    function actOften(address target, uint256 value, bytes calldata data, uint256 times) external payable {
        for (uint256 i = 0; i < times; ++i) {
            act(target, value, data);
        }
    }
}

/// Takes no money.
contract RevertingReceiver is Puppet {
    error NoThanks();

    receive() external payable override {
        revert NoThanks();
    }
}

/// Tries to be paid again while it is paid.
contract ReenteringReceiver is Puppet {
    bool public succeeded;
    /// What the last call back returned.
    bytes public answer;
    address private _target;
    bytes private _attack;

    function aim(address target, bytes calldata attack) external {
        _target = target;
        _attack = attack;
    }

    receive() external payable override {
        (bool success, bytes memory answer_) = _target.call(_attack);
        succeeded = succeeded || success;
        answer = answer_;
    }
}

/// A Capsule of several members: it acts when enough of them said the same.
contract Committee {
    error NotMember(address caller);
    error Repeated(address member);

    uint256 public immutable needed;
    mapping(address member => bool) public isMember;
    mapping(bytes32 action => uint256) public votes;
    mapping(bytes32 action => mapping(address member => bool)) public voted;

    constructor(address[] memory members, uint256 needed_) {
        needed = needed_;
        for (uint256 i = 0; i < members.length; ++i) {
            isMember[members[i]] = true;
        }
    }

    function propose(address target, uint256 value, bytes calldata data) external {
        require(isMember[msg.sender], NotMember(msg.sender));
        bytes32 action = keccak256(abi.encode(target, value, data));
        require(!voted[action][msg.sender], Repeated(msg.sender));
        voted[action][msg.sender] = true;
        if (++votes[action] != needed) return;
        (bool success, bytes memory result) = target.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {}
}
