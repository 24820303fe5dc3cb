//! How far a window's distribution lies from the reference's: one file a distance.
//!
//! All take integer counts, so a figure does not depend on the order in which rows came. None knows how the
//! counts were made: the cuts are those of [`doane_edges`](super::doane_edges),
//! [`equal_width_edges`](super::equal_width_edges), [`decile_cuts`](super::decile_cuts) or
//! [`DistinctValues`]. Missing values are in no count, except for [`psi`], where they are a bin.

mod chi2;
mod distinct;
mod hellinger;
mod jensen_shannon;
mod kolmogorov_smirnov;
mod l_infinity;
mod new_categories;
mod psi;
mod shares;
mod wasserstein;
mod wasserstein_gaps;

pub use self::chi2::{Chi2, chi2};
pub use self::distinct::{DistinctValues, NotDistinct};
pub use self::hellinger::hellinger;
pub use self::jensen_shannon::jensen_shannon;
pub use self::kolmogorov_smirnov::{kolmogorov_smirnov, kolmogorov_smirnov_binned};
pub use self::l_infinity::l_infinity;
pub use self::new_categories::NewCategories;
pub use self::psi::psi;
pub use self::wasserstein::{Tails, wasserstein, wasserstein_binned};
pub use self::wasserstein_gaps::{Bounded, wasserstein_from_gaps};
