//! The tally of one output, transaction by transaction.

use vigie::tally::{Ledger, Output, Tally};

use super::super::checkpoints::Stored;
use super::broker::Broker;

/// Who works an output off, or still believes to.
#[derive(Clone)]
pub(super) struct Reader {
    output: usize,
    generation: u64,
    tally: Tally,
    /// What the transaction that is open has published.
    fresh: Vec<Output>,
}

impl Reader {
    /// Fences whoever was here before, and catches up in silence.
    pub(super) fn begin(broker: &mut Broker, output: usize) -> Self {
        let kept = &mut broker.kept[output];
        kept.generation += 1;
        let tally = kept.state.as_ref().map(Stored::restore).unwrap_or_default();
        let mut reader = Self { output, generation: kept.generation, tally, fresh: Vec::new() };
        let Some(bytes) = broker.kept[output].ledger.clone() else { return reader };
        let ledger = Ledger::from_bytes(&bytes).unwrap();
        reader.take_to(broker, usize::try_from(ledger.position).unwrap());
        reader.fresh.clear();
        assert_eq!(reader.tally.ledger(), ledger, "it answers as before");
        reader
    }

    fn take_to(&mut self, broker: &Broker, end: usize) {
        let from = usize::try_from(self.tally.position()).unwrap();
        let log = &broker.logs[self.output];
        for (offset, (appended, record)) in log.iter().enumerate().take(end).skip(from) {
            let offset = i64::try_from(offset).unwrap();
            let (record, fresh) = (record.clone(), &mut self.fresh);
            self.tally.apply(offset, *appended, record, &broker.epochs, fresh).unwrap();
        }
    }

    /// Takes the next records.
    pub(super) fn take(&mut self, broker: &Broker, records: usize) {
        let position = usize::try_from(self.tally.position()).unwrap();
        self.take_to(broker, position + records);
    }

    /// Commits what the transaction has, all or nothing. Who was fenced commits nothing.
    pub(super) fn commit(&mut self, broker: &mut Broker, checkpoint: bool) {
        let kept = &mut broker.kept[self.output];
        let checkpoint = checkpoint.then(|| self.tally.checkpoint());
        if kept.generation != self.generation {
            return;
        }
        if let Some(checkpoint) = checkpoint {
            kept.state.get_or_insert_default().put(checkpoint);
        }
        kept.ledger = Some(self.tally.ledger().to_bytes());
        kept.published.append(&mut self.fresh);
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}
