//! Principal components: from sums of products to directions, and how far rows lie from what those span.

mod eigen;
mod products;
mod residual;

pub use self::eigen::{Eigen, symmetric_eigen};
pub use self::products::{LEADING, Products, Standardized};
pub use self::residual::{LANES, Residual};
