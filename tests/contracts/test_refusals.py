"""Every refusal of the contracts: by the wrong party, in the wrong status, too early, too late, with bad terms.

Two tables carry it: what each function answers in each status, and single cases. A last test holds both to the ABI.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from sonar_core.chain import contract_errors as errors
from sonar_core.chain.abi import abi
from sonar_core.protocol.structs import (
    CampaignStart,
    CurrencyOffer,
    CurrencyTerms,
    GradientRecord,
    Next,
    Rejection,
    Score,
    ScoredRecord,
    Status,
)
from tests.world.contracts import CAPSULE_TERMS, COIN, SCORING_FEE, WAD, blob, percent, undone

NOTHING = bytes(32)
NO_CAMPAIGN = blob("a Campaign nobody made")
NOWHERE = GradientRecord(0, "0x" + "11" * 20, blob("b"), blob("c"), 0, 1, 2)
UNSCORED = ScoredRecord(0, 0, 1, blob("details"))
START = CampaignStart(blob("key"), blob("key root"), blob("model"), blob("model root"), 0)
NO_RISE = Score(0, 4, NOTHING, blob("root"), blob("opened"), blob("evidence"))
DAY = 86_400


@pytest.fixture
def cast(scientist, capsule, miner, second_miner, arbiter, stranger):
    return SimpleNamespace(
        scientist=scientist,
        capsule=capsule,
        miner=miner,
        second_miner=second_miner,
        arbiter=arbiter,
        stranger=stranger,
    )


# ---------------------------------------------------------------------- every function, with arguments that fit

#: Who may call it, and the call: from the client, the Campaign, its state (None: no such), and the caller's address.
MOVES: dict[str, tuple[str, Callable]] = {
    "cancel": ("scientist", lambda client, key, state, to: client.cancel(key)),
    "stop": ("scientist", lambda client, key, state, to: client.stop(key)),
    "refund": ("scientist", lambda client, key, state, to: client.refund(key, to)),
    "open": ("capsule", lambda client, key, state, to: client.open(key, START, value=1000)),
    "decline": ("capsule", lambda client, key, state, to: client.decline(key, "no")),
    "scoreGradient": (
        "capsule",
        lambda client, key, state, to: client.score_gradient(key, _record(state), NO_RISE, Next.none()),
    ),
    "rejectGradient": (
        "capsule",
        lambda client, key, state, to: client.reject_gradient(
            key, _record(state), Rejection.MALFORMED, NOTHING, NOTHING, Next.none()
        ),
    ),
    "rebase": ("capsule", lambda client, key, state, to: client.rebase(key, blob("m"), blob("r"), blob("e"))),
    "deliver": ("capsule", lambda client, key, state, to: client.deliver(key, blob("delivery"), blob("openings"))),
    "collectBond": ("capsule", lambda client, key, state, to: client.collect_bond(key, to)),
    "collectScoringFees": ("capsule", lambda client, key, state, to: client.collect_scoring_fees(key, to)),
    "submitGradient": (
        "miner",
        lambda client, key, state, to: client.submit_gradient(key, blob("b"), blob("c"), 0, fee=SCORING_FEE),
    ),
    "claim": ("miner", lambda client, key, state, to: client.claim(key, [_scored(state, 0)], to)),
    "reclaimScoringFees": (
        "miner",
        lambda client, key, state, to: client.reclaim_scoring_fees(key, [_record(state)], to),
    ),
    "reclaimVoidedScoringFees": (
        "miner",
        lambda client, key, state, to: client.reclaim_voided_scoring_fees(key, [_scored(state, 1)], to),
    ),
    "compensate": ("miner", lambda client, key, state, to: client.compensate(key, [2], to)),
    "expire": ("stranger", lambda client, key, state, to: client.expire(key)),
    "convict": (
        "arbiter",
        lambda client, key, state, to: client.convict(key, _scored_miner(state), _scored(state, 1)),
    ),
}


def _record(state):
    return state.gradients[2].record if state and state.gradients else NOWHERE


def _scored(state, number):
    return state.gradients[number].scored if state and state.gradients else UNSCORED


def _scored_miner(state):
    return state.gradients[1].record.miner if state and state.gradients else NOWHERE.miner


# ---------------------------------------------------------------------- one Campaign in each status


def _requested(stage, cast):
    return stage.create(
        arbiter=cast.arbiter.address, audit_window=DAY, duration=3600, scoring_window=7200, capsule_bond=1000
    )


def _declined(stage, cast):
    campaign = _requested(stage, cast)
    stage.as_(cast.capsule).decline(campaign, "no")
    return campaign


def _cancelled(stage, cast):
    campaign = _requested(stage, cast)
    stage.as_(cast.scientist).cancel(campaign)
    return campaign


def _unopened(stage, cast):
    campaign = _requested(stage, cast)
    stage.wait("1 hour")
    return campaign


def _open(stage, cast):
    """Gradients 0 and 1 are scored, both improvements; 2 waits. All are the Miner's."""
    campaign = stage.open(_requested(stage, cast))
    for accuracy in (20, 60):
        stage.submit(campaign)
        stage.score(campaign, percent(accuracy))
    stage.submit(campaign)
    return campaign


