"""Numbers of member cards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadakat.kernel.errors import Invalid
from sadakat.loyalty.rules import cards

chosen = st.integers(0, cards.SPACE - 1)


@pytest.mark.parametrize("number", ["79927398713", "4111111111111111", "5500000000000004", "00"])
def test_published_numbers(number: str) -> None:
    assert cards.check_digit(number[:-1]) == number[-1]


@given(chosen, chosen)
def test_each_number_is_one_of_its_own(one: int, other: int) -> None:
    number = cards.card_number(one)
    assert len(number) == cards.DIGITS
    assert number[0] == "9"
    assert cards.read_number(f" {number[:4]} {number[4:8]}-{number[8:]}") == number
    assert (cards.card_number(other) == number) == (other == one)


@given(chosen, st.integers(0, cards.DIGITS - 1), st.integers(1, 9))
def test_one_wrong_digit_is_seen(one: int, place: int, by: int) -> None:
    number = cards.card_number(one)
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    with pytest.raises(Invalid, match="mistyped"):
        cards.read_number(wrong)


@given(chosen, st.integers(0, cards.DIGITS - 2))
def test_two_digits_that_have_changed_places_are_seen(one: int, place: int) -> None:
    number = cards.card_number(one)
    pair = number[place : place + 2]
    swapped = number[:place] + pair[::-1] + number[place + 2 :]
    if pair[0] == pair[1] or {*pair} == {"0", "9"}:
        assert cards.read_number(swapped) == swapped
        return
    with pytest.raises(Invalid, match="mistyped"):
        cards.read_number(swapped)


@pytest.mark.parametrize("text", ["", "900000000012345", "90000000001234500", "900000000012345x", "٩٠٠٠٠٠٠٠٠٠١٢٣٤٥٠"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(Invalid, match="a card number has 16 digits"):
        cards.read_number(text)
