"""The eight tables against `dict`, the hash functions against published values, the curves against theory."""

import gc
import json
import os
import re
import subprocess
import sys
import weakref
from fractions import Fraction
from math import prod
from random import Random
from urllib.parse import unquote

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tools import chromium

hashing = chapter("02_hash_tables")

MASK64 = 2**64 - 1
NAN = float("nan")
KEYS = [None, True, 0, -1, -2, 1.5, NAN, "", "a", "KEY1", "ключ", b"a", (1, "a"), frozenset(), *range(2, 40)]
ADVERSARIES = {
    "the default": hashing.scramble,
    "Python's": hash,
    "constant": lambda key: 7,
    "low entropy": lambda key: hash(key) % 3,
    "negative": lambda key: -1 - hash(key) % 5,
    "top bits alone": lambda key: hash(key) << 60,
    "beyond 64 bits": lambda key: hash(key) * 2**70 + hash(key) % 11,
}
SCHEMES = list(hashing.SCHEMES.values())

every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=list(hashing.SCHEMES))
every_hash = pytest.mark.parametrize("hash_function", ADVERSARIES.values(), ids=list(ADVERSARIES))


class Dictionaries(RuleBasedStateMachine):
    """All eight tables do what a dict does, step by step."""

    @initialize(name=st.sampled_from(list(ADVERSARIES)), full=st.booleans())
    def begin(self, name, full):
        self.witness = {}
        self.tables = []
        for scheme in SCHEMES:
            limit = min(scheme.most, 4) if full else None
            self.tables.append(scheme(hash_function=ADVERSARIES[name], fullest=limit))

    @rule(key=st.sampled_from(KEYS), value=st.integers())
    def store(self, key, value):
        for table in (self.witness, *self.tables):
            table[key] = value

    @rule(keys=st.lists(st.sampled_from(KEYS), max_size=30))
    def store_many(self, keys):
        for table in (self.witness, *self.tables):
            table.update((key, None) for key in keys)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key):
        if key in self.witness:
            for table in (self.witness, *self.tables):
                del table[key]
        else:
            for table in self.tables:
                with pytest.raises(KeyError, match="nan" if key is NAN else None):
                    del table[key]

    @rule(key=st.sampled_from(KEYS), missing=st.sampled_from([0, None]))
    def ask(self, key, missing):
        for table in self.tables:
            assert (key in table) == (key in self.witness)
            assert table.get(key, missing) == self.witness.get(key, missing)
            assert table.setdefault(key, 5) == self.witness.get(key, 5)
        self.witness.setdefault(key, 5)

    @rule(share=st.sampled_from([2, 3, 10]))
    def delete_many(self, share):
        doomed = list(self.witness)[::share]
        for table in (self.witness, *self.tables):
            for key in doomed:
                table.pop(key)

    @invariant()
    def all_agree(self):
        for table in getattr(self, "tables", []):
            table.check_invariants()
            assert len(table) == len(self.witness)
            assert dict(table.items()) == self.witness
            if isinstance(table, hashing.CompactDict):
                assert list(table) == list(self.witness)  # the order in which keys came


def test_all_tables_do_what_a_dict_does_under_thousands_of_steps_and_hostile_hashes():
    run_state_machine_as_test(
        Dictionaries, settings=settings(max_examples=70, stateful_step_count=50, deadline=None)
    )


@every_scheme
@every_hash
def test_a_table_keeps_hundreds_of_keys_through_growth_and_shrinks_back(scheme, hash_function):
    table, keys = scheme(hash_function=hash_function), list(range(-200, 200))
    for key in keys:
        table[key] = -key
    table.check_invariants()
    assert sorted(table) == keys and all(table[key] == -key for key in keys)
    largest = table.size
    for key in Random(1).sample(keys, len(keys)):
        del table[key]
    table.check_invariants()
    assert (len(table), table.size) == (0, 8) and largest >= 128


@every_scheme
def test_what_was_deleted_or_replaced_is_let_go(scheme):
    class Value:
        pass

    table = scheme((key, Value()) for key in range(50))
    held = [weakref.ref(value) for value in table.values()]
    for key in range(25):
        del table[key]
    for key in range(25, 50):
        table[key] = None
    gc.collect()
    assert [value() for value in held] == [None] * 50