def _closing(stage, cast):
    campaign = _open(stage, cast)
    stage.until(stage.state(campaign).ends_at)
    return campaign


def _missed(stage, cast):
    campaign = _open(stage, cast)
    stage.until(stage.state(campaign).due)
    return campaign


def _audited(stage, cast):
    campaign = _closing(stage, cast)
    stage.reject(campaign)
    stage.deliver(campaign)
    return campaign


def _delivered(stage, cast):
    campaign = _audited(stage, cast)
    stage.wait(DAY)
    return campaign


def _expired(stage, cast):
    campaign = _missed(stage, cast)
    stage.as_(cast.stranger).expire(campaign)
    stage.wait(DAY)
    return campaign


def _convicted(stage, cast):
    campaign = _open(stage, cast)
    stage.as_(cast.arbiter).convict(campaign, cast.miner.address, stage.state(campaign).gradients[1].scored)
    return campaign


STATUSES: dict[str, tuple[Callable, Status]] = {
    "none": (lambda stage, cast: NO_CAMPAIGN, Status.NONE),
    "requested": (_requested, Status.REQUESTED),
    "declined": (_declined, Status.DECLINED),
    "cancelled": (_cancelled, Status.CANCELLED),
    "unopened": (_unopened, Status.CANCELLED),
    "open": (_open, Status.OPEN),
    "closing": (_closing, Status.CLOSING),
    "missed": (_missed, Status.EXPIRED),
    "audited": (_audited, Status.DELIVERED),
    "delivered": (_delivered, Status.DELIVERED),
    "expired": (_expired, Status.EXPIRED),
    "convicted": (_convicted, Status.CONVICTED),
}

