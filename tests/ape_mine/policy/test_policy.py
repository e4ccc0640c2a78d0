"""The policy: deny by default, each decision with its reason; held against a second reading of the same rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_mine.errors import PolicyError
from ape_mine.policy.decision import History, PolicyVerdict, Proposal, decide
from ape_mine.policy.document import LARGEST_POLICY, Policy
from ape_mine.policy.profitability import Opportunity
from sonar_core.protocol.units import ZERO_ADDRESS, Currency

USDC = Currency(to_checksum_address("0x" + "c0" * 20), "USDC", 6)
DAI = Currency(to_checksum_address("0x" + "da" * 20), "DAI", 18)
TOKENS = (USDC, DAI)
ALICE, BOB, CAROL = (to_checksum_address("0x" + digit * 40) for digit in "abc")

RULE = {"dataset": "ward-7", "output": ["readmitted"], "capsules": [ALICE], "bounty": ">= 500 USDC"}
PROPOSAL = Proposal(
    dataset="ward-7",
    outputs=("readmitted",),
    capsule=ALICE,
    scientist=BOB,
    currency=USDC.address,
    bounty=500_000_000,
    bond=0,
    scoring_fee=0,
)


def policy(*rules: dict[str, Any]) -> Policy:
    names = {rule["dataset"] for rule in rules}
    return Policy.parse({"datasets": {name: {} for name in names}, "allow": list(rules)}, TOKENS)


def decided(rule: dict[str, Any], history: History | None = None, **asked: Any) -> tuple[PolicyVerdict, str]:
    decision = decide(policy(rule), replace(PROPOSAL, **asked), history or History(), None)
    return decision.verdict, decision.reason


# ------------------------------------------------------------------ the table


ALLOW, ASK, DENY = PolicyVerdict.ALLOW, PolicyVerdict.ASK, PolicyVerdict.DENY
AUTOMATIC = {**RULE, "approve": "automatic"}


@pytest.mark.parametrize(
    ("rule", "history", "asked", "verdict", "words"),
    [
        (RULE, {}, {}, ASK, "asks for approval by hand"),
        ({**RULE, "approve": "by-hand"}, {"approved": True}, {}, ALLOW, "approved by hand"),
        (AUTOMATIC, {}, {}, ALLOW, "rule 1 allows predicting readmitted from ward-7"),
        (AUTOMATIC, {}, {"dataset": "ward-8"}, DENY, "no rule is for the dataset ward-8"),
        (AUTOMATIC, {}, {"outputs": ("died",)}, DENY, "predict readmitted, not died"),
        (AUTOMATIC, {}, {"outputs": ("readmitted", "died")}, DENY, "predict readmitted, not died"),
        (
            {**AUTOMATIC, "output": ["readmitted", "died"]},
            {},
            {"outputs": ("died", "readmitted")},
            ALLOW,
            "died and readmitted",
        ),
        (AUTOMATIC, {"approved": True}, {"outputs": ("died",)}, DENY, "not died"),
        (AUTOMATIC, {}, {"capsule": BOB}, DENY, f"Capsule {BOB} is not among"),
        ({**AUTOMATIC, "capsules": "any"}, {}, {"capsule": BOB}, ALLOW, "rule 1"),
        ({**AUTOMATIC, "scientists": [BOB]}, {}, {}, ALLOW, "rule 1"),
        ({**AUTOMATIC, "scientists": [CAROL]}, {}, {}, DENY, f"Data Scientist {BOB} is not among"),
        (AUTOMATIC, {}, {"bounty": 499_999_999}, DENY, "Bounty of 499.999999 USDC is below 500 USDC"),
        (AUTOMATIC, {}, {"currency": ZERO_ADDRESS, "bounty": 10**30}, DENY, "no smallest Bounty is stated"),
        (AUTOMATIC, {}, {"currency": DAI.address, "bounty": 10**30}, DENY, f"for the currency {DAI.address}"),
        (AUTOMATIC, {}, {"currency": USDC.address.lower()}, ALLOW, "rule 1"),
        ({**AUTOMATIC, "bond": ">= 100 USDC"}, {}, {"bond": 99_999_999}, DENY, "bond of 99.999999 USDC is below"),
        ({**AUTOMATIC, "bond": ">= 100 USDC"}, {}, {"bond": 100_000_000}, ALLOW, "rule 1"),
        ({**AUTOMATIC, "bond": ">= 1 ether"}, {}, {"bond": 10**30}, DENY, "no smallest bond is stated"),
        (AUTOMATIC, {}, {"scoring_fee": 10**15}, ALLOW, "rule 1"),
        (AUTOMATIC, {}, {"scoring_fee": 10**15 + 1}, DENY, "above 0.001 ether"),
        ({**AUTOMATIC, "scoring_fee": "<= 1 gwei"}, {}, {"scoring_fee": 10**9 + 1}, DENY, "scoring fee"),
        (AUTOMATIC, {"rounds": 1}, {}, DENY, "1 of at most 1 Gradients were submitted"),
        ({**AUTOMATIC, "rounds": 3}, {"rounds": 2}, {}, ALLOW, "rule 1"),
        ({**AUTOMATIC, "rounds": 3}, {"rounds": 2, "fruitless": 1}, {}, DENY, "brought no improvement"),
        ({**AUTOMATIC, "rounds": 3, "patience": 2}, {"rounds": 1, "fruitless": 1}, {}, ALLOW, "rule 1"),
    ],
)
def test_a_rule_decides_with_a_reason(
    rule: dict[str, Any], history: dict[str, Any], asked: dict[str, Any], verdict: PolicyVerdict, words: str
) -> None:
    found, reason = decided(rule, History(**history), **asked)
    assert found == verdict, reason
    assert words in reason


@pytest.mark.parametrize("document", [{}, None, {"datasets": {"ward-7": {}}}, {"allow": []}])
def test_without_a_rule_nothing_is_allowed(document: Any) -> None:
    decision = decide(Policy.parse(document), PROPOSAL, History(approved=True), None)
    assert decision.verdict is DENY
    assert decision.rule is None


def test_any_of_several_rules_suffices_and_all_objections_are_told() -> None:
    rules = policy({**AUTOMATIC, "bounty": ">= 9000 USDC"}, RULE, {**AUTOMATIC, "output": ["readmitted", "died"]})
    assert decide(rules, PROPOSAL, History(), None).rule == 3
    denied = decide(rules, replace(PROPOSAL, capsule=CAROL, outputs=("age",)), History(), None)
    assert [f"rule {number}:" in denied.reason for number in (1, 2, 3)] == [True] * 3


def test_a_token_is_known_by_its_address_not_by_what_it_calls_itself() -> None:
    impostor = to_checksum_address("0x" + "ee" * 20)
    assert decided(AUTOMATIC, currency=impostor)[0] is DENY


# ------------------------------------------------------------------ when, and whether it pays


HOURS = {**AUTOMATIC, "hours": ["22:00-06:00 UTC", "Sat,Sun 00:00-24:00 UTC"]}
WORTH_IT = {**AUTOMATIC, "worth": ">= 1.5"}


def begun(rule: dict[str, Any], rates: dict[str, str] | None = None, **chance: Any) -> tuple[PolicyVerdict, str]:
    opportunity = Opportunity(
        **{"clock": datetime(2026, 12, 1, 3, tzinfo=UTC), "reward": 3_000_000, "cost": 10**15, **chance}
    )
    document = {"datasets": {"ward-7": {}}, "rates": rates or {}, "allow": [rule]}
    decision = decide(Policy.parse(document, TOKENS), PROPOSAL, History(), opportunity)
    return decision.verdict, decision.reason


def test_hours_are_asked_before_a_gradient_is_begun_and_not_after() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert begun(HOURS)[0] is ALLOW
    assert begun(HOURS, clock=noon) == (DENY, "rule 1: its hours are 22:00-06:00 UTC and Sat,Sun 00:00-24:00 UTC")
    assert decided(HOURS)[0] is ALLOW


def test_a_reward_is_held_against_its_cost_by_the_miners_own_rate() -> None:
    """Three USDC at 0.0005 ether are worth one and a half times 0.001 ether."""
    assert begun(WORTH_IT, {"USDC": "0.0005 ether"})[0] is ALLOW
    below = "rule 1: the expected reward is below 1.5 times the cost of gas and scoring fee"
    assert begun(WORTH_IT, {"USDC": "0.000499 ether"}) == (DENY, below)
    assert begun(WORTH_IT, {"USDC": "0.0005 ether"}, cost=10**15 + 1) == (DENY, below)
    assert begun(WORTH_IT) == (DENY, "rule 1: no rate is stated that prices its currency against gas")
    assert begun(WORTH_IT, {USDC.address: "0.0005 ether"})[0] is ALLOW
    assert decided(WORTH_IT)[0] is ALLOW, "what is begun is not given up for a price"


# ------------------------------------------------------------------ nothing is allowed that no rule allows

DATASETS, OUTPUTS, PEOPLE = ["a", "b"], ["x", "y", "z"], [ALICE, BOB, CAROL]
UNITS = {"wei": (ZERO_ADDRESS, 1), "USDC": (USDC.address, 10**6), "DAI": (DAI.address, 10**18)}
amounts = st.sampled_from(["0", "1", "2", "0.5"])
parties = st.just("any") | st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2)


@st.composite
def limits(draw: st.DrawFn) -> list[str]:
    named = draw(st.lists(st.sampled_from(sorted(UNITS)), min_size=1, max_size=3, unique=True))
    whole = {"wei": st.sampled_from(["0", "1", "2"])}
    return [f">= {draw(whole.get(unit, amounts))} {unit}" for unit in named]


rules = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from(DATASETS),
        "output": st.lists(st.sampled_from(OUTPUTS), min_size=1, max_size=2),
        "capsules": parties,
        "bounty": limits(),
    },
    optional={
        "scientists": parties,
        "bond": limits(),
        "scoring_fee": st.sampled_from(["<= 0 wei", "<= 1 wei", "<= 2 wei"]),
        "rounds": st.integers(1, 3),
        "patience": st.integers(1, 3),
        "worth": st.sampled_from([">= 0", ">= 1", ">= 1.5"]),
        "hours": st.sampled_from(["22:00-06:00 UTC", ["22:00-06:00 UTC", "Tue 12:00-13:00 UTC"]]),
        "approve": st.sampled_from(["automatic", "by-hand"]),
    },
)
proposals = st.builds(
    Proposal,
    dataset=st.sampled_from(DATASETS),
    outputs=st.lists(st.sampled_from(OUTPUTS), min_size=1, max_size=2).map(tuple),
    capsule=st.sampled_from(PEOPLE),
    scientist=st.sampled_from(PEOPLE),
    currency=st.sampled_from([ZERO_ADDRESS, USDC.address, DAI.address, CAROL]),
    bounty=st.sampled_from([0, 1, 2, 5 * 10**5, 10**6, 2 * 10**6, 10**18, 3 * 10**18]),
    bond=st.sampled_from([0, 1, 2, 5 * 10**5, 10**6, 10**18]),
    scoring_fee=st.sampled_from([0, 1, 2, 3, 10**15, 10**15 + 1]),
)
NIGHT, NOON = (datetime(2026, 12, 1, hour, tzinfo=UTC) for hour in (3, 12))
opportunities = st.none() | st.builds(
    Opportunity,
    clock=st.sampled_from([NIGHT, NOON]),
    reward=st.sampled_from([0, 1, 10**6, 2 * 10**6, 10**18]),
    cost=st.sampled_from([0, 1, 10**12, 2 * 10**12, 10**18]),
)
RATES = {"USDC": "0.000001 ether", "DAI": "1 wei"}
histories = st.builds(History, rounds=st.integers(0, 3), fruitless=st.integers(0, 3), approved=st.booleans())


def enough(stated: list[str] | None, currency: str, units: int) -> bool:
    """The oracle's own reading of limits: fractions instead of units.py."""
    if stated is None:
        return True
    for limit in stated:
        _, number, unit = limit.split()
        address, scale = UNITS[unit]
        if address == currency:
            return Fraction(units) >= Fraction(number) * scale
    return False