@pytest.mark.parametrize("name", ["linear", "quadratic", "double", "back-shift"])
def test_a_deletion_that_empties_the_obvious_way_is_caught(name):
    class Forgetful(hashing.SCHEMES[name]):
        def remove(self, entry):  # as the blog post's reader would write it
            self.slots[self.where(entry)] = None

    with pytest.raises(AssertionError):  # by an invariant
        assert hashing.is_a_dictionary(Forgetful, hash, Random(1))


def test_a_table_that_never_replaces_is_caught():
    class Appending(hashing.ChainedTable):
        def __setitem__(self, key, value):
            code = self.code(key)
            self.add(self.new(code, key, value))
            self.count += 1

    with pytest.raises(AssertionError):
        assert hashing.is_a_dictionary(Appending, hash, Random(1))


@every_scheme
def test_what_cannot_be_a_key_is_refused_by_name_and_costs_nothing(scheme):
    table = scheme({"kept": 1})
    for attempt in (lambda: table.update([([1, 2], 3)]), lambda: table[[1, 2]], lambda: [1, 2] in table):
        with pytest.raises(TypeError, match=r"hashable.*\[1, 2\]"):
            attempt()
    with pytest.raises(KeyError, match="'lost'"):
        del table["lost"]
    table.check_invariants()
    assert table == {"kept": 1}


@every_scheme
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 12}, "12"),
        ({"size": 0}, "0"),
        ({"size": 4}, "4"),
        ({"fullest": 0}, "got 0"),
        ({"fullest": -1}, "-1"),
        ({"fullest": NAN}, "nan"),
    ],
)
def test_a_size_or_limit_that_cannot_be_is_refused_with_its_value(scheme, options, said):
    with pytest.raises(ValueError, match=said):
        scheme(**options)


@pytest.mark.parametrize("scheme", [each for each in SCHEMES if each is not hashing.ChainedTable])
def test_open_addressing_refuses_a_load_above_one_and_chains_accept_it(scheme):
    with pytest.raises(ValueError, match=r"1\.01"):
        scheme(fullest=1.01)
    assert hashing.filled(hashing.ChainedTable, range(100), fullest=20).size == 8


@every_scheme
def test_a_full_table_answers_and_grows(scheme):
    table = hashing.filled(scheme, range(8), fullest=min(1.0, scheme.most))
    assert "absent" not in table and len(table) == 8
    table["one more"] = 9
    assert table["one more"] == 9 and set(range(8)) <= set(table)


@every_scheme
def test_a_key_that_fails_to_compare_leaves_the_table_as_it_was(scheme):
    class Touchy:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            raise ZeroDivisionError("compared")

    table = scheme({1: "one", 2: "two"}, hash_function=hash)
    with pytest.raises(ZeroDivisionError):
        table[Touchy()] = 3
    table.check_invariants()
    assert dict(table.items()) == {1: "one", 2: "two"}


@every_scheme
def test_a_hash_that_is_no_whole_number_is_refused(scheme):
    with pytest.raises(TypeError, match=r"'a'.*2\.5"):
        scheme({"a": 1}, hash_function=lambda key: 2.5)


@every_scheme
def test_keys_that_come_or_go_during_a_loop_are_noticed(scheme):
    table = scheme({1: 1, 2: 2, 3: 3})
    with pytest.raises(RuntimeError, match="3 → 4"):
        for _ in table:
            table["new"] = 1
    assert len(table) == 4


@given(st.sampled_from(SCHEMES[1:2] + SCHEMES[3:5]), st.integers(0, MASK64), st.sampled_from([8, 32, 256]))
def test_a_probe_sequence_names_every_slot_once(scheme, code, size):
    assert sorted(scheme(size=size).path(code)) == list(range(size))


@given(st.integers(0, MASK64), st.sampled_from([8, 32, 256]))
def test_the_path_of_the_compact_layout_reaches_every_slot(code, size):
    path = hashing.CompactDict(size=size).path(code)
    assert {next(path) for _ in range(size + 14)} == set(range(size))  # 14 steps use up 64 bits


@every_scheme
def test_growth_moves_each_key_less_than_twice_and_sizes_are_powers_of_two(scheme):
    table = hashing.filled(scheme, range(3000))
    if scheme not in (hashing.RobinHoodTable, hashing.CuckooTable):  # their swaps and kicks count as well
        assert table.moves < 2 * 3000
    assert table.size & (table.size - 1) == 0