#: What each function answers in each status, in the order of STATUSES; "-" where it goes through.
_ANSWERS = """
cancel             UnknownCampaign -          NotRequested NotRequested OpeningTooLate NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested
open               UnknownCampaign -          NotRequested NotRequested OpeningTooLate NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested
decline            UnknownCampaign -          NotRequested NotRequested OpeningTooLate NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested NotRequested
stop               UnknownCampaign NotOpen    NotOpen NotOpen NotOpen - MiningOver WindowMissed NotOpen NotOpen NotOpen NotOpen
submitGradient     UnknownCampaign NotOpen    NotOpen NotOpen NotOpen - MiningOver WindowMissed NotOpen NotOpen NotOpen NotOpen
scoreGradient      UnknownCampaign NotOpen    NotOpen NotOpen NotOpen - - WindowMissed NotOpen NotOpen NotOpen NotOpen
rejectGradient     UnknownCampaign NotOpen    NotOpen NotOpen NotOpen - - WindowMissed NotOpen NotOpen NotOpen NotOpen
rebase             UnknownCampaign NotOpen    NotOpen NotOpen NotOpen - - WindowMissed NotOpen NotOpen NotOpen NotOpen
deliver            UnknownCampaign NotOpen    NotOpen NotOpen NotOpen DeliveryTooEarly GradientsUnscored WindowMissed NotOpen NotOpen NotOpen NotOpen
refund             UnknownCampaign NotSettled - - - NotSettled NotSettled NotSettled ClaimsNotOpen - - -
collectBond        UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen - NothingToCollect NothingToCollect
collectScoringFees UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen - - -
claim              UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen - - -
reclaimScoringFees        UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen GradientValid - -
reclaimVoidedScoringFees  UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen GradientValid GradientValid -
compensate         UnknownCampaign NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled NotSettled ClaimsNotOpen WrongGradient WrongGradient WrongGradient
expire             UnknownCampaign NothingMissed NothingMissed NothingMissed NothingMissed NothingMissed NothingMissed - NothingMissed NothingMissed NothingMissed NothingMissed
convict            UnknownCampaign NotConvictable NotConvictable NotConvictable NotConvictable - - - - ConvictionTooLate ConvictionTooLate NotConvictable
"""  # noqa: E501
ANSWERS = {
    function: dict(zip(STATUSES, answers, strict=True))
    for function, *answers in (line.split() for line in _ANSWERS.strip().splitlines())
}

#: Which facts an error of the table carries besides the Campaign; statuses and moments come from the ledger.
EVIDENCE: dict[str, Callable] = {
    "UnknownCampaign": lambda state, now: {},
    "NotRequested": lambda state, now: {"status": state.recorded},
    "OpeningTooLate": lambda state, now: {"open_before": state.ends_at},
    "NotOpen": lambda state, now: {"status": state.recorded},
    "MiningOver": lambda state, now: {"ended_at": state.ends_at},
    "WindowMissed": lambda state, now: {"missed_at": state.due_at()},
    "DeliveryTooEarly": lambda state, now: {"ends_at": state.ends_at},
    "GradientsUnscored": lambda state, now: {"unscored": 1},
    "NotSettled": lambda state, now: {"status": state.status(now)},
    "ClaimsNotOpen": lambda state, now: {"claims_open_at": state.claims_open_at()},
    "NothingToCollect": lambda state, now: {},
    "GradientValid": lambda state, now: {"valid_below": state.valid_below},
    "WrongGradient": lambda state, now: {"number": 2},
    "NothingMissed": lambda state, now: {"status": state.status(now), "due": state.due_at()},
    "NotConvictable": lambda state, now: {"status": state.status(now)},
    "ConvictionTooLate": lambda state, now: {"claims_open_at": state.claims_open_at()},
}


def refused(call, name, campaign=None):
    """The call is refused with the error of that name, which tells the Campaign and what to do."""
    kind = errors.BY_NAME[name]
    with pytest.raises(errors.ContractError) as caught:
        call()
    error = caught.value
    assert type(error) is kind, f"{error!r} where {name} belongs"
    assert str(error).endswith(kind.advice)
    if "campaign" in error.evidence:
        assert error.campaign == campaign
        assert f"0x{campaign.hex()}" in str(error)
    return error.evidence


@pytest.mark.parametrize("status", STATUSES)
def test_every_function_in_this_status(stage, cast, chain, status):
    arrange, expected = STATUSES[status]
    campaign = arrange(stage, cast)
    state = None if campaign == NO_CAMPAIGN else stage.state(campaign)
    now = stage.now()
    assert stage.status(campaign) is expected
    for function, (party, move) in MOVES.items():
        account = getattr(cast, party)
        client, answer = stage.as_(account), ANSWERS[function][status]
        if answer == "-":
            with undone(chain):
                assert move(client, campaign, state, account.address).events, f"{function} went through in silence"
            continue
        evidence = refused(lambda: move(client, campaign, state, account.address), answer, campaign)  # noqa: B023
        facts = EVIDENCE[answer](state, now)
        assert {name: evidence[name] for name in facts} == facts, function