#: Wei that a smallest unit is worth by RATES, worked out by hand.
WORTH = {ZERO_ADDRESS: Fraction(1), USDC.address: Fraction(10**6), DAI.address: Fraction(1, 10**18)}


def timely(rule: dict[str, Any], asked: Proposal, opportunity: Opportunity | None) -> bool:
    """Whether hours and worth allow it to be begun; both are asked only then."""
    if opportunity is None:
        return True
    open_at = {"22:00-06:00 UTC": [NIGHT], "Tue 12:00-13:00 UTC": [NOON]}
    windows = rule.get("hours", list(open_at))
    windows = [windows] if isinstance(windows, str) else windows
    worth = True
    if "worth" in rule:
        price = WORTH.get(asked.currency)
        wanted = Fraction(rule["worth"].removeprefix(">= ")) * opportunity.cost
        worth = price is not None and opportunity.reward * price >= wanted
    return worth and any(opportunity.clock in open_at[window] for window in windows)


def permits(rule: dict[str, Any], asked: Proposal, history: History) -> bool:
    fee = int(rule["scoring_fee"].split()[1]) if "scoring_fee" in rule else 10**15
    return all(
        [
            asked.dataset == rule["dataset"],
            set(asked.outputs) <= set(rule["output"]),
            rule["capsules"] == "any" or asked.capsule in rule["capsules"],
            rule.get("scientists", "any") == "any" or asked.scientist in rule["scientists"],
            enough(rule["bounty"], asked.currency, asked.bounty),
            enough(rule.get("bond"), asked.currency, asked.bond),
            asked.scoring_fee <= fee,
            history.rounds < rule.get("rounds", 1),
            history.fruitless < rule.get("patience", 1),
        ]
    )