@every_scheme
def test_a_table_at_the_edge_of_growth_does_not_thrash(scheme):
    table = scheme()
    n = next(n for n in range(100, 2000) if table.update({n: n}) or table.size == 1024)
    before = table.size, table.moves
    for _ in range(50):
        del table[n]
        table[n] = n
    swaps = 50 * 60 if scheme in (hashing.RobinHoodTable, hashing.CuckooTable) else 50 * 20
    assert table.size == before[0] and table.moves - before[1] <= swaps


@given(st.sampled_from([2**power for power in range(3, 12)]))
def test_a_nervous_table_moves_everything_at_every_step(size):
    table = hashing.filled(hashing.Nervous, range(size))
    table["more"] = 1
    assert table.size == 2 * size
    del table["more"]
    assert table.size == size


def test_a_robin_hood_table_has_the_same_mean_distance_as_linear_probing_and_less_spread():
    for seed in range(5):
        keys = Random(seed).sample(range(10**9), 900)
        far = []
        for scheme in (hashing.LinearTable, hashing.RobinHoodTable):
            table = hashing.filled(scheme, keys, size=1024, fullest=1.0)
            far.append([(slot - e.code) % 1024 for slot, e in enumerate(table.slots) if e])
        assert np.mean(far[0]) == np.mean(far[1]) and np.std(far[1]) < np.std(far[0])


def test_a_cuckoo_table_below_one_half_seats_everybody_without_growing():
    for seed in range(5):
        keys = Random(seed).sample(range(10**9), 1850)
        table = hashing.filled(hashing.CuckooTable, keys, size=4096, fullest=0.5)
        assert (table.size, len(table.stash)) == (4096, 0) and table.moves < 1850


def test_a_cuckoo_search_looks_at_two_slots_and_the_stash():
    table = hashing.filled(hashing.CuckooTable, range(3000))
    for key in (*range(0, 3000, 7), *range(-500, 0)):
        table.probes = 0
        table.get(key)
        assert table.probes <= 2 + len(table.stash)


# hash functions


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("b", 0xAF63DF4C8601F1A5),
     ("c", 0xAF63DE4C8601EFF2), ("foobar", 0x85944171F73967E8)],
)  # fmt: skip
def test_fnv1a_gives_the_values_that_its_authors_published(text, code):
    assert hashing.fnv1a(text) == code


@pytest.mark.parametrize(
    ("length", "code"),
    [(0, 0x726FDB47DD0E0E31), (1, 0x74F839C593DC67FD), (2, 0x0D6C8009D9A94F5A), (3, 0x85676696D7FB7E2D),
     (15, 0xA129CA6149BE45E5)],
)  # fmt: skip
def test_siphash_gives_the_values_of_its_reference_code(length, code):
    assert hashing.siphash(bytes(range(length)), bytes(range(16)), 2, 4) == code


def test_siphash_with_a_zero_key_is_the_hash_of_a_python_without_randomisation():
    data = [Random(length).randbytes(length) for length in range(1, 70)]
    program = f"import json; print(json.dumps([hash(bytes.fromhex(h)) for h in {[d.hex() for d in data]}]))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True
    )
    assert [hashing.siphash(each) for each in data] == [code & MASK64 for code in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("seed", "numbers"),
    [(0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]),
     (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431])],
)  # fmt: skip
def test_mix64_makes_the_published_numbers_of_splitmix64(seed, numbers):
    steps = range(1, len(numbers) + 1)
    assert [hashing.mix64(seed + step * hashing.GOLDEN & MASK64) for step in steps] == numbers


@given(st.integers(0, MASK64), st.integers(0, MASK64))
def test_mix64_is_one_to_one(one, other):
    assert (hashing.mix64(one) == hashing.mix64(other)) == (one == other)


@given(st.text(max_size=30), st.integers(2, 200))
def test_the_polynomial_is_the_sum_of_its_powers(text, base):
    powers = reversed(range(len(text)))
    naive = sum(ord(letter) * base**power for letter, power in zip(text, powers, strict=True))
    assert hashing.polynomial(text, base) == naive % 2**64