@pytest.mark.parametrize("status", [name for name in STATUSES if name != "none"])
def test_only_a_delivered_campaign_is_a_parent(stage, cast, chain, status):
    arrange, shown = STATUSES[status]
    parent = arrange(stage, cast)
    if shown is Status.DELIVERED:
        assert stage.status(stage.create(parent=parent)) is Status.REQUESTED
        return
    evidence = refused(lambda: stage.create(parent=parent), "ParentUnusable")
    assert (evidence["parent"], evidence["status"]) == (parent, shown)


ONE_PARTY = {"scientist": "NotScientist", "capsule": "NotCapsule", "arbiter": "NotArbiter"}


def test_only_one_party_may(stage, cast):
    """Whoever else asks is named, and so is the one who may."""
    campaign = _open(stage, cast)
    state = stage.state(campaign)
    clients = {role: stage.as_(account) for role, account in vars(cast).items()}
    for party, move in MOVES.values():
        if party not in ONE_PARTY:
            continue
        for role in clients.keys() - {party}:
            client = clients[role]
            evidence = refused(lambda: move(client, campaign, state, client.sender), ONE_PARTY[party], campaign)  # noqa: B023
            assert evidence["caller"] == client.sender
            assert evidence[party] == clients[party].sender


def test_only_the_miner_is_paid(stage, cast):
    campaign = _convicted(stage, cast)
    state = stage.state(campaign)
    for function in ("claim", "reclaimScoringFees", "reclaimVoidedScoringFees"):
        move = MOVES[function][1]
        for account in (cast.scientist, cast.capsule, cast.second_miner, cast.arbiter, cast.stranger):
            client = stage.as_(account)
            refused(lambda: move(client, campaign, state, client.sender), "WrongGradient", campaign)  # noqa: B023
        assert move(stage.as_(cast.miner), campaign, state, cast.miner.address).events


PAYING = [
    "refund",
    "collectBond",
    "collectScoringFees",
    "claim",
    "reclaimScoringFees",
    "reclaimVoidedScoringFees",
    "compensate",
]


def test_nobody_is_paid_at_address_zero(stage, cast):
    campaign = _delivered(stage, cast)
    state = stage.state(campaign)
    for function in PAYING:
        party, move = MOVES[function]
        client = stage.as_(getattr(cast, party))
        refused(lambda: move(client, campaign, state, COIN), "ZeroAddress")  # noqa: B023


# ---------------------------------------------------------------------- terms

