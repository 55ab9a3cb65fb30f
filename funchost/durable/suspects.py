"""When a function is taken for the cause of its process' death.

What waited while several processes died is suspected: it runs alone, and that is recorded before.
Where the process dies in each of these trials too, the function is the cause, and it is given up.
"""

__all__ = ["MOST_TRIALS", "SUSPICIOUS_DEATHS", "death_sentence"]

SUSPICIOUS_DEATHS = 3
MOST_TRIALS = 3


def death_sentence(trials: int) -> str:
    return f"its host process ended in each of {trials} attempts to run it"