@settings(deadline=None, max_examples=600)
@given(st.lists(rules, max_size=4), proposals, histories, opportunities)
def test_decisions_agree_with_a_second_reading(
    documents: list[dict[str, Any]], asked: Proposal, history: History, opportunity: Opportunity | None
) -> None:
    parsed = Policy.parse({"datasets": {name: {} for name in DATASETS}, "rates": RATES, "allow": documents}, TOKENS)

    decision = decide(parsed, asked, history, opportunity)

    fitting = [rule for rule in documents if permits(rule, asked, history) and timely(rule, asked, opportunity)]
    if any(rule.get("approve") == "automatic" or history.approved for rule in fitting):
        assert decision.verdict is ALLOW
    else:
        assert decision.verdict is (ASK if fitting else DENY)
    assert decision.reason
    if decision.rule is not None:
        assert documents[decision.rule - 1] in fitting


# ------------------------------------------------------------------ the file


EXAMPLE = """
datasets:
  ward-7: {path: ward7.parquet, schema: ward7.schema.json}
  no: {}
allow:
  - dataset: ward-7
    output: [readmitted]
    capsules: [0x00000000000000000000000000000000000000ff]
    bounty: ">= 500 USDC"
    rounds: 3
    approve: by-hand
"""


def test_the_file_reads_as_it_is_written() -> None:
    read = Policy.from_yaml(EXAMPLE, TOKENS)
    assert read.datasets["ward-7"].path == "ward7.parquet"
    assert read.datasets["ward-7"].table_schema == "ward7.schema.json"
    assert set(read.datasets) == {"ward-7", "no"}
    rule = read.allow[0]
    assert rule.capsules == (to_checksum_address(0xFF.to_bytes(20, "big")),)
    assert rule.rounds == 3
    assert [(limit.units, limit.currency) for limit in rule.bounty] == [(500_000_000, USDC)]