#: Terms out of bounds: what is wrong, the error, and its evidence.
BAD_TERMS = {
    "no Bounty": ({"bounty": 0}, "ZeroBounty", {}),
    "no Capsule": ({"capsule": COIN}, "ZeroAddress", {}),
    "no spec": ({"spec": NOTHING}, "NoContent", {}),
    "no validation set": ({"validation": NOTHING}, "NoContent", {}),
    "no validation root": ({"validation_root": NOTHING}, "NoContent", {}),
    "target zero": ({"target_accuracy": 0}, "TargetOutOfRange", {"target": 0}),
    "target above one": ({"target_accuracy": WAD + 1}, "TargetOutOfRange", {"target": WAD + 1}),
    "start at the target": (
        {"starting_accuracy": percent(80)},
        "StartNotBelowTarget",
        {"start": percent(80), "target": percent(80)},
    ),
    "no smallest improvement": ({"min_improvement": 0}, "MinImprovementOutOfRange", {"min_improvement": 0}),
    "smallest improvement above the target": (
        {"min_improvement": percent(80) + 1},
        "MinImprovementOutOfRange",
        {"min_improvement": percent(80) + 1, "target": percent(80)},
    ),
    "improvement worth nothing": (
        {"bounty": 159},
        "MinImprovementWorthless",
        {"min_improvement": percent(0.5), "bounty": 159},
    ),
    "no time to open": ({"open_within": 0}, "ZeroWindow", {}),
    "no time to mine": ({"duration": 0}, "ZeroWindow", {}),
    "no time to score": ({"scoring_window": 0}, "ZeroWindow", {}),
    "no time to deliver": ({"delivery_window": 0}, "ZeroWindow", {}),
    "no time to appear": ({"unavailability_window": 0}, "ZeroWindow", {}),
    "unavailability as long as scoring": (
        {"unavailability_window": 3600},
        "UnavailabilityNotBelowScoring",
        {"unavailability": 3600, "scoring": 3600},
    ),
    "parent nobody made": (
        {"parent": NO_CAMPAIGN},
        "ParentUnusable",
        {"parent": NO_CAMPAIGN, "status": Status.NONE},
    ),
    "Capsule unheard of": ({"capsule": "0x" + "22" * 20}, "CapsuleUnknown", {}),
    "currency not accepted": ({"currency": "token"}, "CurrencyNotAccepted", {}),
    "fee below the Capsule's": ({"capsule_fee": 49}, "CapsuleFeeBelowTerms", {"capsule_fee": 49, "smallest": 50}),
    "bond above the Capsule's": ({"capsule_bond": 1001}, "BondAboveTerms", {"bond": 1001, "largest": 1000}),
    "scoring fee below": (
        {"scoring_fee": SCORING_FEE - 1},
        "ScoringFeeBelowTerms",
        {"scoring_fee": SCORING_FEE - 1, "smallest": SCORING_FEE},
    ),
    "time to open below": ({"open_within": 3599}, "OpenWithinBelowTerms", {"window": 3599, "shortest": 3600}),
    "scoring window below": ({"scoring_window": 3599}, "ScoringWindowBelowTerms", {"window": 3599, "shortest": 3600}),
    "time per Gradient below": ({"per_gradient": 59}, "PerGradientBelowTerms", {"window": 59, "shortest": 60}),
    "delivery window below": (
        {"delivery_window": 7199},
        "DeliveryWindowBelowTerms",
        {"window": 7199, "shortest": 7200},
    ),
}


@pytest.mark.parametrize("case", BAD_TERMS)
def test_bad_terms(stage, token, case):
    """The Capsule announced exactly the ordinary terms, so that one unit less is one too few."""
    strict = replace(
        CAPSULE_TERMS,
        scoring_fee=SCORING_FEE,
        open_within=3600,
        scoring_window=3600,
        per_gradient=60,
        delivery_window=7200,
    )
    stage.as_(stage.capsule).announce(
        blob("certificates"), strict, [CurrencyOffer(COIN, CurrencyTerms(True, 50, 1000))]
    )
    changes, name, facts = BAD_TERMS[case]
    if changes.get("currency") == "token":
        changes = {"currency": str(token.address)}
    assert stage.status(stage.create()) is Status.REQUESTED
    evidence = refused(lambda: stage.create(**changes), name)
    assert {key: evidence[key] for key in facts} == facts


# ---------------------------------------------------------------------- single cases


@dataclass(frozen=True)
class Case:
    """A refusal of one function: `arrange` gives the Campaign (or None), and the call with the expected evidence."""

    function: str
    error: str
    arrange: Callable


def _opening_without(field):
    def arrange(stage, cast, project):
        campaign = stage.create()
        start = replace(START, **{field: NOTHING})
        return campaign, lambda: stage.as_(cast.capsule).open(campaign, start, value=1000), {}

    return arrange


def _scoring(change, gradient=None, following=None, facts=None):
    """Scores the first of two waiting Gradients of an Open Campaign, with something wrong."""

    def arrange(stage, cast, project):
        campaign = stage.opened()
        for _ in range(2):
            stage.submit(campaign)
        state = stage.state(campaign)
        record, after = state.gradients[0].record, state.next_in_queue
        score = replace(NO_RISE, **change)
        record = replace(record, **gradient) if gradient else record
        after = replace(after, **following) if following else after
        client = stage.as_(cast.capsule)
        return campaign, lambda: client.score_gradient(campaign, record, score, after), facts or {}

    return arrange


