// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ISonar} from "../interfaces/ISonar.sol";

/// An honest ERC-20 with six decimals that anybody may mint: for tests and demonstrations only.
contract PlainToken is ERC20("Plain test dollar", "USDX") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// Keeps one percent of every transfer.
contract FeeOnTransferToken is PlainToken {
    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : value / 100;
        if (fee != 0) super._update(from, address(this), fee);
        super._update(from, to, value - fee);
    }
}

/// Refuses to move nothing, as some tokens do.
contract NothingRefusingToken is PlainToken {
    error NothingMoves();

    function _update(address from, address to, uint256 value) internal override {
        require(value != 0, NothingMoves());
        super._update(from, to, value);
    }
}

/// Returns false instead of moving anything.
contract FalseToken is PlainToken {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// Moves money and returns nothing, as some old tokens do.
contract SilentToken {
    mapping(address holder => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function decimals() external pure returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Freezes an address: nothing moves from or to it.
contract FreezingToken is PlainToken {
    error Frozen(address account);

    mapping(address account => bool) public frozen;

    function freeze(address account) external {
        frozen[account] = true;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!frozen[from], Frozen(from));
        require(!frozen[to], Frozen(to));
        super._update(from, to, value);
    }
}

/// Balances shrink by themselves.
contract RebasingToken is PlainToken {
    uint256 public percent = 100;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * percent / 100;
    }
}

/// Calls Sonar back in the middle of every transfer, and notes whether that worked.
contract ReenteringToken is PlainToken {
    ISonar public sonar;
    bytes public attack;
    bool public succeeded;

    function aim(ISonar sonar_, bytes calldata attack_) external {
        sonar = sonar_;
        attack = attack_;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (address(sonar) != address(0)) {
            (bool success,) = address(sonar).call(attack);
            succeeded = succeeded || success;
        }
    }
}
