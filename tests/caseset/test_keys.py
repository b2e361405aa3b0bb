import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.caseset import CaseSetError
from analysis.caseset.keys import case_key, commitment, new_nonce, place, separation_group

NONCE = bytes(range(32))


def test_case_key_is_the_first_half_of_an_hmac() -> None:
    """Witness: printf 00000013_005.png | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f"""
    assert case_key(NONCE, "00000013_005.png") == "a1733d48e2a743d05b4548b82eaf18b0"


def test_the_other_uses_have_a_prefix() -> None:
    """Witness: the same with printf '\\0group\\0a.png\\0b.png', '\\0commitment\\0seed 7' and '\\0place\\0seed 7'."""
    assert separation_group(NONCE, ["b.png", "a.png"]) == "60be90f14bf8607c023407e3b01d7db3"
    assert commitment(NONCE, "seed 7") == "7d33c365e47c1eacee35650dbe21c62c72b73be75f2877aa3b275b3428e13a8e"
    assert place(NONCE, "seed 7") == "160a50d7f5d9e15dae7315827c32734dbe2c775e989a1fdacea5ac1c3381c9a5"


@given(
    st.sets(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=5
    )
)
def test_a_separation_group_does_not_know_the_order_of_its_members(names: set[str]) -> None:
    ordered = sorted(names)
    assert separation_group(NONCE, ordered) == separation_group(NONCE, ordered[::-1])


def test_another_nonce_gives_other_names() -> None:
    other = new_nonce()
    assert len(other) == 32
    assert case_key(NONCE, "a") != case_key(other, "a")
    assert commitment(NONCE, "7") != commitment(other, "7")
    assert commitment(NONCE, "7") != commitment(NONCE, "8")


def test_a_short_nonce_and_a_bad_source_are_refused() -> None:
    with pytest.raises(CaseSetError, match="expected a nonce of 32 bytes, got 16"):
        case_key(b"0" * 16, "a")
    for source in ("", "a\0b"):
        with pytest.raises(CaseSetError, match="without zero bytes"):
            case_key(NONCE, source)
