"""The engine of rules, apart from any face: which rule applies, and what is said of those that never do."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinit.recipe import Recipe
from fastinit.rules import Action, Item, Owners, parse_pairs, read_rules
from fastinit.text import listed

OWNERS = Owners(int, "number", "digit")


def rules_of(*globs):
    return parse_pairs([(glob, "zeros") for glob in globs], {}, OWNERS)


def items_of(names):
    return {name: Item((name,), 1) for name in names}


def numbers(rules, names):
    return {name: rule and rule.number for name, rule in rules.first_matches(items_of(names)).items()}


def test_first_rule_that_matches_applies():
    assert numbers(rules_of("ab*", "a*"), ("ab", "ac", "b")) == {"ab": 1, "ac": 2, "b": None}


def test_rule_that_never_applies_is_an_error_that_says_why():
    with pytest.raises(ValueError, match="rule 'c' matches nothing; the names are 'ab', 'ac', 'b'"):
        numbers(rules_of("a*", "c"), ("ab", "ac", "b"))
    message = "rule 'ab' never applies: 'a*', before it, already takes all that it matches"
    with pytest.raises(ValueError, match=re.escape(message)):
        numbers(rules_of("a*", "ab"), ("ab", "ac", "b"))


GLOBS = st.text("ab.*?[]!-", max_size=8)
NAMES = st.sets(st.text("ab.[]*", min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(GLOBS, max_size=6), NAMES)
def test_what_is_looked_up_by_its_text_is_what_trying_every_rule_in_turn_finds(globs, names):
    expected = {name: next((i for i, glob in enumerate(globs, 1) if fnmatchcase(name, glob)), None) for name in names}
    unused = sorted(set(range(1, len(globs) + 1)) - set(expected.values()))
    if not unused:
        assert numbers(rules_of(*globs), names) == expected
        return
    glob = globs[unused[0] - 1]
    why = "never applies" if any(fnmatchcase(name, glob) for name in names) else "matches nothing"
    with pytest.raises(ValueError, match=re.escape(f"rule {glob!r} {why}")):
        numbers(rules_of(*globs), names)


def test_rule_is_looked_up_by_each_of_its_patterns_and_each_of_the_names():
    table = {"rule": [{"name": ["x", "*.b"], "scheme": "ones"}, {"name": "*", "scheme": "zeros"}]}
    rules = read_rules(table, {})
    tied = {"a.b": Item(("a.b", "c"), 1), "d": Item(("d", "x"), 1), "e": Item(("e",), 1)}
    assert [rule.number for rule in rules.first_matches(tied).values()] == [1, 1, 2]


def test_types_of_owners_and_functions_of_them_are_rules():
    pairs = [((bool, "b*"), lambda owner, name: ("constant", owner)), (int, None)]
    rules = parse_pairs(pairs, {None: Action.KEEP}, OWNERS)
    items = {"x.bias": Item(("x.bias",), 1, True, "bias"), "x.a": Item(("x.a",), 1, True, "a"), "y": Item(("y",), 0, 3)}
    chosen = {name: rule.choose(items[name]) for name, rule in rules.first_matches(items).items()}
    assert chosen == {"x.bias": Recipe.of("constant", True), "x.a": Action.KEEP, "y": Action.KEEP}


def test_words_for_owners_are_the_faces():
    with pytest.raises(TypeError, match="type of number, or a tuple of a type and a pattern of its digits' own names"):
        parse_pairs([(str, "zeros")], {}, OWNERS)
    with pytest.raises(TypeError, match="len is not a function of a number and a digit's name"):
        parse_pairs([("*", len)], {}, OWNERS)


def test_a_spelling_counts_where_its_face_has_it_alone():
    table = {"rule": [{"name": "*", "scheme": "copy"}]}
    (rule,) = read_rules(table, {"copy": Action.COPY}).rules
    assert rule.choose(Item(("a",), 1)) is Action.COPY
    with pytest.raises(ValueError, match="scheme='copy'"):
        read_rules(table, {})


def test_thousands_of_names_are_not_all_listed():
    assert listed("abc") == "'a', 'b', 'c'"
    assert listed(map(str, range(1000)), 2) == "'0', '1' and 998 more"
