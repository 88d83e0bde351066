"""How meaningful is a silence? An account's own rhythm, and what it says about windows and silences.

``fit`` turns posts and coverage into a ``Rhythm``, one small value that is stored; everything else asks that value.
docs/rhythm.md explains the maths, what was measured and where it ends. Pure: values in, values out.
"""
