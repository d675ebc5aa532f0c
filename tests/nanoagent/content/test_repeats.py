from nanoagent.content.repeats import MAX_PIECES, Repeats

NEW = "".join(f"{number} is new.\n" for number in range(100))


def test_a_text_is_shown_whole_at_first_and_by_its_start_and_length_again() -> None:
    repeats = Repeats()
    assert repeats.left_out(NEW) == NEW
    repeats.remember(NEW)
    assert (
        repeats.left_out(f"Before.\n{NEW}After.")
        == f"Before.\n{NEW[:64]}…[shown before: {len(NEW):,} characters]\nAfter."
    )


def test_a_text_that_was_cut_elsewhere_is_known_up_to_its_cut() -> None:
    repeats = Repeats()
    line = "".join(f"word{number} " for number in range(500))
    repeats.remember(f"Result: {line}")
    assert repeats.left_out(f"Result: {line[:1_000]}[cut]").endswith("[cut]")
    assert "shown before: 896 characters" in repeats.left_out(f"Result: {line[:1_000]}[cut]")


def test_a_short_repeat_is_shown_again() -> None:
    repeats = Repeats()
    repeats.remember(NEW[:400])
    assert repeats.left_out(NEW[:400]) == NEW[:400]
    assert repeats.left_out(f"{NEW[:400]}\n{'other ' * 100}") == f"{NEW[:400]}\n{'other ' * 100}"


def test_what_is_remembered_is_bounded_and_the_oldest_is_shown_again() -> None:
    repeats = Repeats()
    repeats.remember(NEW)
    for number in range(MAX_PIECES):
        repeats.remember(f"{number}{'x' * 80}")
    assert repeats.left_out(NEW) == NEW
