"""Every number the method rests on, in one table, with where it comes from.

Sources: *method* - the published "rhythm clock" this package starts from (docs/rhythm.md), kept as it is; *ours* -
chosen on three collections of real histories together (the coefficients of planned windows: with one left out each
time), see docs/rhythm.md for what it brought; *word* - a choice of words, not of arithmetic.
"""

from __future__ import annotations

from typing import Final

# What is looked at.
MEMORY_DAYS: Final = 400.0  # method: older posts say nothing about today
MEMORY_POSTS: Final = 4000  # method: bounds the cost of a refit

# How fast the past fades: half-lives in days, and what a gap of today weighs.
HALF_LIFE: Final = 90.0  # ours (method: 45)
SLOW_WEIGHT: Final = 0.7  # method
HALF_LIFE_FAST: Final = 10.0  # method: the part that follows a change of habits
FAST_WEIGHT: Final = 2.0  # ours (method: 1.35)
HALF_LIFE_SHAPE: Final = 90.0  # method: the shape of the week
HALF_LIFE_RATE: Final = 45.0  # ours: posts a day

# The shape of the week: how many hours of habit are assumed before there is evidence.
PRIOR_HOURS: Final = 36.0  # method: hour of the day
PRIOR_DAYS: Final = 40.0  # method: day of the week
PRIOR_CELL: Final = 6.0  # method: hour of the week against the product of the two
MOST_ACTIVE: Final = 0.95  # method: an hour is never more certain than this to hold a post
SLOWEST: Final = 0.08  # method: the clock never runs slower than this share of its mean

# Gaps, in hours of rhythm time.
SHORT: Final = 0.5  # method: gaps below are bursts, one act of posting
BINS: Final = 64  # method: of a quarter octave each, from SHORT up
TAIL_WEIGHT: Final = 30.0  # ours (method: 40): the tail starts where this many (weighted) gaps are longer
BODY_PRIOR: Final = 3.0  # method: pseudo-counts below the tail
LOMAX_SHAPES: Final = (1.0, 2.0, 3.0, 5.0, 12.0)  # method
WEIBULL_SHAPES: Final = (0.35, 0.5, 0.65, 0.8, 1.0)  # method
SCALES: Final = 13  # method: SHORT, doubled up to twelve times
BURST_POWER: Final = 0.3  # method: how gaps below SHORT are spread
PRIOR_LONG: Final = 0.2  # method: long gaps assumed before the first one
PRIOR_LONG_DAYS: Final = 0.4  # method: in this many days

# Pauses that come to everybody, however often they post: illness, holidays, a lost password.
PAUSES_A_YEAR: Final = 1.0  # ours (method: none): without them the busiest accounts cry wolf at 1 a year
PAUSE_SCALE: Final = 24.0  # ours: hours, of a Lomax curve of shape 1
MOST_PAUSES: Final = 0.5  # ours: never more than this share of the long gaps

# How often an account-year: the gaps to come count beside those seen, because accounts grow quieter as they age.
COMING_GAPS: Final = 6.0  # ours (method: 0): mean gaps added to the observed days
LONGEST_MEAN_DAYS: Final = 365.0  # ours: of which at most this much counts

# Tempo: after a lively week time runs faster for an account, after a slack one slower.
TEMPO_DAYS: Final = 7.0  # ours: of the last days ...
TEMPO_USUAL_DAYS: Final = 90.0  # ours: ... against these, both up to the last post
TEMPO_POWER: Final = 0.2  # ours: exponent of their ratio
TEMPO_PRIOR: Final = 0.2  # method: posts and days added to both
TEMPO_MOST: Final = 4.5  # ours: no faster than this, and no slower than its inverse
WINDOW_PACE: Final = 1.05  # ours: tempo of windows, times this; without it days without a post were said 2 % too often

# A window planned ahead: how the forecast for a window that starts now gives way to habits as the lead grows.
LEAD_HALF_DAYS: Final = 28.0  # ours: a lead of this many days counts half; longer ones count no more
HALF_LIFE_DAYS: Final = 20.0  # ours: days with and without posts
PRIOR_WEEKDAY: Final = 12.0  # method: days of all kinds added to each weekday
LEAD_CONSTANT: Final = -0.335  # ours, as are the three below: fitted by logistic regression, with the first forecast as
LEAD_FORECAST: Final = -1.273  # offset, on leads of 1 to 28 days; each coefficient is multiplied by lead / (lead + 28)
LEAD_SILENT_DAYS: Final = 1.106
LEAD_WEEKDAY: Final = 1.556

# The self-check without a model.
RANK_DAYS: Final = 90.0  # method: "longer than anything in its last 90 days" comes about 365/90 times a year
RANKED: Final = 16  # ours: as many gaps are kept, of the last RANK_DAYS and of MEMORY_DAYS
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)  # word: of the gaps, shown to people

# Deadlines, words.
DAYS_A_YEAR: Final = 365.25
LEAST_DEADLINE: Final = 3600.0  # method: seconds; no silence shorter than an hour is told
ENOUGH_POSTS: Final = 10  # method: below it the judge of the method did not score either
ENOUGH_DAYS: Final = 14.0  # method
USUAL_SILENCE: Final = 0.5  # word: a silence more likely than a post says nothing
UNUSUAL_CHANCE: Final = 0.05  # word
RARE_CHANCE: Final = 0.01  # word
RARE_HOURS: Final = 6.0  # method: no window up to this long is called rare, its tail is the weak spot
UNUSUAL_TIMES: Final = 12.0  # word: silences this long come at most this often a year
RARE_TIMES: Final = 1.0  # word
