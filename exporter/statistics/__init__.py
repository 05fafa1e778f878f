"""Pure statistics on arrays: no clock, no metric, no threshold, no global random state."""

from .batch import ColumnComparison, FittedColumn, compare_columns
from .binning import bin_counts, bin_counts_sample, bin_counts_sorted, occupied_bins, quantile_edges
from .categories import AlignedCounts, align_categories
from .contingency import ChiSquare, chi_square, cramers_v, homogeneity_p_value
from .distances import (
    hellinger,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    normalised_wasserstein,
    psi,
    wasserstein,
)
from .kolmogorov import ks_p_value
from .moments import Moments
from .multiple import benjamini_hochberg
from .nulls import (
    hellinger_noise_floor,
    hellinger_p_value,
    jensen_shannon_noise_floor,
    jensen_shannon_p_value,
    ks_noise_floor,
    psi_noise_floor,
    psi_p_value,
)
from .power import minimum_detectable
from .sample import Sample
from .trend import Trend, mann_kendall
from .two_sample import (
    MeanShift,
    VarianceRatio,
    ks_statistic,
    mean_shift,
    variance_ratio,
)

__all__ = [
    "AlignedCounts",
    "ChiSquare",
    "ColumnComparison",
    "FittedColumn",
    "MeanShift",
    "Moments",
    "Sample",
    "Trend",
    "VarianceRatio",
    "align_categories",
    "benjamini_hochberg",
    "bin_counts",
    "bin_counts_sample",
    "bin_counts_sorted",
    "chi_square",
    "compare_columns",
    "cramers_v",
    "hellinger",
    "hellinger_noise_floor",
    "hellinger_p_value",
    "homogeneity_p_value",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "jensen_shannon_noise_floor",
    "jensen_shannon_p_value",
    "ks_noise_floor",
    "ks_p_value",
    "ks_statistic",
    "mann_kendall",
    "mean_shift",
    "minimum_detectable",
    "normalised_wasserstein",
    "occupied_bins",
    "psi",
    "psi_noise_floor",
    "psi_p_value",
    "quantile_edges",
    "variance_ratio",
    "wasserstein",
]