@pytest.mark.parametrize(("text", "code"), [("hello", 99162322), ("Aa", 2112), ("BB", 2112)])
def test_the_polynomial_in_32_bits_is_that_of_java(text, code):
    assert hashing.polynomial(text) % 2**32 == code


@given(st.integers(-(2**70), 2**70), st.integers(1, 20))
def test_fibonacci_hashing_is_the_stretched_fraction_of_a_product(key, bits):
    fraction = Fraction(key % 2**64 * hashing.GOLDEN, 2**64) % 1
    assert hashing.fibonacci(key, bits) == int(fraction * 2**bits)
    assert abs(hashing.GOLDEN / 2**64 - (5**0.5 - 1) / 2) < 1e-16


@given(st.integers(0, MASK64), st.integers(0, 7), st.integers(0, 255))
def test_tabulation_changes_by_two_table_entries_when_one_byte_does(key, place, byte):
    drawn = hashing.Tabulation(Random(4))
    old = key.to_bytes(8, "little")
    new = old[:place] + bytes([byte]) + old[place + 1 :]
    change = drawn.tables[place][old[place]] ^ drawn.tables[place][byte]
    assert drawn(key) ^ drawn(int.from_bytes(new, "little")) == change


def test_chi_square_is_one_for_chance_zero_for_an_even_spread_and_m_for_none():
    rng = Random(9)
    by_lot = [hashing.chi_square([rng.randrange(256) for _ in range(2560)], 256) for _ in range(60)]
    assert abs(np.mean(by_lot) - 1) < 4 * (2 / 255 / 60) ** 0.5
    assert np.std(by_lot) == pytest.approx((2 / 255) ** 0.5, rel=0.4)
    assert hashing.chi_square(range(256), 256) == 0
    assert hashing.chi_square([3] * 2560, 256) == pytest.approx(2560)


def test_avalanche_is_a_half_for_a_random_function_and_one_bit_for_the_identity():
    drawn = Random(2)
    memory = {}
    lookup = lambda key: memory.setdefault(key, drawn.getrandbits(64))
    assert np.abs(hashing.avalanche(lookup, Random(3), 800) - 0.5).max() < 0.09
    assert hashing.avalanche(lambda key: key, Random(3), 800).sum() == pytest.approx(1)


@given(st.integers(0, 7))
def test_a_flood_is_made_of_different_names_with_one_code_in_java(power):
    names = hashing.flood(2**power)
    java = {sum(ord(c) * 31**i for i, c in enumerate(reversed(name))) for name in names}
    assert len(set(names)) == 2**power and len(java) == 1


def test_under_a_secret_key_hostile_names_cost_what_friendly_ones_do():
    friendly = hashing.filled(hashing.ChainedTable, [f"user{i}" for i in range(512)]).probes
    assert hashing.work(512, hashing.keyed) < 1.5 * friendly < 0.02 * hashing.work(512, hashing.polynomial)


# theory


@pytest.mark.parametrize("name", list(hashing.KNUTH))
@pytest.mark.parametrize("load", [0.2, 0.5, 0.9])
def test_a_hit_costs_what_misses_cost_on_average_while_the_table_was_filled(name, load):
    hit, miss = hashing.KNUTH[name]
    steps = (np.arange(20_000) + 0.5) / 20_000 * load
    compared = 1 if name == "chaining" else 0  # the key itself; elsewhere the empty slot stood for it
    assert compared + np.mean([miss(a) for a in steps]) == pytest.approx(hit(load), rel=1e-4)


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
def test_linear_probing_costs_what_the_exact_sum_of_knuth_says(load):
    m = 20_000
    n = int(load * m)
    terms = np.cumprod(np.concatenate(([1.0], (n - np.arange(600)) / m)))  # n(n−1)…(n−k+1) / mᵏ
    exact_miss = (1 + float(np.sum((np.arange(601) + 1) * terms))) / 2
    assert hashing.KNUTH["linear"][1](load) == pytest.approx(exact_miss, rel=0.01)


@pytest.mark.parametrize("name", ["chaining", "linear", "double"])
def test_a_filled_table_searches_at_the_cost_of_theory(name):
    scheme, rng = hashing.SCHEMES[name], Random(31)
    keys = rng.sample(range(2**40), 8192)
    table = hashing.filled(scheme, keys, size=16384, fullest=1.0)
    hit, miss = (formula(0.5) for formula in hashing.KNUTH[name])
    assert hashing.probes_per(table, keys) == pytest.approx(hit, rel=0.03)
    assert hashing.probes_per(table, range(-4000, 0)) == pytest.approx(miss, rel=0.06)


