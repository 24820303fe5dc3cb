//! Somebody who knows SQL.

use std::fmt;
use std::sync::Arc;

use crate::intake::RowExpressions;
use crate::profile::Profile;

type Make = dyn Fn(&Profile) -> Result<Option<Arc<dyn RowExpressions>>, String> + Send + Sync;

/// Makes the SQL of a profile ready. Clones share it.
#[derive(Clone)]
pub struct ExpressionMaker(Arc<Make>);

impl ExpressionMaker {
    /// One that goes by this function.
    pub fn new(
        make: impl Fn(&Profile) -> Result<Option<Arc<dyn RowExpressions>>, String>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    pub(super) fn make(
        &self,
        profile: &Profile,
    ) -> Result<Option<Arc<dyn RowExpressions>>, String> {
        (self.0)(profile)
    }
}

impl fmt::Debug for ExpressionMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExpressionMaker").finish_non_exhaustive()
    }
}
