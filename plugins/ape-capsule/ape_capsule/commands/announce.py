"""`ape capsule announce`: shows the terms beside their gas costs, and announces them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, passphrase_option, sonar_option
from ape_capsule.home.paths import default_home
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance.gas_costs import GasCosts
from ape_capsule.moves.announce import announce as announce_terms
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.base.errors import UsageError
from sonar_core.cli.confirmation import Confirmation, Preview, confirmation_options
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import unlock
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms
from sonar_core.protocol.units import (
    COIN,
    ZERO_ADDRESS,
    Currency,
    Money,
    format_duration,
    money_of,
    parse_address,
    parse_duration,
    parse_money,
)

#: Largest bond that is announced: the contracts' largest amount.
_NO_LIMIT = 2**128 - 1


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option(
    "--currency",
    "currencies",
    multiple=True,
    help='A token that is accepted too, by name or address, such as USDX, or "5 USDX" with the smallest fee.',
)
@click.option(
    "--smallest-capsule-fee", help="Smallest fee per Campaign, in the coin. Default: twice its gas at today's price."
)
@click.option("--scoring-fee", help="Smallest fee per score, in the coin. Default: twice its gas at today's price.")
@click.option("--open-within", default="10 minutes", show_default=True, help="Shortest time to open a Campaign.")
@click.option("--scoring-window", default="30 minutes", show_default=True, help="Shortest time for a score.")
@click.option(
    "--per-gradient",
    default="1 minute",
    show_default=True,
    help="Added to the scoring window per Gradient in the queue.",
)
@click.option("--delivery-window", default="1 hour", show_default=True, help="Shortest time to deliver.")
@click.option(
    "--largest-model",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Most ciphertexts of a Model.",
)
@confirmation_options
@cli_errors()
def announce(
    account: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str,
    currencies: tuple[str, ...],
    smallest_capsule_fee: str | None,
    scoring_fee: str | None,
    open_within: str,
    scoring_window: str,
    per_gradient: str,
    delivery_window: str,
    largest_model: int,
    confirmation: Confirmation,
) -> None:
    """Announce certificates and terms on chain.

    The terms are shown first, beside what the Capsule's transactions cost in gas at the node's present price.
    """
    connection = find_connection(account, sonar)
    chain, costs = connection.chain, GasCosts(connection.chain.gas_price())
    terms = CapsuleTerms(
        scoring_fee=costs.scoring_fee if scoring_fee is None else _coin(scoring_fee),
        open_within=parse_duration(open_within),
        scoring_window=parse_duration(scoring_window),
        per_gradient=parse_duration(per_gradient),
        delivery_window=parse_duration(delivery_window),
        largest_model=largest_model,
    )
    fees = [Money(costs.capsule_fee if smallest_capsule_fee is None else _coin(smallest_capsule_fee), COIN)]
    fees += [_token_fee(text, connection.tokens) for text in currencies]
    identity = Identity.load(home or default_home(), passphrase)
    if not confirmation.ask(preview_terms(chain.sender, identity.certificate.fingerprint, terms, fees, costs)):
        return
    unlock(account)
    offers = [CurrencyOffer(fee.currency.address, CurrencyTerms(True, fee.units, _NO_LIMIT)) for fee in fees]
    receipt = announce_terms(chain, configured_store(), identity, terms, offers)
    click.echo(f"Announced as {chain.sender} in block {receipt.block}.")


def preview_terms(
    capsule: str, fingerprint: str, terms: CapsuleTerms, fees: Sequence[Money], costs: GasCosts
) -> Preview:
    """The terms in words, their gas costs, and a warning per fee that does not cover its gas.

    Args:
        capsule: address of the account.
        fingerprint: of the certificate that is announced.
        terms: as announced.
        fees: smallest fee per Campaign in each currency, the coin first.
        costs: at today's gas price.
    """
    score, campaign, scoring_fee = (Money(wei, COIN) for wei in (costs.score, costs.campaign, terms.scoring_fee))
    windows = [
        f"open within {format_duration(terms.open_within)}",
        f"score within {format_duration(terms.scoring_window)} and {format_duration(terms.per_gradient)} per "
        "Gradient in the queue",
        f"deliver within {format_duration(terms.delivery_window)}",
    ]
    rows = [
        ("Capsule", capsule),
        ("OpenPGP certificate", fingerprint),
        ("Fee per Campaign", ", or ".join(f"at least {fee}" for fee in fees)),
        ("Fee per score", f"at least {scoring_fee}"),
        ("Shortest windows", "; ".join(windows)),
        ("Largest Model", f"{terms.largest_model:,} ciphertexts"),
        ("Largest bond", "no limit"),
        ("Gas price now", f"{costs.gas_price / 10**9:g} gwei"),
        ("Gas per Campaign", f"{campaign} to open, deliver and collect"),
        ("Gas per score", str(score)),
    ]
    warnings = []
    if terms.scoring_fee < costs.score:
        warnings.append(f"A score earns {scoring_fee} and costs {score} of gas.")
    for fee in fees:
        if not fee.units or (fee.currency == COIN and fee.units < costs.campaign):
            warnings.append(f"A Campaign may pay a fee of {fee}, and costs {campaign} of gas beside its scores.")
    return Preview("Announce a Capsule", rows, warnings)


def _coin(text: str) -> int:
    """An amount of the chain's coin in wei. Raises UsageError."""
    units, currency = parse_money(text)
    if currency != ZERO_ADDRESS:
        raise UsageError(f"{text!r} is not in the chain's coin: write ether, gwei or wei")
    return units


def _token_fee(text: str, tokens: Sequence[Currency]) -> Money:
    """A token with its smallest fee, which is 0 if only the token is given. Raises UsageError."""
    if text.startswith("0x"):
        units, address = 0, parse_address(text)
    else:
        units, address = parse_money(text if text[:1].isdigit() else f"0 {text}", tokens)
    return money_of(units, address, tokens)