def test_the_share_of_empty_slots_is_that_of_poisson():
    share = prod([1 - 1 / 500] * 500)
    slots = {hashing.mix64(key) % 512 for key in range(512)}
    assert 1 - len(slots) / 512 == pytest.approx(share, abs=0.06)


@given(st.sampled_from([8, 64, 1000]), st.integers(1, 300), st.integers(2, 1024))
def test_a_stride_uses_as_many_slots_as_the_greatest_common_divisor_leaves(keys, stride, m):
    reached, slot = set(), 0
    for _ in range(keys):
        reached.add(slot)
        slot = (slot + stride) % m
    assert hashing.slots_used(stride, m, keys) == len(reached)


# exercises

bases = st.integers(31, 140)


@given(st.sampled_from([8, 16, 128]), st.data())
def test_the_solution_of_exercise_2_agrees_with_a_walk_from_home(size, data):
    home, slot, hole = (data.draw(st.integers(0, size - 1)) for _ in range(3))
    if slot != hole and slot != home:
        assert hashing.may_move(home, slot, hole, size) == hashing.walk(home, slot, hole, size)


@given(st.text(st.characters(min_codepoint=150, max_codepoint=900), min_size=2, max_size=2), bases)
def test_the_solution_of_exercise_3_collides_in_any_base(pair, base):
    other = hashing.twin(pair, base)
    assert other != pair and [ord(c) for c in other] == [ord(pair[0]) + 1, ord(pair[1]) - base]
    assert hashing.polynomial(other, base) == hashing.polynomial(pair, base)


def test_stubs_left_as_they_are_solve_nothing():
    untouched = chapter("02_hash_tables", without="solution")
    assert untouched.may_move(1, 2, 3, 8) is None and untouched.attack(untouched.twin)("ab", 31) is None


# the blog post's code, as it stands there

POST = r"""
function hashDivision(key, tableSize) { return key % tableSize; }
function hashMultiplication(key, tableSize) {
  const A = 0.6180339887;
  return Math.floor(tableSize * ((key * A) % 1));
}
class HashTableChaining {
  constructor(size = 53) { this.keyMap = new Array(size); }
  hash(key) {
    let total = 0;
    let WEIRD_PRIME = 31;
    for (let i = 0; i < Math.min(key.length, 100); i++) {
      let char = key[i];
      let value = char.charCodeAt(0) - 96;
      total = (total * WEIRD_PRIME + value) % this.keyMap.length;
    }
    return total;
  }
  set(key, value) {
    let index = this.hash(key);
    if (!this.keyMap[index]) { this.keyMap[index] = []; }
    this.keyMap[index].push([key, value]);
  }
  get(key) {
    let index = this.hash(key);
    if (this.keyMap[index]) {
      for (let i = 0; i < this.keyMap[index].length; i++) {
        if (this.keyMap[index][i][0] === key) { return this.keyMap[index][i][1]; }
      }
    }
    return undefined;
  }
}
class HashTableLinearProbing extends HashTableChaining {
  constructor(size = 53) { super(size); this.values = new Array(size); }
  set(key, value) {
    let index = this.hash(key);
    while (this.keyMap[index] !== undefined) {
      if (this.keyMap[index] === key) { this.values[index] = value; return; }
      index = (index + 1) % this.keyMap.length;
    }
    this.keyMap[index] = key;
    this.values[index] = value;
  }
  get(key) {
    let index = this.hash(key);
    while (this.keyMap[index] !== undefined) {
      if (this.keyMap[index] === key) { return this.values[index]; }
      index = (index + 1) % this.keyMap.length;
    }
    return undefined;
  }
  resize() {
    let oldKeyMap = this.keyMap;
    let oldValues = this.values;
    this.keyMap = new Array(oldKeyMap.length * 2);
    this.values = new Array(oldValues.length * 2);
    for (let i = 0; i < oldKeyMap.length; i++) {
      if (oldKeyMap[i] !== undefined) { this.set(oldKeyMap[i], oldValues[i]); }
    }
  }
}
"""