def altered(**changes: Any) -> dict[str, Any]:
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not None}
    return {"datasets": {"ward-7": {}}, "allow": [rule]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("allow everything", "mapping"),
        ({"allows": []}, "allows"),
        (altered(dataset="ward-8"), "ward-8"),
        (altered(dataset=None), "dataset"),
        (altered(output=None), "output"),
        (altered(output=[]), "output"),
        (altered(output="readmitted"), "output"),
        (altered(capsules=None), "capsules"),
        (altered(capsules=[]), "list addresses, or write 'any'"),
        (altered(capsules="0x" + "a" * 40), "list addresses"),
        (altered(capsules=["capsule.example"]), "no address"),
        (altered(capsules=[ALICE.lower().replace("a", "A", 1)]), "checksum"),
        (altered(scientists=["all"]), "no address"),
        (altered(bounty=None), "bounty"),
        (altered(bounty=[]), "name at least one currency"),
        (altered(bounty="500 USDC"), ">= 0.5 ether"),
        (altered(bounty="<= 500 USDC"), ">= 0.5 ether"),
        (altered(bounty=500), ">= 0.5 ether"),
        (altered(bounty=">= 500 DOGE"), "DOGE"),
        (altered(bounty=">= 0.0000001 USDC"), "more than the 6 decimal places"),
        (altered(bounty=">= -5 USDC"), "USDC"),
        (altered(bounty=[">= 5 USDC", ">= 6 USDC"]), "twice"),
        (altered(scoring_fee=">= 1 gwei"), "<= 0.5 ether"),
        (altered(scoring_fee="<= 1 USDC"), "chain's coin"),
        (altered(rounds=0), "rounds"),
        (altered(rounds="many"), "rounds"),
        (altered(patience=-1), "patience"),
        (altered(approve="always"), "approve"),
        (altered(worth="2"), "write one such as '>= 2'"),
        (altered(worth=">= -2"), "write one such as '>= 2'"),
        (altered(worth=2), "write one such as '>= 2'"),
        (altered(hours="22:00-06:00"), "22:00-06:00 Europe/Berlin"),
        (altered(hours=[]), "at least one window"),
        (altered(hours="22:00-06:00 Europe/Atlantis"), "time zone"),
        ({"rates": ["USDC"]}, "USDC: 0.0004 ether"),
        ({"rates": {"USDC": "1 DAI"}}, "what one of an ERC-20 is worth in the coin"),
        ({"rates": {"ether": "1 ether"}}, "what one of an ERC-20 is worth in the coin"),
        ({"rates": {"DOGE": "1 ether"}}, "DOGE"),
        ({"rates": {"USDC": "cheap"}}, "cheap"),
        ({"rates": {"USDC": "1 ether", USDC.address: "1 ether"}}, "two rates"),
        (altered(aprove="automatic"), "aprove"),
        ({"datasets": {"ward-7": {"path": "x.csv"}}}, "go together"),
        ({"datasets": {"Ward 7": {}}}, "Ward 7"),
        ({"datasets": {"../x": {}}}, "../x"),
    ],
)
def test_an_invalid_policy_is_refused(document: Any, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(document, TOKENS)
    assert words in str(caught.value)


# ------------------------------------------------------------------ privacy


def with_budget(budget: Any, **rule: Any) -> dict[str, Any]:
    return {"datasets": {"ward-7": {"privacy": budget}}, "allow": [{**RULE, **rule}]}


def test_a_budget_is_one_of_a_dataset_as_a_whole() -> None:
    text = "datasets: {ward-7: {privacy: {epsilon: 1, delta: 1e-6, releases: 4, clip: 0.5}}, ward-8: {}}"
    read = Policy.from_yaml(text)
    privacy = read.privacy("ward-7")
    assert privacy is not None
    assert (privacy.budget.epsilon, privacy.budget.delta, privacy.clip) == (1.0, 1e-6, 0.5)
    assert privacy.price * 4 == privacy.budget.rho
    assert read.privacy("ward-8") is read.privacy("ward-9") is None


@pytest.mark.parametrize(
    ("privacy", "words"),
    [
        ({"epsilon": 1}, "delta"),
        ({"delta": 1e-6}, "epsilon"),
        ({"epsilon": 0, "delta": 1e-6}, "epsilon"),
        ({"epsilon": 1001, "delta": 1e-6}, "epsilon"),
        ({"epsilon": "nan", "delta": 1e-6}, "epsilon"),
        ({"epsilon": "inf", "delta": 1e-6}, "epsilon"),
        ({"epsilon": 1, "delta": 0}, "delta"),
        ({"epsilon": 1, "delta": 0.01}, "delta"),
        ({"epsilon": 1, "delta": 1e-6, "releases": 0}, "releases"),
        ({"epsilon": 1, "delta": 1e-6, "clip": 0}, "clip"),
        ({"epsilon": 1, "delta": 1e-6, "per": "year"}, "per"),
        ("none", "mapping"),
    ],
)
def test_an_invalid_budget_is_refused(privacy: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=rf"datasets\.ward-7\.privacy.*{words}"):
        Policy.parse(with_budget(privacy), TOKENS)


def test_mu_is_the_campaigns_unless_the_dataset_chooses() -> None:
    parsed = Policy.parse({"datasets": {"own": {"mu": "own"}, "asked": {}}})
    assert [parsed.own_mu(name) for name in ("own", "asked", "other")] == [True, False, False]
    with pytest.raises(PolicyError, match="mu: own takes exact statistics"):
        Policy.parse({"datasets": {"ward-7": {"mu": "own", "privacy": {"epsilon": 1.0, "delta": 1e-6}}}})


def test_a_rule_has_no_privacy_of_its_own() -> None:
    with pytest.raises(PolicyError, match=r"rule 1: unknown key 'privacy': use one of dataset, output"):
        Policy.parse({**altered(), "allow": [{**AUTOMATIC, "privacy": "none"}]}, TOKENS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allow": [{**AUTOMATIC, "bount": ">= 1 ether"}]}, "rule 1: unknown key 'bount'; did you mean 'bounty'?"),
        ({"alow": []}, "unknown key 'alow'; did you mean 'allow'?"),
        (
            {"datasets": {"ward-7": {"consnet": "own"}}},
            "datasets.ward-7: unknown key 'consnet'; did you mean 'consent'?",
        ),
        (
            {"datasets": {"ward-7": {"privacy": {"epsilon": 1, "delta": 1e-6, "relases": 2}}}},
            "datasets.ward-7.privacy: unknown key 'relases'; did you mean 'releases'?",
        ),
        ({"datasets": {"ward-8": {}}}, "rule 1: the dataset 'ward-7' is not under datasets; did you mean 'ward-8'?"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(words)):
        Policy.parse({**altered(), **changes}, TOKENS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not YAML"),
        ("a: b\na: c", "'a' is given twice"),
        (EXAMPLE + "allow: []\n", "'allow' is given twice"),
        ("a: &x [1]\nb: *x", "alias"),
        ("a: !!python/object/apply:os.system ['true']", "unknown key .a"),
        ("? [a]\n: b", "not YAML"),
        ("\0", "not YAML"),
        ("- " * 40_000, "nested"),
        ("a" * (LARGEST_POLICY + 1), "characters"),
    ],
    ids=["cut", "twice", "late", "alias", "tag", "list key", "nul", "deep", "long"],
)
def test_an_invalid_policy_file_is_refused(text: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        Policy.from_yaml(text, TOKENS)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        read = Policy.from_yaml(text)
    except PolicyError:
        return
    assert decide(read, PROPOSAL, History(approved=True), None).verdict is DENY
