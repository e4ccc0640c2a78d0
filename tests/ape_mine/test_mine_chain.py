"""The Mine against the contracts themselves: what it sends, what it is paid, and its commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ipfs_node import running_node

from ape_mine._cli import cli
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.policy.decision import PolicyVerdict
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.certificates import format_keyring
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.commitments import public_key_root, tensor_root
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.events import Claimed, GradientSubmitted
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CampaignStart, CapsuleTerms, CurrencyOffer, CurrencyTerms, Score, Status, Terms
from sonar_core.protocol.units import ZERO_ADDRESS
from sonar_core.store import open_store
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.replication_backlog import Backlog
from syft import wire
from tests.world.killing import KilledError
from tests.world.mine import (
    AGE,
    DOSE,
    ILL,
    POLICY,
    capsule_key,
    encrypted_model,
    private_context,
    spec,
    write_csv,
)

pytestmark = pytest.mark.chain

#: A node that is not there.
DOWN = "ipfs:/ip4/127.0.0.1/tcp/9"
FEE = 10**12
BUDGET = "privacy: {epsilon: 6, delta: 1e-6}"
SCHEMA = {"fields": [AGE, DOSE, ILL]}


class Town:
    """Sonar on a real chain, and short words for what Data Scientist and Capsule do there."""

    def __init__(self, sonar: Any, chain: Any, scientist: Any, capsule: Any, store: EmbeddedStore) -> None:
        self.sonar, self.chain, self.store = sonar, chain, store
        self.scientist, self.capsule = (SonarContracts(sonar.address, account) for account in (scientist, capsule))
        self.start = chain.blocks.head.number
        ring = store.put(format_keyring([capsule_key().certificate]))
        offer = CurrencyOffer(ZERO_ADDRESS, CurrencyTerms(True, 0, 10**30))
        self.capsule.announce(ring, CapsuleTerms(1, 60, 60, 1, 60, 10_000), [offer])
        self.nonce = 0

    def state(self, campaign: bytes) -> CampaignState:
        client = self.capsule
        return Ledger().apply_all(client.events(self.start, client.newest_block() + 1)).campaign(campaign)

    def open_campaign(self, **changes: Any) -> bytes:
        windows = {"open_within": 3600, "duration": 86_400, "notice_period": 600, "scoring_window": 3600}
        windows |= {"per_gradient": 60, "unavailability_window": 1800, "delivery_window": 7200, "audit_window": 0}
        terms = Terms(
            capsule=self.capsule.sender,
            arbiter=ZERO_ADDRESS,
            currency=ZERO_ADDRESS,
            bounty=1000,
            capsule_fee=50,
            capsule_bond=2000,
            compensation=10,
            scoring_fee=FEE,
            starting_accuracy=0,
            target_accuracy=8 * 10**17,
            min_improvement=10**16,
            **windows,
            scheme=1,
            spec=self.store.put(spec().to_bytes()),
            validation=b"v" * 32,
            validation_root=b"r" * 32,
            parent=bytes(32),
        )
        self.nonce += 1
        campaign = self.scientist.create(self.nonce, replace(terms, **changes)).events[0].campaign  # type: ignore[attr-defined]
        context, weights = private_context(), encrypted_model()
        key, model = self.store.put(wire.dumps_public_key(context)), self.store.put(wire.dumps_tensor(weights))
        start = CampaignStart(key, public_key_root(context), model, tensor_root(weights), 0)
        self.capsule.open(campaign, start, value=2000)
        return campaign  # type: ignore[no-any-return]

    def score(self, campaign: bytes, accuracy: int) -> None:
        state = self.state(campaign)
        assert state.oldest_unscored is not None
        address, root = bytes(32), state.model.root
        if accuracy > state.accuracy:
            newer = encrypted_model().rerandomise()
            address, root = self.store.put(wire.dumps_tensor(newer)), tensor_root(newer)
        said = Score(accuracy, 4, address, root, b"o" * 32, b"e" * 32)
        self.capsule.score_gradient(campaign, state.oldest_unscored.record, said, state.next_in_queue)

    def deliver(self, campaign: bytes) -> None:
        self.until(self.state(campaign).ends_at)
        self.capsule.deliver(campaign, b"d" * 32, b"o" * 32)

    def until(self, moment: int) -> None:
        if moment > self.chain.blocks.head.timestamp:
            self.chain.mine(timestamp=moment)


@pytest.fixture
def town(sonar: Any, chain: Any, scientist: Any, capsule: Any, tmp_path: Path) -> Town:
    return Town(sonar, chain, scientist, capsule, EmbeddedStore(tmp_path / "blobs"))


@pytest.fixture
def home(sonar: Any, miner: Any, tmp_path: Path) -> Home:
    home = Home.create(tmp_path / "mine", str(miner.address), sonar.address)
    home.datasets.add("ward-7", write_csv(tmp_path / "rows.csv"), TableSchema.parse(SCHEMA))
    (tmp_path / "policy.yaml").write_text(POLICY)
    home.adopt(tmp_path / "policy.yaml")
    return home


@pytest.fixture
def mine(town: Town, home: Home, miner: Any) -> Iterator[Mine]:
    chain = SonarContracts(town.sonar.address, miner)
    mine = Mine(chain, town.store, home, confirmations=0, start_block=town.start)
    yield mine
    mine.close()


def kinds(mine: Mine) -> list[str]:
    return [action.kind for action in mine.step() if action.kind != "noted"]


def test_two_rounds_are_paid_to_the_unit(town: Town, mine: Mine, miner: Any, stranger: Any) -> None:
    campaign = town.open_campaign()
    assert kinds(mine) == ["submitted", "published"]
    assert kinds(mine) == []
    town.score(campaign, 2 * 10**17)
    assert kinds(mine) == ["submitted", "published"]
    town.score(campaign, 3 * 10**17)
    assert kinds(mine) == ["submitted", "published"]
    town.score(campaign, 3 * 10**17)
    town.deliver(campaign)
    before = miner.balance

    assert kinds(mine) == ["claimed"]

    state = town.state(campaign)
    assert state.status(town.chain.blocks.head.timestamp) is Status.DELIVERED
    receipt = next(event for event in town.capsule.events(town.start, town.capsule.newest_block() + 1)[::-1])
    cost = town.chain.provider.get_receipt("0x" + receipt.position.transaction.hex())
    assert miner.balance - before == 250 + 125 - cost.total_fees_paid
    assert kinds(mine) == []


def test_a_capsule_that_goes_silent_costs_the_miner_nothing(town: Town, mine: Mine) -> None:
    campaign = town.open_campaign()
    kinds(mine)
    town.until(town.state(campaign).due)
    assert [kinds(mine) for _ in range(4)] == [["expired"], ["reclaimed"], ["compensated"], []]
    account = town.state(campaign).account()
    assert (account.paid, account.scoring_paid) == (10, FEE)


def test_a_repeated_submission_is_the_same_transaction(town: Town, home: Home, miner: Any, monkeypatch: Any) -> None:
    """Killed after its transaction went out and before it knew: the next start finds it, and sends no other."""
    campaign = town.open_campaign()
    chain = SonarContracts(town.sonar.address, miner)

    submit = SonarContracts.submit_gradient

    def killed(*arguments: Any, **named: Any) -> None:
        submit(*arguments, **named)
        raise KilledError

    first = Mine(chain, town.store, home, confirmations=0, start_block=town.start)
    with monkeypatch.context() as patch:
        patch.setattr(SonarContracts, "submit_gradient", killed)
        with pytest.raises(KilledError):
            first.step()
    first.close()

    second = Mine(chain, town.store, home, confirmations=0, start_block=town.start)
    assert kinds(second) == ["published"]
    second.close()
    assert town.state(campaign).submitted == 1


def test_a_transaction_that_never_went_out_is_sent_once(town: Town, home: Home, miner: Any, monkeypatch: Any) -> None:
    campaign = town.open_campaign()
    chain = SonarContracts(town.sonar.address, miner)

    def killed(*arguments: Any, **named: Any) -> None:
        raise KilledError

    first = Mine(chain, town.store, home, confirmations=0, start_block=town.start)
    with monkeypatch.context() as patch:
        patch.setattr(SonarContracts, "submit_gradient", killed)
        with pytest.raises(KilledError):
            first.step()
    first.close()
    with home.state().opened() as state:
        (written,) = state.unfinished()
    assert written.nonce == miner.nonce

    second = Mine(chain, town.store, home, confirmations=0, start_block=town.start)
    assert kinds(second) == ["submitted", "published"]
    second.close()
    assert [one.record.bundle for one in town.state(campaign).gradients.values()] == [written.bundle]


def test_an_account_without_funds_says_so_and_goes_on_when_it_has(
    town: Town, home: Home, mine: Mine, miner: Any, stranger: Any
) -> None:
    campaign = town.open_campaign(scoring_fee=10**15)
    miner.transfer(stranger, miner.balance - 5 * 10**14, gas_limit=21_000)

    actions = mine.step()

    assert (actions[-1].kind, "fund it" in actions[-1].words) == ("trouble", True)
    assert town.state(campaign).submitted == 0
    stranger.transfer(miner, 10**18)
    assert kinds(mine) == ["submitted", "published"]
    with home.state().opened() as state:
        assert [note.verdict for note in state.notes()] == [PolicyVerdict.ALLOW], "trouble that is over is not shown"


def test_how_it_stands(town: Town, home: Home, mine: Mine, miner: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("consent: own", f"consent: own, {BUDGET}"))
    home.adopt(tmp_path / "policy.yaml")
    campaign = town.open_campaign()
    mine.step()
    town.score(campaign, 2 * 10**17)
    stands = mine.vitals()
    assert (stands.head, stands.behind, stands.waiting, stands.campaigns) == (town.chain.blocks.height, 1, 1, 1)
    assert (stands.balance, stands.block_time) == (miner.balance, town.chain.blocks.head.timestamp)
    (allowance,) = stands.allowances
    assert (allowance.dataset, allowance.epsilon) == ("ward-7", 6)
    assert allowance.left < 6
    mine.step()
    home.datasets.remove("ward-7")
    assert mine.vitals().allowances == ()


# ------------------------------------------------------------------ commands


@pytest.fixture
def ape_mine(town: Town, tmp_path: Path, monkeypatch: Any, miner: Any) -> Any:
    """`ape mine ...` on the network of the test, as the Miner."""
    monkeypatch.setenv("SONAR_HOME", str(tmp_path))
    monkeypatch.setenv("SONAR_STORE", town.store.uri)
    monkeypatch.chdir(tmp_path)

    def call(command: str, *arguments: str, status: int = 0, signs: bool = False) -> str:
        signer = ["--account", f"TEST::{_index(miner)}"] if signs else []
        network = ["--network", "ethereum:local:test"] if command not in ("add", "approve") else []
        contract = (
            ["--sonar", town.sonar.address] if command not in ("add", "approve", "plan", "status", "tidy") else []
        )
        result = CliRunner(mix_stderr=False).invoke(cli, [command, *arguments, *signer, *network, *contract])
        said = result.stdout + result.stderr
        assert result.exit_code == status, (said, result.exception)
        assert "Traceback" not in said
        return result.stdout if "--json" in arguments else said

    return call


def _index(account: Any) -> int:
    from ape import accounts

    return next(place for place, known in enumerate(accounts.test_accounts) if known.address == account.address)


def test_the_commands_from_nothing_to_money(town: Town, ape_mine: Any, tmp_path: Path, miner: Any) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    write_csv(tmp_path / "rows.csv")
    (tmp_path / "p.yaml").write_text(
        POLICY.replace("consent: own", f"consent: own, path: rows.csv, schema: schema.json, {BUDGET}").replace(
            "automatic", "by-hand"
        )
    )
    assert str(miner.address) in ape_mine("init", signs=True)
    ape_mine("init", signs=True)
    assert "nothing leaves" in ape_mine("policy")
    assert "1 rule for 1 dataset" in ape_mine("policy", "p.yaml")
    assert ape_mine("policy").strip() == (tmp_path / "p.yaml").read_text().strip()
    assert "No Campaign is open" in ape_mine("plan")
    campaign = town.open_campaign()
    shown = " ".join(ape_mine("plan").split())
    assert all(word in shown for word in ("ask", "ward-7", "0.0000000000000005 ether", "`ape mine approve CAMPAIGN`"))
    assert "ask: " in ape_mine("run", "--once", signs=True)
    assert "epsilon 0 of 6 at delta 1e-06 spent, 6 left" in " ".join(ape_mine("status").split())
    approved = " ".join(ape_mine("approve", f"0x{campaign.hex()[:8]}").split())
    assert "spends of epsilon 6 at delta 1e-06: 6 in all, 0 before" in approved
    (line,) = json.loads(ape_mine("plan", "--json"))["campaigns"]
    assert (line["campaign"], line["step"], line["dataset"]) == ("0x" + campaign.hex(), "train", "ward-7")
    assert (line["reward"], line["cost"] > FEE, line["version"]) == (500, True, 0)
    assert "submitted" in ape_mine("run", "--once", signs=True)
    (line,) = json.loads(ape_mine("plan", "--json"))["campaigns"]
    assert (line["step"], line["reason"]) == ("wait", "Gradient 0 is not scored yet")
    town.score(campaign, 4 * 10**17)
    town.deliver(campaign)
    waiting = json.loads(ape_mine("status", "--json"))
    (view,) = waiting["campaigns"]
    assert (view["campaign"], view["status"], view["verdict"]) == ("0x" + campaign.hex(), "Delivered", "allow")
    assert len(view["transactions"]) == 1
    assert (view["gradients"], view["earned"], view["claimed"], view["claimable"]) == (1, 500, 0, 500)
    assert waiting["datasets"] == [
        {
            "name": "ward-7",
            "rows": 60,
            "columns": ["age", "dose", "ill"],
            "rules": 1,
            "version": waiting["datasets"][0]["version"],
            "privacy": {
                "epsilon": 6.0,
                "delta": 1e-6,
                "spent": pytest.approx(6, rel=1e-3),
                "left": pytest.approx(0, abs=0.01),
                "releases": 1,
            },
        }
    ]
    dry = " ".join(ape_mine("claim", "--dry-run", signs=True).split())
    assert all(
        word in dry for word in ("0.0000000000000005 ether for 1 Gradient", str(miner.address), "nothing was sent")
    )
    assert "nothing was sent" in _error(ape_mine("claim", signs=True, status=1)), "there is no terminal to ask on"
    assert json.loads(ape_mine("claim", "--json", "--yes", signs=True))["kind"] == "claimed"
    assert "Nothing is due" in ape_mine("claim", signs=True)
    shown = ape_mine("status")
    assert all(word in shown for word in ("ward-7", "Delivered", f"  0x{campaign.hex()}\n"))
    (money,) = json.loads(ape_mine("status", "--json"))["money"]
    assert (money["earned"], money["claimed"], money["fees"]) == (500, 500, FEE)
    state = town.capsule.events(town.start, town.capsule.newest_block() + 1)
    own = {one.position.transaction for one in state if isinstance(one, GradientSubmitted | Claimed)}
    spent = sum(town.chain.provider.get_receipt("0x" + one.hex()).total_fees_paid for one in own)
    assert (len(own), money["gas"], money["net"]) == (2, spent, 500 - FEE - spent)
    assert "Earned 0.0000000000000005 ether, of which 0.0000000000000005 ether was claimed" in " ".join(shown.split())


def test_status_and_plan_fit_80_columns(town: Town, home: Home, ape_mine: Any) -> None:
    campaign = town.open_campaign()
    assert "submitted" in ape_mine("run", "--once", signs=True)
    other = town.open_campaign(bounty=1500)
    for command, shown in (("status", campaign), ("plan", campaign), ("plan", other)):
        lines = ape_mine(command).splitlines()
        assert f"0x{shown.hex()}" in map(str.strip, lines), "ids are whole"
        # The folder of a test is longer than 80 columns.
        assert max(len(line) for line in lines if str(home.folder) not in line) <= 80


def test_a_denied_campaign_shows_no_earnings(town: Town, home: Home, ape_mine: Any) -> None:
    policy = (home.folder / "policy.yaml").read_text()
    (home.folder / "policy.yaml").write_text(policy.replace(">= 0 ether", ">= 1 ether"))
    town.open_campaign()
    shown = ape_mine("plan")
    assert "the Bounty of 0.000000000000001 ether is below 1 ether" in " ".join(shown.split())
    assert "may earn" not in shown


def test_a_policy_that_can_never_act_is_told(town: Town, home: Home, ape_mine: Any, tmp_path: Path) -> None:
    idle = POLICY.replace("consent: own", "consent: {for: [il], until: 2020-12-31}").replace("[ill]", "[deaths]")
    (tmp_path / "idle.yaml").write_text(idle)
    said = ape_mine("policy", "idle.yaml")
    for words in (
        "dataset ward-7: consent ended on 2020-12-31",
        "consent of dataset ward-7: the dataset has no column 'il'; did you mean 'ill'?",
        "rule 1: the dataset has no column 'deaths'",
        "rule 1: consent is given for predicting il, not deaths",
    ):
        assert f"Warning: {words}" in said


def test_tidy_lets_go_of_its_own_bundles_on_a_real_node(
    town: Town, home: Home, ape_mine: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    assert "keeps every blob" in _error(ape_mine("tidy", status=1))
    with running_node(tmp_path / "repo") as node:
        monkeypatch.setenv("SONAR_STORE", f"ipfs:{node.api},{DOWN}")
        town.store = open_store(f"ipfs:{node.api}")  # type: ignore[assignment]
        town.store.put(format_keyring([capsule_key().certificate]))
        campaign = town.open_campaign()
        assert "submitted" in ape_mine("run", "--once", signs=True)
        town.score(campaign, 4 * 10**17)
        town.deliver(campaign)
        state = town.state(campaign)
        bundle = state.gradients[0].record.bundle
        with home.state().opened() as journal:
            assert Backlog(journal.journal).count(DOWN) == 1, "the service knows what the other node missed"
        assert json.loads(ape_mine("tidy", "--json"))["campaigns"] == []
        town.until(town.chain.blocks.head.timestamp + 61)
        (facts,) = json.loads(ape_mine("tidy", "--json", "--after", "1 minute"))["campaigns"]
        assert (facts["campaign"], facts["blobs"], facts["needed"]) == ("0x" + campaign.hex(), 1, 0)
        assert town.store.has(bundle)
        with home.lock():
            assert "another Mine process" in _error(ape_mine("tidy", "--yes", status=1))
        assert "1 blob of 1 ended Campaign" in ape_mine("tidy", "--yes", "--after", "1 minute")
        assert not town.store.has(bundle)
        assert all(map(town.store.has, (state.terms.spec, state.model.address)))
        assert not (tmp_path / "cache" / to_cid(bundle)).exists()
        assert not (tmp_path / "cache" / to_cid(state.terms.spec)).exists()


def test_bad_input_is_one_line_and_exit_status_1(town: Town, ape_mine: Any, tmp_path: Path) -> None:
    assert "no Mine at" in _error(ape_mine("status", status=1))
    assert "no Mine at" in _error(ape_mine("plan", status=1))
    ape_mine("init", signs=True)
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "bad.csv").write_text("age,dose,ill\n1,1,true\n1,x,true\n")
    assert "row 2 (line 3), column 'dose'" in _error(ape_mine("add", "ward-7", "bad.csv", "schema.json", status=1))
    assert "no such file" in _error(ape_mine("add", "ward-7", "no.csv", "schema.json", status=1))
    assert "no.json" in _error(ape_mine("add", "ward-7", "bad.csv", "no.json", status=1))
    (tmp_path / "p.yaml").write_text("allow: [{dataset: x}]")
    assert "p.yaml" in _error(ape_mine("policy", "p.yaml", status=1))
    assert "the first digits of it" in _error(ape_mine("approve", "0x12", status=1))
    assert "awaits approval" in _error(ape_mine("approve", "0x" + "12" * 32, status=1))
    town.open_campaign(spec=town.store.put(b"{}"))
    assert "Campaign spec" in _error(ape_mine("run", "--once", signs=True, status=1))
    assert "trouble" in ape_mine("plan")
    for moment in ("tonight", "2026-12-01T23:30"):
        assert "with its UTC offset" in _error(ape_mine("plan", "--at", moment, status=1))
    assert "no address" in _error(ape_mine("claim", "--pay-to", "me", signs=True, status=1))
    with Home(tmp_path / "mine").lock():
        assert "another Mine process" in _error(ape_mine("run", "--once", signs=True, status=1))
    ape_mine("add", "ward-7", status=2)


def test_a_damaged_state_file_is_rebuilt_and_money_still_comes(town: Town, home: Home, ape_mine: Any) -> None:
    policy = (home.folder / "policy.yaml").read_text().replace("consent: own", f"consent: own, {BUDGET}")
    (home.folder / "policy.yaml").write_text(policy)
    campaign = town.open_campaign()
    assert "submitted" in ape_mine("run", "--once", signs=True)
    assert "left as it is" in _error(ape_mine("rebuild", signs=True, status=1))
    (home.folder / "state.sqlite").write_bytes(b"garbage" * 999)
    assert "`ape mine rebuild`" in _error(ape_mine("run", "--once", signs=True, status=1))

    told = ape_mine("rebuild", signs=True)

    assert "1 Gradient for 1 Campaign, 0 scored" in told
    assert "count as spent now: ward-7" in told
    town.score(campaign, 4 * 10**17)
    assert "its budget counts as spent" in " ".join(ape_mine("run", "--once", signs=True).split())
    town.deliver(campaign)
    assert "claimed" in ape_mine("claim", "--yes", signs=True)
    assert town.state(campaign).submitted == 1


def _error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_the_doctor_finds_what_is_wrong(town: Town, ape_mine: Any, home: Home, monkeypatch: Any) -> None:
    # Tests move the chain's time, and with it the machine's.
    monkeypatch.setattr("sonar_core.service.doctor.unix_time", lambda: town.chain.blocks.head.timestamp)

    def found(status: int) -> dict[str, tuple[str, str]]:
        (told,) = [line for line in ape_mine("doctor", "--json", status=status).splitlines() if line[0] == "{"]
        return {one["check"]: (one["grade"], one["words"]) for one in json.loads(told)["findings"]}

    well = found(0)
    assert (well["policy"], well["dataset"]) == (("ok", "1 rule for 1 dataset"), ("ok", "ward-7: 60 rows"))
    assert {grade for grade, _ in well.values()} <= {"ok", "warn"}

    policy = (home.folder / "policy.yaml").read_text()
    (home.folder / "policy.yaml").write_text(policy.replace("consent: own", f"consent: own, {BUDGET}"))
    assert found(0)["privacy"] == ("ok", "ward-7: epsilon 6 of 6 is left")
    (home.folder / "policy.yaml").write_text(policy.replace("consent: own", "consent: {for: any, until: 2001-01-01}"))
    over = "dataset ward-7: consent ended on 2001-01-01, so that nothing is trained on it"
    assert found(0)["policy"] == ("warn", over)
    (rows,) = (home.folder / "datasets").glob("*.parquet")
    rows.write_bytes(b"no Parquet")
    assert "is damaged" in found(1)["dataset"][1]
    (home.folder / "policy.yaml").write_text("allow: 1")
    assert found(1)["policy"][0] == "fail"
    home.folder.chmod(0o755)
    assert found(1)["home"][0] == "fail"


def test_the_doctor_compares_the_homes_account(
    town: Town, ape_mine: Any, home: Home, miner: Any, stranger: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("sonar_core.service.doctor.unix_time", lambda: town.chain.blocks.head.timestamp)
    assert "fail  account" not in ape_mine("doctor", "--account", str(miner.address))
    assert f"belongs to {miner.address}, not {stranger.address}" in ape_mine(
        "doctor", "--account", str(stranger.address), status=1
    )


def test_the_doctor_of_no_mine_says_how_to_make_one(town: Town, ape_mine: Any) -> None:
    assert "run `ape mine init`" in ape_mine("doctor", status=1)
