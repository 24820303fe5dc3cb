//! The last windows of a model version, from each to the next.

use minicbor::{Decode, Encode};

use crate::diagnosis::ranking::{Ranking, Seen};
use crate::window::{Figure, Plan, WindowResult};

/// The last windows that one plan judged, in their order: as many as the settings ask for.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Recent {
    /// The epoch of the plan: figures of another are not of the same kind.
    #[n(0)]
    epoch: u64,
    #[n(1)]
    windows: Vec<Seen>,
}

impl Recent {
    /// Takes the next window, and ranks the columns over those up to it.
    pub fn take(&mut self, plan: &Plan, result: &WindowResult) -> Vec<Figure> {
        if self.epoch != result.epoch {
            self.windows.clear();
            self.epoch = result.epoch;
        }
        self.windows.push(Seen::of(plan, result));
        let most = usize::try_from(plan.criteria().rank_windows).unwrap_or(usize::MAX);
        let surplus = self.windows.len().saturating_sub(most);
        self.windows.drain(..surplus);
        Ranking::over(plan, &self.windows).figures()
    }

    /// What the newest window has brought; `None` where none is kept.
    pub fn newest(&self) -> Option<&Seen> {
        self.windows.last()
    }

    /// Takes what a person made of a window: other figures in place of its own, or none any more. What was ranked before
    /// stays as it is.
    pub fn amend(&mut self, result: &WindowResult, plan: Option<&Plan>) {
        if self.epoch != result.epoch {
            return;
        }
        let index = result.window_index;
        let Some(at) = self.windows.iter().position(|seen| seen.window == index) else { return };
        match plan {
            Some(plan) if !result.figures.is_empty() => self.windows[at] = Seen::of(plan, result),
            _ => drop(self.windows.remove(at)),
        }
    }
}
