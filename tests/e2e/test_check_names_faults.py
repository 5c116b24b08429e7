"""20,000 cases without a wrong key, and 1,000 corrupted ones of which at least 99 in 100 are named."""

import copy
import json
import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from gazal.core.case import WORLD_KINDS, hash_content
from gazal.core.store import parse_case, read_objects, write_cases
from gazal.errors import DataError
from gazal.world.check import check_lines, find_change
from gazal.world.faults import find_faults
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge


def check_file(path):
    return check_lines(path, read_objects(path))


PHRASES = {}
for record in (*load_knowledge().findings.values(), *load_knowledge().modifiers.values()):
    if record.__class__.__name__ in ("Finding", "FlagModifier"):
        for phrase in record.present:
            PHRASES[phrase] = record.absent[0]
        for phrase in record.absent:
            PHRASES[phrase] = record.present[0]


def change_key(rng, case):
    case["answer"] = rng.choice([letter for letter in case["options"] if letter != case["answer"]])


def negate_finding(rng, case):
    found = [
        p
        for p in PHRASES
        if f" {p}," in case["question"] or f" {p}." in case["question"] or f" {p} and" in case["question"]
    ]
    phrase = rng.choice(sorted(found))
    case["question"] = case["question"].replace(f" {phrase}", f" {PHRASES[phrase]}", 1)


def remove_finding(rng, case):
    at = [n for n in range(len(case["question"])) if case["question"].startswith(", ", n)]
    start = rng.choice(at)
    end = min(n for mark in (", ", " and ", ".") if (n := case["question"].find(mark, start + 2)) > 0)
    case["question"] = case["question"][:start] + case["question"][end:]


def change_number(rng, case):
    text = case["question"]
    at = rng.choice([n for n, c in enumerate(text) if c.isdigit()])
    case["question"] = text[:at] + rng.choice([d for d in "123456789" if d != text[at]]) + text[at + 1 :]


def change_option(rng, case):
    first, second = rng.sample(sorted(case["options"]), 2)
    if rng.random() < 0.5:
        case["options"][first], case["options"][second] = case["options"][second], case["options"][first]
    else:
        case["options"][first] = case["options"][second] if rng.random() < 0.5 else "sea water"


def leaves(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list):
        for key, value in enumerate(node):
            yield from leaves(value, (*path, key))
    elif path[-1:] != ("kind",):
        yield path, node


def change_truth(rng, case):
    path, value = rng.choice([(p, v) for p, v in leaves(case["truth"]) if v is not None])
    node = case["truth"]
    for key in path[:-1]:
        node = node[key]
    if isinstance(value, bool):
        node[path[-1]] = not value
    elif isinstance(value, int | float):
        node[path[-1]] = value + rng.choice([1, -1]) * (0.01 if isinstance(value, float) else 1)
    else:
        node[path[-1]] = "something_else"


def drop_truth(rng, case):
    path, _ = rng.choice([(p, v) for p, v in leaves(case["truth"]) if len(p) > 1])
    node = case["truth"]
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]