def in_javascript(folder, *programs):
    """What each program, (code, *given), returns in a Chromium that opens one page and leaves.

    Not the `browser` fixture: its event loop would stay behind, where other tests start their own.
    """
    path = chromium.find()
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"no browser, so no JavaScript ran: {chromium.ADVICE}")
    calls = ", ".join(f"((given) => {{{code}}})({json.dumps(given)})" for code, *given in programs)
    page = folder / "post.html"
    script = f"{POST}; document.body.textContent = encodeURIComponent(JSON.stringify([{calls}]))"
    page.write_text(f"<meta charset='utf-8'><body><script>{script}</script>")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [path, "--headless", *chromium.FLAGS, profile, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return json.loads(unquote(re.search(r"<body>(.*?)</body>", done.stdout, re.DOTALL)[1]))


def test_the_port_of_the_posts_hashes_agrees_with_their_javascript(tmp_path):
    rng = Random(6)
    drawn = ("".join(rng.choices("aAzZ09 _ñж", k=rng.randrange(130))) for _ in range(300))
    texts = ["", "A", "Z9", "user 1", *drawn]
    numbers = [rng.randrange(-(10**12), 10**12) for _ in range(300)]
    codes, slots = in_javascript(
        tmp_path,
        ("return given[0].map((text) => new HashTableChaining(53).hash(text) + 0)", texts),
        ("return given[0].map((key) => hashMultiplication(key, 1000))", numbers),
    )
    assert codes == [hashing.blog_hash(text, 53) for text in texts]
    assert slots == [hashing.blog_multiplication(key, 1000) for key in numbers]


def test_the_port_of_the_posts_tables_agrees_with_their_javascript(tmp_path):
    rng = Random(7)
    words = ["".join(rng.choices("abAZ1 ", k=2)) for _ in range(40)]
    steps = [[word, number] for number, word in enumerate(words)]
    code = """const table = new (given[2] ? HashTableChaining : HashTableLinearProbing)(53);
    for (const [key, value] of given[0]) table.set(key, value);
    return given[1].map((key) => table.get(key) ?? null)"""
    asked = [*words, "zz", "missing"]
    answers = in_javascript(tmp_path, (code, steps, asked, True), (code, steps, asked, False))
    for port, found in zip((hashing.BlogChaining(), hashing.BlogProbing()), answers, strict=True):
        for key, value in steps:
            port.set(key, value)
        assert found == [port.get(key) for key in asked]


def test_the_port_of_the_posts_resize_loses_what_its_javascript_loses(tmp_path):
    keys = ["a", "A", "Z9", "user 1", "k", "KEY1"]
    code = """const table = new HashTableLinearProbing();
    given[0].forEach((key, number) => table.set(key, number));
    table.resize();
    return [table.keyMap.length, given[0].map((key) => table.get(key) ?? null)]"""
    on_chains = """const resize = HashTableLinearProbing.prototype.resize;
    try { resize.call(new HashTableChaining()) } catch (error) { return error.name }"""
    (size, found), raised = in_javascript(tmp_path, (code, keys), (on_chains,))
    port = hashing.BlogProbing()
    for number, key in enumerate(keys):
        port.set(key, number)
    hashing.blog_resize(port)
    assert (size, found) == (port.size, [port.get(key) for key in keys])
    assert None in found and raised == "TypeError"
    with pytest.raises(AttributeError, match="values"):
        hashing.blog_resize(hashing.BlogChaining())


def test_the_posts_javascript_fails_as_the_notebook_says(tmp_path):
    new = "const table = new HashTableChaining(); "
    updated, negative, null, division, numbers = in_javascript(
        tmp_path,
        (new + "table.set('a', 1); table.set('a', 2); return table.get('a')",),
        (new + "table.set('A', 1); return Object.keys(table.keyMap)",),
        (new + "try { table.set(null, 1) } catch (error) { return error.message }",),
        ("return [hashDivision(-7, 10), hashDivision(2.5, 10)]",),
        (new + "return [7, 8, 99].map((key) => table.hash(key))",),
    )
    assert (updated, negative, division, numbers) == (1, ["-31"], [-7, 2.5], [0, 0, 0])
    with pytest.raises(TypeError) as raised:
        hashing.blog_hash(None, 53)
    assert str(raised.value) == null
