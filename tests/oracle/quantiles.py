"""Quantiles by nearest rank and Kaplan-Meier, in integers only."""
from collections import Counter

NOT_REACHED = "non atteint"


def nearest_rank(values, percent):
    """The value at position ceil(p n) of the ascending values."""
    return sorted(values)[(len(values) * percent + 99) // 100 - 1]


def survival_median(observations):
    """First time with S <= 1/2, else NOT_REACHED; observations are (time, whether it is an event).

    Who is censored at a time is still at risk for the events of that time.
    """
    events = Counter(time for time, event in observations if event)
    leaving = Counter(time for time, _ in observations)
    at_risk, above, below = len(observations), 1, 1            # S = above / below
    for time in sorted(leaving):
        if events[time]:
            above *= at_risk - events[time]
            below *= at_risk
            if 2 * above <= below:
                return time
        at_risk -= leaving[time]
    return NOT_REACHED
