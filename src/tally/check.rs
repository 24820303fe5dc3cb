//! What a tally refuses to go on with.

use crate::batch::{Body, Lane, NO_SEGMENT, Record, Section, Values};
use crate::epoch::{Epochs, Model};
use crate::metric::ColumnKind;
use crate::profile::WindowRule;

/// Why a tally cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// Something of an epoch whose settings are not known.
    #[error("lane {lane}: records of epoch {epoch}, which the control topic does not have yet")]
    UnknownEpoch {
        /// The lane.
        lane: Lane,
        /// The epoch.
        epoch: u64,
    },
    /// Something of a policy that is not known.
    #[error("lane {lane}: records of policy {policy}, which the control topic does not have yet")]
    UnknownPolicy {
        /// The lane.
        lane: Lane,
        /// The policy.
        policy: u64,
    },
    /// Rows of a model that the epoch does not have: the log was written by other settings.
    #[error("lane {lane}: rows of model `{model}`, which epoch {epoch} does not have")]
    UnknownModel {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
    },
    /// Rows that are not laid out as the profile says.
    #[error(
        "lane {lane}: rows of model `{model}` have {found} columns, its profile in epoch {epoch} has {wanted}; the log \
         was written by another version"
    )]
    Layout {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
        /// Columns of the rows.
        found: usize,
        /// Columns of the profile.
        wanted: usize,
    },
    /// A column of rows that is not of the profile's kind.
    #[error(
        "lane {lane}: column `{column}` of model `{model}` is not what its profile in epoch {epoch} says; the log was \
         written by another version"
    )]
    Column {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
        /// The column.
        column: String,
    },
    /// Rows whose segments are not those of the profile.
    #[error(
        "lane {lane}: the segments of rows of model `{model}` are not those of its profile in epoch {epoch}; the log was \
         written by another version"
    )]
    Segments {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
    },
    /// Rows that cannot be cut into windows.
    #[error(
        "lane {lane}: rows of model `{model}` cannot be cut by {rule} as epoch {epoch} says; the log was written by \
         another version"
    )]
    Cut {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
        /// How its windows are cut.
        rule: WindowRule,
    },
}

/// The epoch of records that the join makes: none.
pub const JOINED: u64 = 0;

/// Whether what the record was made by is known, and its rows are laid out by it.
pub(super) fn check(record: &Record, epochs: &Epochs) -> Result<(), Halt> {
    let (lane, epoch, policy) = (record.header.lane, record.header.epoch, record.header.policy);
    // What the join found out is of the epochs that its predictions name.
    if epoch != JOINED && !epochs.epochs.contains_key(&epoch) {
        return Err(Halt::UnknownEpoch { lane, epoch });
    }
    // Number 0 is that of a world without policies.
    if policy > 0 && !epochs.policies.contains_key(&policy) {
        return Err(Halt::UnknownPolicy { lane, policy });
    }
    let Body::Rows(content) = &record.body else { return Ok(()) };
    for section in &content.sections {
        let Some(rules) = epochs.model(epoch, &section.model) else {
            return Err(Halt::UnknownModel { lane, model: section.model.clone(), epoch });
        };
        check_section(lane, epoch, section, rules)?;
    }
    Ok(())
}

pub(super) fn check_section(
    lane: Lane,
    epoch: u64,
    section: &Section,
    rules: &Model,
) -> Result<(), Halt> {
    let model = || section.model.clone();
    let rule = rules.timing.rule;
    let can_cut = match rule {
        WindowRule::Size(_) => true,
        WindowRule::Period(_) => section.rows.times.is_some(),
        WindowRule::Number(_) | WindowRule::Days { .. } => false,
    };
    if !can_cut {
        return Err(Halt::Cut { lane, model: model(), epoch, rule });
    }
    let wanted = match rules.version(&section.version) {
        Some(version) if section.profiled => &version.plan.profile().columns[..],
        _ => &[],
    };
    let (found, wanted_columns) = (section.rows.columns.len(), wanted.len());
    if found != wanted_columns {
        return Err(Halt::Layout { lane, model: model(), epoch, found, wanted: wanted_columns });
    }
    for (column, wanted) in section.rows.columns.iter().zip(wanted) {
        let kind = match column.values {
            Values::Numbers(_) => ColumnKind::Continuous,
            Values::Labels(_) => ColumnKind::Categorical,
            Values::Vectors(_) => ColumnKind::Embedding,
        };
        if kind != wanted.kind() {
            let column = wanted.name.clone();
            return Err(Halt::Column { lane, model: model(), epoch, column });
        }
    }
    let segments = rules.version(&section.version).filter(|_| section.profiled);
    let segments = segments.and_then(|version| version.plan.profile().segments.as_deref());
    let (splits, most) = segments.map_or((0, 0), |of| (of.splits.len(), of.all.len()));
    let is_one = |&of: &u16| of == NO_SEGMENT || usize::from(of) < most;
    let found = &section.rows.segments;
    if found.len() != splits || !found.iter().flat_map(|split| split.iter()).all(is_one) {
        return Err(Halt::Segments { lane, model: model(), epoch });
    }
    Ok(())
}
