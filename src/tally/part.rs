//! What a record brought of one model, in the order of its lane.

use crate::batch::{Content, Digest, Section};
use crate::epoch::Model;
use crate::window::{Plan, Prepared};

/// All that a record brought of one model.
pub(super) struct Part<'c> {
    pub(super) name: &'c str,
    pub(super) rules: &'c Model,
    pub(super) sections: Vec<Served<'c>>,
    /// Rejects of versions that are served: where they stand, and the version. Those of other versions have no results
    /// to be counted in, and come from strangers in any number.
    rejects: Vec<(i64, &'c str)>,
}

/// Rows of one version with what folds them.
pub(super) struct Served<'c> {
    section: &'c Section,
    pub(super) plan: Option<&'c Plan>,
    pub(super) prepared: Option<Prepared<'c>>,
    /// The first section of the same version.
    pub(super) first_of_version: usize,
}

/// Rows that stand next to each other in their section.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}

/// What comes next in the lane.
#[derive(Clone, Copy)]
pub(super) enum Run<'c> {
    /// Rows of a section, with nothing else between them.
    Rows { section: usize, span: Span },
    /// A record of this version that could not be read.
    Reject(&'c str),
}

impl Span {
    /// The row behind the last.
    pub(super) fn end(self) -> usize {
        self.start + self.length
    }
}

impl<'c> Part<'c> {
    pub(super) fn of(content: &'c Content, name: &'c str, rules: &'c Model) -> Self {
        let mut sections: Vec<Served<'c>> = Vec::new();
        for section in content.sections.iter().filter(|section| section.model == name) {
            let version = rules.version(&section.version).filter(|_| section.profiled);
            let plan = version.map(|version| &version.plan);
            let same = |before: &Served<'_>| before.version() == section.version;
            sections.push(Served {
                section,
                plan,
                prepared: plan.map(|plan| plan.prepare(&section.rows)),
                first_of_version: sections.iter().position(same).unwrap_or(sections.len()),
            });
        }
        let rejects = content.rejects.iter().filter_map(|reject| {
            let (model, version) = reject.model.as_ref()?;
            let counts = model == name && rules.version(version).is_some();
            counts.then_some((reject.offset, version.as_str()))
        });
        Self { name, rules, sections, rejects: rejects.collect() }
    }

    /// Everything in the order of the lane, so that what becomes of a row does not depend on which others travelled in
    /// the same record.
    pub(super) fn runs(&self) -> Vec<Run<'c>> {
        if let ([served], []) = (&self.sections[..], &self.rejects[..]) {
            let span = Span { start: 0, length: served.section.rows.len() };
            return vec![Run::Rows { section: 0, span }];
        }
        let mut places: Vec<(i64, Run<'c>)> = Vec::new();
        for (section, served) in self.sections.iter().enumerate() {
            let row = |start| Run::Rows { section, span: Span { start, length: 1 } };
            let rows = served.section.rows.offsets.iter().enumerate();
            places.extend(rows.map(|(at, &offset)| (offset, row(at))));
        }
        places.extend(self.rejects.iter().map(|&(offset, version)| (offset, Run::Reject(version))));
        // Stable: it finds the runs that are in order already.
        places.sort_by_key(|&(offset, _)| offset);
        let mut runs: Vec<Run<'c>> = Vec::new();
        for (_, next) in places {
            match (runs.last_mut(), next) {
                (
                    Some(Run::Rows { section, span }),
                    Run::Rows { section: its, span: Span { start, .. } },
                ) if *section == its && span.end() == start => span.length += 1,
                _ => runs.push(next),
            }
        }
        runs
    }
}

impl<'c> Served<'c> {
    pub(super) fn version(&self) -> &'c str {
        &self.section.version
    }

    pub(super) fn offset(&self, row: usize) -> i64 {
        self.section.rows.offsets[row]
    }

    pub(super) fn offsets(&self, span: Span) -> &'c [i64] {
        &self.section.rows.offsets[span.start..span.end()]
    }

    /// Event times; none where the rows have none.
    pub(super) fn times(&self, span: Span) -> &'c [i64] {
        let times = self.section.rows.times.as_deref();
        times.and_then(|times| times.get(span.start..span.end())).unwrap_or_default()
    }

    /// The greatest event time.
    pub(super) fn latest(&self, span: Span) -> Option<i64> {
        self.times(span).iter().max().copied()
    }

    pub(super) fn digest(&self, span: Span) -> Digest {
        Digest::of(self.offsets(span).iter().copied())
    }
}
