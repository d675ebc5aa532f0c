"""A check of your own: it takes the answer, and returns whether it will do, and why."""


def one_sentence(answer: str) -> tuple[bool, str]:
    """The answer is one sentence."""
    sentences = [part for part in answer.replace("?", ".").split(". ") if part.strip()]
    return len(sentences) == 1, f"has {len(sentences)} sentences"
