//! Versions that nobody uses any more: what they did last does not page for ever.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::alert::{AlertEvent, Newer};
use crate::tally::model::ModelState;
use crate::window::{ENGINE, WindowResult};

/// How near a version is to being retired.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Retiring {
    /// Its number in the order in which the versions of a model have sealed their first window; 0 before that.
    #[n(0)]
    born: u64,
    /// Where it stood when others were counted: its next window, and by size the rows of the one that is open.
    #[n(1)]
    stood: (u64, u64),
    /// How many windows newer versions have sealed since then, by version.
    #[n(2)]
    sealed: BTreeMap<String, u32>,
}

impl ModelState {
    /// Notes that a version has sealed a window, with that result. Where it has now sealed `after` of them while an older
    /// one has sealed none (and by size got not a row), that one's alerts are over, and the result says what became of it.
    ///
    /// Windows by period are counted when they are sealed, which does not depend on how lanes interleave.
    pub(super) fn retire_older(
        &mut self,
        result: &WindowResult,
        by_size: bool,
        after: u32,
    ) -> Vec<AlertEvent> {
        let version = result.version.as_str();
        let Some(newer) = self.versions.get_mut(version) else { return Vec::new() };
        if newer.retiring.born == 0 {
            self.born += 1;
            newer.retiring.born = self.born;
        }
        let born = newer.retiring.born;
        let newer = Newer { result, recent: newer.watch.recent() };
        let mut told = Vec::new();
        for (name, state) in &mut self.versions {
            let retiring = &mut state.retiring;
            if after == 0 || retiring.born >= born || state.watch.severity().is_none() {
                continue;
            }
            let of_it = self.windows.iter().filter(|(id, _)| by_size && id.version == *name);
            let rows = of_it.map(|(_, window)| window.rows).sum();
            let stands = (state.next_index, rows);
            if retiring.stood != stands {
                retiring.stood = stands;
                retiring.sealed.clear();
            }
            let sealed = retiring.sealed.entry(version.to_owned()).or_default();
            *sealed += 1;
            if *sealed >= after {
                let summary = format!(
                    "version `{name}` is retired: version `{version}` has sealed {sealed} windows, and it none"
                );
                retiring.sealed.clear();
                told.extend(state.watch.retire(ENGINE, &summary, newer));
            }
        }
        told
    }
}
