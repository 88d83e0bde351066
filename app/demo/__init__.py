"""A self-made world on loopback: accounts with known histories, served as real platforms serve them.

The demonstration and the replay bench poll it over real HTTP. It knows the truth; the rest of the program does not.
"""
