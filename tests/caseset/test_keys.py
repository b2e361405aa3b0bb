import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.caseset import CaseSetError
from analysis.caseset.keys import case_key, commitment, new_nonce, separation_group

NONCE = bytes(range(32))


def test_case_key_is_the_first_half_of_an_hmac() -> None:
    """Witness: printf 00000013_005.png | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f"""
    assert case_key(NONCE, "00000013_005.png") == "a1733d48e2a743d05b4548b82eaf18b0"


def test_uses_are_kept_apart() -> None:
    assert len({case_key(NONCE, "a"), separation_group(NONCE, ["a"]), commitment(NONCE, "a")[:32]}) == 3


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