def _score_nothing(stage, cast, project):
    campaign = stage.opened()
    client = stage.as_(cast.capsule)
    return (
        campaign,
        lambda: client.score_gradient(campaign, NOWHERE, NO_RISE, Next.none()),
        {"status": Status.OPEN},
    )


def _reject_after_target(stage, cast, project):
    campaign = stage.opened()
    for _ in range(2):
        stage.submit(campaign)
    stage.score(campaign, percent(80))
    record = stage.state(campaign).gradients[1].record
    client = stage.as_(cast.capsule)
    call = lambda: client.reject_gradient(campaign, record, Rejection.MALFORMED, NOTHING, NOTHING, Next.none())  # noqa: E731
    return campaign, call, {"status": Status.CLOSING}


def _unavailable_too_early(stage, cast, project):
    campaign = stage.opened()
    stage.submit(campaign)
    submitted_at = stage.state(campaign).gradients[0].record.submitted_at
    call = lambda: stage.reject(campaign, Rejection.UNAVAILABLE)  # noqa: E731
    return campaign, call, {"number": 0, "not_before": submitted_at + 1800}


def _submission(bundle, commitment, version, fee, facts):
    def arrange(stage, cast, project):
        campaign = stage.opened()
        client = stage.as_(cast.miner)
        return campaign, lambda: client.submit_gradient(campaign, bundle, commitment, version, fee=fee), facts

    return arrange


def _open_worth(value):
    def arrange(stage, cast, project):
        campaign = stage.create()
        facts = {"sent": value, "expected": 1000}
        return campaign, lambda: stage.as_(cast.capsule).open(campaign, START, value=value), facts

    return arrange


def _open_at_target(stage, cast, project):
    campaign = stage.create()
    start = replace(START, accuracy=percent(80))
    facts = {"start": percent(80), "target": percent(80)}
    return campaign, lambda: stage.as_(cast.capsule).open(campaign, start, value=1000), facts


def _stop_twice(stage, cast, project):
    campaign = stage.opened()
    stage.as_(cast.scientist).stop(campaign)
    ends_at = stage.state(campaign).ends_at
    return campaign, lambda: stage.as_(cast.scientist).stop(campaign), {"ends_at": ends_at}


def _long_reason(stage, cast, project):
    campaign = stage.create()
    call = lambda: stage.as_(cast.capsule).decline(campaign, "x" * 257)  # noqa: E731
    return campaign, call, {"length": 257, "longest": 256}


def _empty_rebase(stage, cast, project):
    campaign = stage.opened()
    return campaign, lambda: stage.as_(cast.capsule).rebase(campaign, blob("model"), NOTHING, NOTHING), {}


def _empty_delivery(stage, cast, project):
    campaign = stage.opened()
    stage.until(stage.state(campaign).ends_at)
    return campaign, lambda: stage.as_(cast.capsule).deliver(campaign, blob("delivery"), NOTHING), {}


def _same_again(stage, cast, project):
    terms = stage.terms()
    client = stage.as_(cast.scientist)
    campaign = client.create(1, terms).events[0].campaign
    return campaign, lambda: client.create(1, terms), {}


def _value_with_a_token(stage, cast, project):
    token = project.PlainToken.at(stage.token)
    stage.announce(currencies=(token.address,))
    campaign = stage.create(currency=str(token.address))
    return None, lambda: stage.as_(cast.capsule).open(campaign, START, value=7), {"sent": 7, "expected": 0}


def _token_with_a_fee(stage, cast, project):
    token = cast.stranger.deploy(project.FeeOnTransferToken)
    token.mint(cast.scientist, 10**6, sender=cast.stranger)
    stage.announce(currencies=(token.address,))
    facts = {"currency": token.address, "received": 1050 - 10, "expected": 1050}
    return None, lambda: stage.create(currency=str(token.address)), facts


def _token_that_lies(stage, cast, project):
    token = cast.stranger.deploy(project.FalseToken)
    stage.announce(currencies=(token.address,))
    return None, lambda: stage.create(currency=str(token.address)), {"token": token.address}


