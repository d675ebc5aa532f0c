import threading

from nanoagent.content.repeats import MAX_PIECES, MIN_REPEAT_CHARACTERS, Repeats

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


def test_known_lines_in_another_order_or_from_different_texts_are_new() -> None:
    repeats = Repeats()
    lines = NEW.splitlines(keepends=True)
    repeats.remember(NEW)
    for line in lines:
        repeats.remember(line * 10)
    backwards = "".join(reversed(lines))
    assert repeats.left_out(backwards) == backwards
    mixed = "".join(one + other for one, other in zip(lines[:50], lines[50:], strict=True))
    assert repeats.left_out(mixed) == mixed


def test_a_repeat_does_not_go_on_from_one_text_into_the_next() -> None:
    repeats = Repeats()
    lines = NEW.splitlines(keepends=True)
    first, second = "".join(lines[:40]), "".join(lines[40:80])
    repeats.remember(first)
    repeats.remember(second)
    assert repeats.left_out(first + second) == first + second


def test_a_text_of_equal_lines_is_known_again_and_a_longer_one_in_stretches() -> None:
    repeats = Repeats()
    repeats.remember("again\n" * 200)
    marker = f"{('again' + chr(10)) * 11}"[:64] + "…[shown before: 1,200 characters]\n"
    assert repeats.left_out("again\n" * 400) == marker * 2


def test_a_list_that_grows_is_known_by_the_last_text_that_shows_it() -> None:
    repeats = Repeats()
    lines = NEW.splitlines(keepends=True)
    for count in range(1, 60):
        repeats.remember("".join(lines[:count]) + f"and {count} more")
    assert "shown before" in repeats.left_out("".join(lines[:60]))


def test_what_was_forgotten_in_part_is_known_by_the_rest() -> None:
    repeats = Repeats()
    repeats.remember(NEW)
    for number in range(MAX_PIECES - 50):
        repeats.remember(f"{number}{'x' * 80}")
    assert repeats.left_out(NEW).startswith("".join(NEW.splitlines(keepends=True)[:50]))
    assert "shown before" in repeats.left_out(NEW)


def test_a_repeat_is_as_long_as_it_says_or_is_shown() -> None:
    for length, is_shown in ((MIN_REPEAT_CHARACTERS - 1, True), (MIN_REPEAT_CHARACTERS, False)):
        repeats = Repeats()
        repeats.remember(NEW[:length])
        assert (repeats.left_out(NEW[:length]) == NEW[:length]) is is_shown


def test_as_many_pieces_as_are_remembered_are_known() -> None:
    repeats = Repeats()
    many = "".join(f"{number}\n" for number in range(MAX_PIECES))
    repeats.remember(many)
    assert repeats.left_out(many).endswith(f"…[shown before: {len(many):,} characters]\n")


def test_where_a_text_that_was_shown_twice_is_forgotten_once_the_second_is_known() -> None:
    repeats = Repeats()
    repeats.remember(NEW)
    repeats.remember("".join(f"{number} of the first half\n" for number in range(MAX_PIECES // 2)))
    repeats.remember(NEW)
    repeats.remember("".join(f"{number} of the second half\n" for number in range(MAX_PIECES // 2)))
    assert repeats.left_out(NEW).endswith(f"…[shown before: {len(NEW):,} characters]\n")


def test_a_finalizer_that_shows_a_text_while_another_is_remembered_does_not_hang() -> None:
    repeats, lines = Repeats(), NEW.splitlines(keepends=True)
    first, second = "".join(lines[:60]), "".join(lines[60:] * 2)

    class Interrupted(str):
        __slots__ = ()

        def splitlines(self, keepends: bool = False) -> list[str]:
            repeats.remember(second)
            return super().splitlines(keepends)

    thread = threading.Thread(target=repeats.remember, args=(Interrupted(first),), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    for text in (first, second):
        assert repeats.left_out(text).endswith(f"…[shown before: {len(text):,} characters]\n")