def retype_truth(rng, case):
    """The same value in another type."""
    path, value = rng.choice([(p, v) for p, v in leaves(case["truth"]) if isinstance(v, int | float)])
    node = case["truth"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = str(value) if rng.random() < 0.5 or isinstance(value, float) else float(value)


def add_to_truth(rng, case):
    node = rng.choice([v for v in case["truth"].values() if isinstance(v, dict)])
    node["zzz"] = next(iter(node.values()), "zzz")


def add_context(rng, case):
    case["context"] = "The patient is pregnant and allergic to penicillin."


def change_tag(rng, case):
    name = rng.choice(["specialty", "age_band", "sex", "topic"])
    case["tags"][name] = "male" if case["tags"]["sex"] == "female" else "female" if name == "sex" else "other"


def drop_difficulty(rng, case):
    case["tags"]["difficulty"] = None


def drop_option(rng, case):
    last = max(case["options"])
    if last == case["answer"]:
        raise ValueError
    del case["options"][last]


def stretch_text(rng, case):
    case["question"] = case["question"].replace(". ", rng.choice([".  ", ".\n", ". \t"]), 1)


CORRUPTIONS = (
    retype_truth,
    add_to_truth,
    add_context,
    change_tag,
    drop_difficulty,
    drop_option,
    stretch_text,
    change_key,
    negate_finding,
    remove_finding,
    change_number,
    change_option,
    change_truth,
    drop_truth,
)
KINDS = {negate_finding: ("diagnosis", "treatment"), remove_finding: ("diagnosis", "treatment", "prognosis")}


def corrupt(rng, number, originals, rehash):
    """Corrupt one case in one way; with ``rehash`` the id is made to fit, so only the content can tell."""
    corruption = CORRUPTIONS[number % len(CORRUPTIONS)]
    kinds = KINDS.get(corruption, WORLD_KINDS[:4] if corruption is change_number else WORLD_KINDS)
    while True:
        case = copy.deepcopy(rng.choice(originals[rng.choice(kinds)]))
        before = copy.deepcopy(case)
        try:
            corruption(rng, case)
        except (IndexError, ValueError):
            continue  # Nothing of the sort in this case.
        if case != before:
            break
    if rehash:
        key = hash_content(case["context"], case["question"], case["options"])
        case["id"] = "/".join((*case["id"].split("/")[:2], key))
    return corruption.__name__, case


def is_named(case):
    try:
        return bool(find_faults(parse_case(case, "here")))
    except DataError:
        return True


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    path = tmp_path_factory.mktemp("cases") / "cases.jsonl"
    write_cases(path, make_cases(n=1500, seed=21))
    by_kind = {kind: [] for kind in WORLD_KINDS}
    for line in path.read_text().splitlines():
        case = json.loads(line)
        by_kind[case["kind"]].append(case)
    return by_kind


@pytest.mark.parametrize("rehash", [False, True], ids=["id kept", "id made to fit"])
def test_corrupted_cases_are_named(originals, rehash):
    rng, missed, n = random.Random(5), Counter(), 1000
    for number in range(n):
        name, case = corrupt(rng, number, originals, rehash)
        if not is_named(case):
            missed[name] += 1
    assert missed.total() <= n // 100, missed


def test_twenty_thousand_cases_hold(tmp_path):
    path = tmp_path / "cases.jsonl"
    assert write_cases(path, make_cases(n=20000, seed=77)) == 20000
    checked = check_file(path)
    assert (checked.n, checked.faults) == (20000, ())


def test_a_file_names_the_lines_and_a_twin_that_lost_its_partner(tmp_path):
    path = tmp_path / "cases.jsonl"
    write_cases(path, make_cases(["diagnosis", "prognosis"], n=20, seed=3, twins=True))
    assert check_file(path).faults == ()
    lines = path.read_text().splitlines()
    third = json.loads(lines[2])
    third["answer"] = next(letter for letter in third["options"] if letter != third["answer"])
    path.write_text("\n".join([*lines[:2], json.dumps(third), *lines[3:-1]]))
    found = {(fault.line, fault.what.split(":")[0]) for fault in check_file(path).faults}
    assert found == {(3, "key"), (len(lines) - 1, "twin")}


def test_twins_must_point_at_each_other_and_differ_in_one_thing(tmp_path):
    path = tmp_path / "cases.jsonl"
    for kind in ("diagnosis", "treatment", "uncertainty", "prognosis"):
        write_cases(path, make_cases([kind], n=12, seed=4, twins=True))
        cases = [json.loads(line) for line in path.read_text().splitlines()]
        lonely = copy.deepcopy(cases)
        lonely[1]["truth"]["twin"] = None
        crossed = copy.deepcopy(cases)
        crossed[0]["truth"]["twin"]["id"] = cases[3]["id"]
        for broken, word in ((lonely, "it names None"), (crossed, "names it, but it names")):
            path.write_text("".join(json.dumps(case) + "\n" for case in broken))
            assert any(word in fault.what for fault in check_file(path).faults), (kind, word)


def test_twins_that_differ_in_age_as_well_are_no_twins(originals):
    truth = parse_case(originals["diagnosis"][0], "here").truth
    name = next(iter(truth.shown))
    turned = replace(
        truth, shown={n: p for n, p in truth.shown.items() if n != name}, denied={**truth.denied, name: "x"}
    )
    assert find_change(truth, turned) == f"{name}: shown -> denied"
    assert find_change(truth, replace(turned, age=truth.age + 1)) is None
    assert find_change(truth, truth) is None


def test_a_huge_question_is_named_at_once(originals):
    case = copy.deepcopy(originals["uncertainty"][0])
    case["question"] += " The x is y% sensitive with a specificity of z%" * 2000
    start = time.perf_counter()
    assert any("characters are more than" in fault for fault in find_faults(parse_case(case, "here")))
    assert time.perf_counter() - start < 2.0


def test_no_posterior_is_added_or_left_out(originals):
    case = originals["diagnosis"][0]
    for name in case["truth"]["posterior"]:
        shorter = copy.deepcopy(case)
        del shorter["truth"]["posterior"][name]
        assert is_named(shorter), name
    longer = copy.deepcopy(case)
    longer["truth"]["posterior"]["zzz"] = 0.5
    assert is_named(longer)


def test_findings_that_do_not_go_together_are_named(originals):
    case = copy.deepcopy(next(c for c in originals["diagnosis"] if "Examination" not in c["question"]))
    at = next(mark for mark in (" Also", " Of note", " Which", " What") if mark in case["question"])
    extra = " Examination shows crackles at both lung bases and crackles over one lung area."
    case["question"] = case["question"].replace(at, extra + at, 1)
    assert any("do not go together" in fault for fault in find_faults(parse_case(case, "here")))


def test_an_option_dropped_everywhere_is_named(originals):
    case = copy.deepcopy(originals["treatment"][0])
    key = case["options"][case["answer"]]
    dropped = next(letter for letter in case["options"] if letter != case["answer"])
    for holder in (case, case["truth"]):
        name = "options" if holder is case else "candidates"
        holder[name] = dict(zip("ABC", [v for k, v in holder[name].items() if k != dropped], strict=True))
    case["answer"] = next(letter for letter, text in case["options"].items() if text == key)
    split = case["id"].split("/")[1]
    case["id"] = f"world/{split}/{hash_content('', case['question'], case['options'])}"
    assert any("instead of 4" in fault for fault in find_faults(parse_case(case, "here")))


def test_a_wrong_tag_or_split_is_named(originals):
    case = copy.deepcopy(originals["diagnosis"][0])
    case["tags"]["age_band"] = "child" if case["tags"]["age_band"] != "child" else "old"
    assert any(fault.startswith("tag") for fault in find_faults(parse_case(case, "here")))
    case = copy.deepcopy(originals["diagnosis"][0])
    case["id"] = case["id"].replace("/train/", "/test/")
    assert find_faults(parse_case(case, "here")) == ["id: the case belongs to the split train, not test"]