def _pay_who_refuses(stage, cast, project):
    """Sonar itself takes no coin outside of its functions, and says nothing when it refuses."""
    campaign = _declined(stage, cast)
    return None, lambda: stage.as_(cast.scientist).refund(campaign, stage.sonar.address), {}


def _twice(function):
    def arrange(stage, cast, project):
        campaign = _delivered(stage, cast)
        party, move = MOVES[function]
        account, state = getattr(cast, party), stage.state(campaign)
        again = lambda: move(stage.as_(account), campaign, state, account.address)  # noqa: E731
        again()
        return campaign, again, {}

    return arrange


def _claim(number, arrange_campaign, facts):
    def arrange(stage, cast, project):
        campaign = arrange_campaign(stage, cast)
        return campaign, lambda: stage.claim(campaign, number), facts

    return arrange


def _convict_what(number, change, facts):
    def arrange(stage, cast, project):
        campaign = _open(stage, cast)
        false = replace(stage.state(campaign).gradients[1].scored, number=number, **change)
        return campaign, lambda: stage.as_(cast.arbiter).convict(campaign, cast.miner.address, false), facts

    return arrange


def _announce_nothing(stage, cast, project):
    facts = {"capsule": cast.stranger.address}
    return None, lambda: stage.as_(cast.stranger).announce(NOTHING, CAPSULE_TERMS, []), facts


IMPROVED = {"accuracy": percent(1), "model": blob("m")}
CASES = {
    "the same Campaign again": Case("create", "CampaignExists", _same_again),
    "coin along with a token": Case("open", "WrongValue", _value_with_a_token),
    "a token that takes a fee": Case("create", "WrongAmountReceived", _token_with_a_fee),
    "a token that returns false": Case("create", "SafeERC20FailedOperation", _token_that_lies),
    "a receiver that refuses": Case("refund", "FailedCall", _pay_who_refuses),
    "refund twice": Case("refund", "NothingToRefund", _twice("refund")),
    "stop twice": Case("stop", "EndNotNearer", _stop_twice),
    "bond too small": Case("open", "WrongValue", _open_worth(999)),
    "bond too large": Case("open", "WrongValue", _open_worth(1001)),
    "measured at the target": Case("open", "StartNotBelowTarget", _open_at_target),
    "no public key": Case("open", "NoContent", _opening_without("public_key")),
    "no root of the key": Case("open", "NoContent", _opening_without("public_key_root")),
    "no Model": Case("open", "NoContent", _opening_without("model")),
    "no root of the Model": Case("open", "NoContent", _opening_without("model_root")),
    "a reason of 257 bytes": Case("decline", "ReasonTooLong", _long_reason),
    "nothing to score": Case("scoreGradient", "NothingToScore", _score_nothing),
    "nothing to reject after the target": Case("rejectGradient", "NothingToScore", _reject_after_target),
    "out of order": Case(
        "scoreGradient", "NotNextInOrder", _scoring({}, {"number": 1}, facts={"number": 1, "expected": 0})
    ),
    "another bundle": Case("scoreGradient", "WrongGradient", _scoring({}, {"bundle": blob("x")}, facts={"number": 0})),
    "another Miner": Case("scoreGradient", "WrongGradient", _scoring({}, {"miner": COIN}, facts={"number": 0})),
    "another due": Case("scoreGradient", "WrongGradient", _scoring({}, {"due": 1}, facts={"number": 0})),
    "another next": Case(
        "scoreGradient", "WrongNext", _scoring({}, following={"core": blob("x")}, facts={"number": 1})
    ),
    "another next due": Case("scoreGradient", "WrongNext", _scoring({}, following={"due": 2**40 - 1})),
    "accuracy above one": Case(
        "scoreGradient", "AccuracyOutOfRange", _scoring({"accuracy": WAD + 1}, facts={"accuracy": WAD + 1})
    ),
    "score without root": Case("scoreGradient", "NoContent", _scoring({"model_root": NOTHING})),
    "score without opened bundle": Case("scoreGradient", "NoContent", _scoring({"unsealed_bundle": NOTHING})),
    "score without evidence": Case("scoreGradient", "NoContent", _scoring({"evidence": NOTHING})),
    "a Model without improvement": Case(
        "scoreGradient",
        "ModelWithoutImprovement",
        _scoring(IMPROVED | {"accuracy": percent(0.5) - 1}, facts={"needed": percent(0.5)}),
    ),
    "an improvement without Model": Case(
        "scoreGradient",
        "ImprovementWithoutModel",
        _scoring({"accuracy": percent(0.5)}, facts={"accuracy": percent(0.5), "needed": percent(0.5)}),
    ),
    "unavailable too early": Case("rejectGradient", "UnavailableTooEarly", _unavailable_too_early),
    "a rebase without root": Case("rebase", "NoContent", _empty_rebase),
    "a delivery without root": Case("deliver", "NoContent", _empty_delivery),
    "bond collected twice": Case("collectBond", "NothingToCollect", _twice("collectBond")),
    "fees collected twice": Case("collectScoringFees", "NothingToCollect", _twice("collectScoringFees")),
    "no fee": Case(
        "submitGradient",
        "WrongValue",
        _submission(blob("b"), blob("c"), 0, 0, {"sent": 0, "expected": SCORING_FEE}),
    ),
    "a version of the future": Case(
        "submitGradient",
        "VersionUnknown",
        _submission(blob("b"), blob("c"), 1, SCORING_FEE, {"version": 1, "newest": 0}),
    ),
    "no bundle": Case("submitGradient", "NoContent", _submission(NOTHING, blob("c"), 0, SCORING_FEE, {})),
    "no commitment": Case("submitGradient", "NoContent", _submission(blob("b"), NOTHING, 0, SCORING_FEE, {})),
    "claim twice": Case("claim", "WrongGradient", _twice("claim")),
    "claim of what earned nothing": Case("claim", "NothingEarned", _claim(2, _delivered, {"number": 2})),
    "claim of what is void": Case("claim", "GradientVoid", _claim(1, _convicted, {"number": 1, "valid_below": 1})),
    "conviction of the unscored": Case("convict", "NotNextInOrder", _convict_what(2, {}, {"number": 2, "expected": 2})),
    "conviction of what was not said": Case(
        "convict", "WrongGradient", _convict_what(1, {"accuracy_before": 0}, {"number": 1})
    ),
    "no certificates": Case("announce", "NoCertificates", _announce_nothing),
}


