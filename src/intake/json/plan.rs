//! Which places of an event are wanted: paths, made into a tree over keys and positions.

use super::Limits;
use super::scan::DEEPEST;
use crate::intake::path::{EventPath, Step};

/// How a value is put into its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// As what it is: number, text, boolean.
    Value,
    /// As text, numbers and booleans as they were written: for ids and versions, where `1.10` is not `1.1`, and a
    /// 64-bit id must not be rounded to a double.
    Text,
    /// As a list of numbers; all else as with [`Read::Value`].
    Numbers,
}

/// Why a path cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It stands for many.
    #[error("path `{0}` stands for every key of an object; name the keys, as in `{shown}`", shown = .0.under("age").unwrap_or(EventPath::Key))]
    Wildcard(EventPath),
    /// No event may be as deep as the path.
    #[error("path `{path}` has {steps} steps; events are read {limit} deep at most")]
    TooDeep {
        /// The path.
        path: EventPath,
        /// How many steps it has.
        steps: usize,
        /// How many an event may have.
        limit: usize,
    },
}

/// The paths to be read from every event. Each [`Plan::add`] gives out the slot where the value will be.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) limits: Limits,
    pub(super) slots: Vec<(EventPath, Read)>,
    /// The first is the event itself.
    pub(super) branches: Vec<Branch>,
}

/// A place in the event that is wanted itself, or on the way to one.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch {
    pub(super) path: Box<str>,
    pub(super) keys: Vec<(Box<str>, u32)>,
    pub(super) elements: Vec<(usize, u32)>,
    pub(super) value: Option<u32>,
    pub(super) text: Option<u32>,
    pub(super) numbers: Option<u32>,
}

impl Plan {
    /// A plan that wants nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, slots: Vec::new(), branches: vec![Branch::default()] }
    }

    /// Adds a path; the slot of its value. A path that was added before keeps its slot.
    ///
    /// # Errors
    ///
    /// For a wildcard, which stands for no single value, and a path that is deeper than any event may be.
    pub fn add(&mut self, path: &EventPath, read: Read) -> Result<usize, PlanError> {
        if let Some(slot) = self.slots.iter().position(|(its, how)| its == path && *how == read) {
            return Ok(slot);
        }
        let slot = self.slots.len();
        if let EventPath::Value(steps) = path {
            let limit = self.limits.depth.min(DEEPEST);
            if steps.len() > limit {
                return Err(PlanError::TooDeep { path: path.clone(), steps: steps.len(), limit });
            }
            if steps.contains(&Step::Every) {
                return Err(PlanError::Wildcard(path.clone()));
            }
            let mut at = 0;
            for done in 1..=steps.len() {
                at = self.step(at, &steps[..done]);
            }
            let branch = &mut self.branches[at as usize];
            let place = match read {
                Read::Value => &mut branch.value,
                Read::Text => &mut branch.text,
                Read::Numbers => &mut branch.numbers,
            };
            *place = Some(as_index(slot));
        }
        self.slots.push((path.clone(), read));
        Ok(slot)
    }

    /// How many slots the plan has.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The path of a slot.
    pub fn path(&self, slot: usize) -> Option<&EventPath> {
        self.slots.get(slot).map(|(path, _)| path)
    }

    /// The branch that the last of the steps leads to from the branch at `from`, grown where it is new.
    fn step(&mut self, from: u32, steps: &[Step]) -> u32 {
        let next = as_index(self.branches.len());
        let branch = &mut self.branches[from as usize];
        match steps.last() {
            Some(Step::Key(key)) => match branch.keys.binary_search_by(|(its, _)| its.cmp(key)) {
                Ok(found) => return branch.keys[found].1,
                Err(place) => branch.keys.insert(place, (key.clone(), next)),
            },
            Some(Step::Index(index)) => {
                match branch.elements.binary_search_by_key(index, |(its, _)| *its) {
                    Ok(found) => return branch.elements[found].1,
                    Err(place) => branch.elements.insert(place, (*index, next)),
                }
            }
            Some(Step::Every) | None => return from,
        }
        let path = EventPath::Value(steps.to_vec()).to_string().into();
        self.branches.push(Branch { path, ..Branch::default() });
        next
    }
}

fn as_index(position: usize) -> u32 {
    u32::try_from(position).expect("fewer than 2^32 paths and steps: they are written in settings")
}
