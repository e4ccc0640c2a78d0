"""`ape sonar result`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click
import numpy as np
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.client import connect_active
from ape_sonar.commands.options import (
    campaign_option,
    home_option,
    identity_passphrase,
    new_file,
    print_json,
    require_new,
    sonar_option,
    unlock_identity,
)
from ape_sonar.formatting import format_accuracy
from ape_sonar.trained_model import TrainedModel
from sonar_core.base.atomic_files import write_atomically
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.data.csv_reader import read_csv
from syft import wire


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@account_option()
@click.option("--save", type=new_file, help="Write the Model to this new file, for `ape_sonar.load`.")
@click.option("--weights", type=new_file, help="Write the output layer's weights to this new file.")
@click.option("--sealed", type=new_file, help="Write the delivery as it was published to this new file, for gpg.")
@click.option("--predict", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A CSV file of Inputs.")
@click.option("--predictions", type=new_file, help="Write the Model's answers for them to this new CSV file.")
@click.option("--probabilities", is_flag=True, help="With a further column per class in --predictions.")
@home_option
@sonar_option
@json_option
@identity_passphrase
@cli_errors()
def result(
    campaign: str,
    account: Any,
    save: Path | None,
    weights: Path | None,
    sealed: Path | None,
    predict: Path | None,
    predictions: Path | None,
    probabilities: bool,
    home: Path | None,
    sonar: str | None,
    as_json: bool,
    passphrase: str | None,
) -> None:
    """Open and check the trained Model. It is unsealed with the Data Scientist's key."""
    if (predict is None) != (predictions is None):
        raise click.UsageError("--predict and --predictions go together")
    if probabilities and predict is None:
        raise click.UsageError("--probabilities goes with --predict and --predictions")
    require_new(save, weights, sealed, predictions)
    connected = connect_active(account, passphrase, home=home, sonar=sonar)
    found = connected.campaign(campaign)
    if sealed:
        write_atomically(sealed, found.sealed_result(), replace=False)
    unlock_identity(connected.identity, passphrase)
    trained = found.result()
    if save:
        trained.save(save)
    if weights:
        write_atomically(weights, weight_arrays(trained), replace=False)
    if predict and predictions:
        table = predictions_csv(trained, predict, probabilities=probabilities)
        write_atomically(predictions, table, replace=False)
    if as_json:
        accuracy = {"accuracy": str(trained.accuracy), "verified": True, "delivery": found.delivery_address}
        print_json({"campaign": "0x" + found.id.hex(), **accuracy})
        return
    click.echo(
        f"The trained Model is verified: accuracy {format_accuracy(trained.accuracy)} on your validation set.\n"
        f"Delivery: {found.delivery_address}"
    )
    for path in (save, weights, sealed, predictions):
        if path:
            click.echo(f"Wrote {path}.")


def weight_arrays(trained: TrainedModel) -> bytes:
    """The weights as named arrays, in the format of initial weights: another Campaign can start from them."""
    model = trained.model
    fresh = model.weights_.requantise(model.fixed_point.weight_exponent)  # type: ignore[union-attr]
    return wire.dumps_arrays({"weights": fresh.values.astype(np.int64)})


def predictions_csv(trained: TrainedModel, inputs: Path, *, probabilities: bool = False) -> bytes:
    """A CSV of the Model's answers, with a column per field of the Output and, if asked, one per probability."""
    table = read_csv(inputs, trained.encoder.input)
    answers = trained.predict(table)
    names, rows = list(trained.encoder.output.names), answers.reshape(len(answers), -1).tolist()
    if probabilities:
        shares = trained.predict_proba(table)
        names += [f"probability of {name}" for name in shares.columns]
        rows = [[*row, *more] for row, more in zip(rows, shares.to_numpy().tolist(), strict=True)]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *rows])
    return text.getvalue().encode()