@pytest.fixture
def wealthy_stage(stage, token):
    stage.token = token.address
    return stage


@pytest.mark.parametrize("case", CASES)
def test_case(wealthy_stage, cast, project, case):
    row = CASES[case]
    campaign, call, facts = row.arrange(wealthy_stage, cast, project)
    evidence = refused(call, row.error, campaign)
    assert {name: evidence[name] for name in facts} == facts


# ---------------------------------------------------------------------- nothing left out

#: Errors of the ABI that no party of a Campaign can see, and why.
UNSEEN = {
    "InsufficientBalance": "Sonar always holds what it owes in the coin (tests/contracts/test_histories.py)",
    "ReentrancyGuardReentrantCall": "only a contract that calls back in a payment sees it (tests/attacks)",
}


def test_the_tables_cover_the_abi(project):
    compiled = [project.Sonar.contract_type, project.CapsuleRegistry.contract_type]
    changing = {method.name for contract in compiled for method in contract.mutable_methods}
    assert set(MOVES) == set(ANSWERS) == changing - {"create", "announce"}
    assert changing - set(MOVES) <= {case.function for case in CASES.values()}

    seen = {answer for answers in ANSWERS.values() for answer in answers.values()} - {"-"}
    seen |= {case.error for case in CASES.values()} | {name for _, name, _ in BAD_TERMS.values()}
    seen |= set(ONE_PARTY.values())
    known = set().union(*(abi(contract.name).error_names for contract in compiled))
    assert known - seen == set(UNSEEN)
    assert known <= set(errors.BY_NAME)
