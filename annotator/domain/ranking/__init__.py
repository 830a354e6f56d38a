"""Who is better than whom: strengths from pairwise judgments, and how sure they are.

Suffixes name shapes: R rows of counted votes, K contestants, Q rated contestants, C clusters, S style covariates,
P parameters (Q + S, and one more for ties in Davidson's model), B resamples, N pairs.
"""
