"""The likelihood of counts: Poisson or negative binomial about a manifold of expected counts."""
