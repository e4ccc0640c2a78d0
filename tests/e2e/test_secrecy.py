"""No row, feature value or label of a Mine in anything that it, or anybody, publishes."""

from __future__ import annotations

import numpy as np
import pytest
from hexbytes import HexBytes

from sonar_core.data.row_encoder import RowEncoder


@pytest.fixture(scope="module")
def published(played) -> dict[str, bytes]:
    """Every blob, and the data of every transaction, of the whole play."""
    found = {f"blob {path.name}": path.read_bytes() for path in (played.folder / "blobs").rglob("*") if path.is_file()}
    web3 = played.market.scientist.chain._provider.web3
    for number in range(played.first_block + 1, web3.eth.block_number + 1):
        for transaction in web3.eth.get_block(number, full_transactions=True)["transactions"]:
            data = transaction["input"] if "input" in transaction else transaction["data"]
            found[f"transaction {bytes(transaction['hash']).hex()}"] = bytes(HexBytes(data))
    assert sum(name.startswith("blob") for name in found) > 10
    assert sum(name.startswith("transaction") for name in found) > 10
    return found


def secrets_of(played) -> dict[str, bytes]:
    """Byte patterns of a leak: rows and distinctive values, as text and as numbers in either byte order."""
    dataset = played.dataset
    encoder = RowEncoder(dataset.input_schema, dataset.output_schema)
    public = {bound for field in dataset.schema["fields"] for bound in _bounds(field)}
    patterns = {}
    for mine, frame in played.rows.mines.items():
        inputs = frame.drop(columns=dataset.output)
        for place, line in enumerate(frame.to_csv(index=False, header=False).splitlines()):
            patterns[f"{mine}: row {place} as text"] = line.encode()
        for place, row in enumerate(encoder.encode_inputs(inputs)):
            for kind in ("<i8", ">i8", "<i4", ">i4", "<i2", ">i2"):
                patterns[f"{mine}: row {place} as {kind}"] = row.astype(kind).tobytes()
        for value in set(inputs.to_numpy().ravel()) - public:
            for kind in ("<f8", ">f8"):
                number = np.array(value, dtype=kind).tobytes()
                if len(number.strip(b"\0")) >= 6:  # 2.0 and its like are found by chance
                    patterns[f"{mine}: {value} as {kind}"] = number
            if len(repr(float(value))) >= 6:
                patterns[f"{mine}: {value} as text"] = repr(float(value)).encode()
        labels = "\n".join(map(str, frame[dataset.output]))
        patterns[f"{mine}: labels as text"] = labels.encode()
        for kind in ("<i8", ">i8", "u1"):
            targets = encoder.encode_targets(frame[dataset.output])
            patterns[f"{mine}: labels as {kind}"] = targets.astype(kind).tobytes()
    return patterns


def _bounds(field) -> tuple[float, ...]:
    limits = field["constraints"]
    return (limits["minimum"], limits["maximum"]) if "minimum" in limits else ()


def test_nothing_of_a_mine_is_published(played, published):
    everything = b"\xff\xff".join(published.values())
    patterns = secrets_of(played)
    assert len(patterns) > 1000
    found = [what for what, pattern in patterns.items() if pattern in everything]
    assert found == []


def test_the_scan_would_find_a_leak(played, published):
    """The same scan over a blob that does hold a row of a Mine."""
    what, pattern = next(iter(secrets_of(played).items()))
    assert pattern in b"".join([*published.values(), b"..." + pattern + b"..."]), what
