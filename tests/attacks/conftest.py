"""What an attacker gained: all they hold afterwards less all they held before, gas given back."""

from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass
class Gain:
    """Filled when the attack is over: in wei, and in the token's smallest unit."""

    coin: int = 0
    token: int = 0


@pytest.fixture
def profit(stage, token):
    """Measures what some addresses together gain while a block of code runs; gas does not count as a loss."""
    web3 = stage.chain.provider.web3

    def holdings(addresses):
        coin = sum(web3.eth.get_balance(address) for address in addresses)
        return coin, sum(token.balanceOf(address) for address in addresses)

    def burnt(addresses, start):
        wei = 0
        for number in range(start + 1, web3.eth.block_number + 1):
            for transaction in web3.eth.get_block(number, full_transactions=True)["transactions"]:
                if transaction["from"] in addresses:
                    receipt = web3.eth.get_transaction_receipt(transaction["hash"])
                    wei += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        return wei

    @contextmanager
    def measured(*accounts):
        addresses = {str(account.address) for account in accounts}
        start, gain = web3.eth.block_number, Gain()
        coin, tokens = holdings(addresses)
        yield gain
        coin_after, tokens_after = holdings(addresses)
        gain.coin = coin_after - coin + burnt(addresses, start)
        gain.token = tokens_after - tokens

    return measured
